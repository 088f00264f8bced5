import { EventEmitter, once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../load/random.js';
import type { Release, RunningRelease } from './release.js';

/** In ms. */
const PAUSE = 50;

/** One of the processes behind the load balancer. */
export interface Instance {
  readonly release: Release;
  readonly origin: string;
  /** By `performance.now()`; from then on nothing of it runs. */
  readonly stoppedAt: number | undefined;
}

interface Member extends Instance {
  stoppedAt: number | undefined;
  inFlight: number;
  readonly running: RunningRelease;
}

/** Processes of an application behind a load balancer, replaced one by one. */
export class Fleet {
  readonly #members: Member[] = [];
  readonly #idle = new EventEmitter();

  constructor(private readonly launch: (release: Release) => Promise<RunningRelease>) {}

  /** Those that get requests now. */
  get instances(): readonly Instance[] {
    return this.#members;
  }

  async add(release: Release): Promise<void> {
    const running = await this.launch(release);
    this.#members.push({ release, running, origin: running.origin, inFlight: 0, stoppedAt: undefined });
  }

  /** A rolling deploy does so with each process: the new one gets requests before the oldest gets no more, and that one answers all it has. */
  async replaceOldest(release: Release): Promise<void> {
    await this.add(release);
    await this.#retire(this.#members.shift());
  }

  /** One instance does it for all, until nothing is left. */
  async convertRest(): Promise<void> {
    while ((await this.#members[0]?.running.convertRest()) !== 0) await pause(PAUSE);
  }

  async stop(): Promise<void> {
    for (const member of this.#members.splice(0)) await this.#retire(member);
  }

  /** Sends one request, to any instance or to any of those that are chosen. */
  async use<Answer>(
    random: Random,
    send: (instance: Instance) => Promise<Answer>,
    isChosen: (instance: Instance) => boolean = () => true,
  ): Promise<Answer> {
    const member = random.one(this.#members.filter(isChosen));
    member.inFlight++;
    try {
      return await send(member);
    } finally {
      if (--member.inFlight === 0) this.#idle.emit(member.origin);
    }
  }

  async #retire(member: Member | undefined): Promise<void> {
    if (member === undefined) throw new RangeError('The fleet has no instance to retire.');
    if (member.inFlight > 0) await once(this.#idle, member.origin);
    await member.running.stop();
    member.stoppedAt = performance.now();
  }
}
