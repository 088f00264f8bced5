import { setTimeout as pause } from 'node:timers/promises';
import type { Contents } from '../app/server-order.js';
import { Ledger } from './ledger.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

/** In ms. A request that takes longer has no answer: far beyond what the package promises. */
const PATIENCE = 20_000;
/** In ms. A visitor who is told 503 tries again after that: requests without a pause would take the processor from what they wait for. */
const PAUSE = 50;
/** In ms. A sign-in that cannot learn whether the session before it has ended ends it again later, after longer and longer pauses. */
const ENDED_WITHIN = 20_000;
const ENTRIES = 5;
const UNAVAILABLE = 503;
const OK = 200;

/** An answer of the application; `undefined` when none came. */
interface Answer {
  readonly status: number;
  readonly cookie: string | undefined;
  readonly body: unknown;
}

/** What happened to visitors that should not have, and what they were told. */
export interface Account {
  acknowledgedWrites: number;
  lostWrites: number;
  acknowledgedEnds: number;
  undoneEnds: number;
  acknowledgedSignIns: number;
  /** Sessions that were gone although nobody had ended them. */
  lostSessions: number;
  unavailable: number;
  unanswered: number;
  /** By status and code. */
  unexpected: Record<string, number>;
}

export function emptyAccount(): Account {
  return {
    acknowledgedWrites: 0,
    lostWrites: 0,
    acknowledgedEnds: 0,
    undoneEnds: 0,
    acknowledgedSignIns: 0,
    lostSessions: 0,
    unavailable: 0,
    unanswered: 0,
    unexpected: {},
  };
}

/**
 * One user in one browser, doing one thing after the other. It keeps an account of what it was told: an answer 200 is an acknowledgement, 503 or
 * none says that the outcome is unknown.
 */
export class Visitor {
  #cookie: string | undefined;
  #handle = '';
  #ledger = new Ledger();
  #serial = 0;
  /** Cookies of sessions that were acknowledged as ended. */
  readonly #ended: string[] = [];
  /** Those of them that a sign-in has ended. */
  readonly #replaced = new Set<string>();

  constructor(
    private readonly user: string,
    private readonly origins: readonly string[],
    private readonly random: Random,
    private readonly account: Account,
    private readonly timeline: Timeline,
  ) {}

