import type { Instance } from './fleet.js';
import type { Release } from './release.js';

/** When something was asked of an instance, and when it was answered: absent where no answer came, and it may run as long as the instance does. */
export interface Request {
  readonly instance: Instance;
  readonly sentAt: number;
  readonly answeredAt: number | undefined;
}

interface Write {
  readonly serial: number;
  readonly request: Request;
}

/** What has become of writes: kept as promised, lost, or overwritten by an old instance, which saves a session as a whole. */
export interface Losses {
  /** By the release that acknowledged them. */
  lost: Release[];
  overwritten: number;
}

/** What one session must hold, by what its browser was told. Many requests may have written to it at the same time. */
export class KeptSession {
  #serial = 0;
  /** By name of the entry: the write that was last acknowledged. One request at a time writes to an entry. */
  readonly #acknowledged = new Map<string, Write>();
  /** Serial numbers of writes whose outcome is unknown: each may still happen at any time. */
  readonly #possible = new Map<string, Set<number>>();
  /** Saves of the whole session by instances of the old release. */
  readonly #wholeSaves = new Set<Request>();

  nextSerial(): number {
    return ++this.#serial;
  }

  /** A change was asked for, and answered so. */
  wrote(name: string, serial: number, request: Request, outcome: 'acknowledged' | 'unknown'): void {
    if (request.instance.release === 'old') this.#wholeSaves.add(request);
    if (outcome === 'acknowledged') this.#acknowledged.set(name, { serial, request });
    else this.#possible.set(name, (this.#possible.get(name) ?? new Set()).add(serial));
  }

  /** Which acknowledged writes are not in what the session holds. Each is told once. */
  lossesIn(entries: Readonly<Record<string, number>>): Losses {
    const losses: Losses = { lost: [], overwritten: 0 };
    for (const [name, { serial, request }] of this.#acknowledged) {
      const found = entries[name];
      if (found === serial || (found !== undefined && this.#possible.get(name)?.has(found) === true)) continue;
      this.#acknowledged.delete(name);
      if (this.isUnderWholeSave(request)) losses.overwritten++;
      else losses.lost.push(request.instance.release);
    }
    return losses;
  }

  /** Whether an old instance may have loaded the session before that ran, and saved all of it after that ran. */
  isUnderWholeSave(request: Request): boolean {
    return [...this.#wholeSaves].some((save) => save !== request && save.sentAt < endOf(request) && request.sentAt < endOf(save));
  }
}

function endOf({ answeredAt, instance }: Request): number {
  return answeredAt ?? instance.stoppedAt ?? Infinity;
}