  /** One step of a random walk. */
  async act(): Promise<void> {
    if (this.#cookie === undefined) return this.#signIn();
    await this.random.pick<() => Promise<void>>([
      [40, () => this.#change()],
      [20, () => this.#look()],
      [15, () => this.#increment()],
      [10, () => this.#rotate()],
      [4, () => this.#signIn()],
      [5, () => this.#signOut()],
      [4, () => this.#revoke()],
      [2, () => this.#revokeAll()],
    ])();
  }

  /** Looks at the session once more when all is well again, and tries every cookie whose session was ended. */
  async lookOnceMore(): Promise<void> {
    if (this.#cookie !== undefined) await this.#look();
    const endsBy = performance.now() + ENDED_WITHIN;
    for (const cookie of this.#ended) {
      while (this.#replaced.has(cookie) && performance.now() < endsBy && (await this.#isAlive(cookie))) await pause(PAUSE);
      if (await this.#isAlive(cookie)) this.account.undoneEnds++;
    }
  }

  async #isAlive(cookie: string): Promise<boolean> {
    const answer = await this.#send('GET', '/me', undefined, cookie);
    return answer?.status === OK && (answer.body as Contents).user !== null;
  }

  async #signIn(): Promise<void> {
    const before = this.#cookie;
    const answer = await this.#send('POST', `/login/${this.user}`);
    if (answer?.status !== OK) return this.#expect(answer, before !== undefined);
    this.account.acknowledgedSignIns++;
    if (before !== undefined) {
      this.#replaced.add(before);
      this.#end(before);
    }
    const { handle } = answer.body as Contents;
    this.#begin(answer.cookie, handle);
  }

  async #change(): Promise<void> {
    const name = `e${this.random.below(ENTRIES)}`;
    const serial = ++this.#serial;
    this.#ledger.mayHave(name, serial);
    const answer = await this.#send('POST', '/change', { name, serial });
    if (answer?.status !== OK) return this.#expect(answer, true);
    this.account.acknowledgedWrites++;
    this.#ledger.has(name, serial);
    this.#keep(answer.cookie);
  }

  async #increment(): Promise<void> {
    const answer = await this.#send('POST', '/increment');
    if (answer?.status === OK) {
      this.account.acknowledgedWrites++;
      this.#ledger.counted();
    } else {
      this.#ledger.mayHaveCounted();
      await this.#expect(answer, true);
    }
  }

  async #look(): Promise<void> {
    const answer = await this.#send('GET', '/me');
    if (answer?.status !== OK) return this.#expect(answer, true);
    const contents = answer.body as Contents;
    if (contents.user !== this.user) return this.#lose();
    this.account.lostWrites += this.#ledger.lostIn(contents);
    this.#keep(answer.cookie);
  }

  async #rotate(): Promise<void> {
    const answer = await this.#send('POST', '/rotate');
    if (answer?.status !== OK) return this.#expect(answer, true);
    this.#keep(answer.cookie);
  }

  async #signOut(): Promise<void> {
    const cookie = this.#cookie;
    const answer = await this.#send('POST', '/logout');
    if (answer?.status === OK && cookie !== undefined) this.#end(cookie);
    else await this.#expect(answer, true);
    // Without an answer it may have ended.
    this.#cookie = undefined;
  }

  async #revoke(): Promise<void> {
    const cookie = this.#cookie;
    const answer = await this.#send('POST', `/revoke/${this.user}/${this.#handle}`, undefined, '');
    if (answer?.status === OK && (answer.body as { ended: boolean }).ended && cookie !== undefined) this.#end(cookie);
    else if (answer?.status === OK) this.account.lostSessions++;
    else await this.#expect(answer, false);
    this.#cookie = undefined;
  }

  async #revokeAll(): Promise<void> {
    const cookie = this.#cookie;
    const answer = await this.#send('POST', `/revoke-all/${this.user}`, undefined, '');
    if (answer?.status === OK && cookie !== undefined) this.#end(cookie);
    else await this.#expect(answer, false);
    this.#cookie = undefined;
  }

  #begin(cookie: string | undefined, handle: string): void {
    this.#cookie = cookie;
    this.#handle = handle;
    this.#ledger = new Ledger();
  }

  #keep(cookie: string | undefined): void {
    if (cookie !== undefined) this.#cookie = cookie;
  }

  #end(cookie: string): void {
    this.account.acknowledgedEnds++;
    this.#ended.push(cookie);
  }

  #lose(): void {
    this.account.lostSessions++;
    this.#cookie = undefined;
  }

  /** An answer that acknowledges nothing. */
  async #expect(answer: Answer | undefined, isSignedIn: boolean): Promise<void> {
    if (answer === undefined) this.account.unanswered++;
    else if (answer.status === UNAVAILABLE) {
      this.account.unavailable++;
      await pause(PAUSE);
    } else if (answer.status === 401 && isSignedIn) this.#lose();
    else {
      const { code } = (answer.body ?? {}) as { code?: string };
      const name = `${answer.status}${code === undefined ? '' : ` ${code}`}`;
      this.account.unexpected[name] = (this.account.unexpected[name] ?? 0) + 1;
    }
  }

  async #send(method: string, path: string, body?: unknown, cookie = this.#cookie): Promise<Answer | undefined> {
    const sentAt = performance.now();
    const origin = this.random.one(this.origins);
    try {
      const response = await fetch(origin + path, {
        method,
        headers: { ...(cookie ? { cookie } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        signal: AbortSignal.timeout(PATIENCE),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      this.timeline.answered(origin, sentAt, response.status);
      return { status: response.status, cookie: cookieIn(response), body: parse(text) };
    } catch {
      // No answer: the account says how many there were.
      this.timeline.answered(origin, sentAt, undefined);
      return undefined;
    }
  }
}

/** `undefined` where none is set; the one that is set to be dropped is of no use either. */
function cookieIn(response: Response): string | undefined {
  const [pair] = (response.headers.getSetCookie()[0] ?? '').split(';', 1);
  return pair === undefined || pair === '' || pair.endsWith('=') ? undefined : pair;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The status says all.
  }
}
