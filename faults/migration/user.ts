import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../load/random.js';
import type { Fleet, Instance } from './fleet.js';
import { KeptSession, type Request } from './kept-session.js';
import type { MoveAccount } from './move-account.js';
import type { Contents } from './release.js';

/** Requests that a browser sends at once, each to an entry of its own where it writes. */
const AT_ONCE = 20;
const BROWSERS = 2;
/** In ms. A request that takes longer has no answer. */
const PATIENCE = 20_000;
/** In ms. */
const PAUSE = 50;
const OK = 200;
const UNAUTHORIZED = 401;
const UNAVAILABLE = 503;
const ERROR = 500;

interface Answer {
  /** `undefined` when none came. */
  readonly status: number | undefined;
  readonly body: unknown;
  readonly request: Request;
}

/** A browser with one cookie, and the session that it is signed in to. */
class Browser {
  cookie = '';
  session: KeptSession | undefined;

  /** Answers that are on their way at the same time set the cookie in the order in which they come. */
  keep(setCookies: readonly string[]): void {
    for (const setCookie of setCookies) {
      const [pair = ''] = setCookie.split(';', 1);
      this.cookie = pair.endsWith('=') ? '' : pair;
    }
  }
}

/** A session that was acknowledged as ended, and what would open it. */
interface Ended {
  readonly cookie: string;
  readonly session: KeptSession;
  readonly request: Request;
  /** Whether a sign-in has ended it, which may have to end it again later. */
  readonly isReplaced: boolean;
}

const hasAbilities = ({ release }: Instance) => release === 'convert' || release === 'moved';

/** One user in two browsers, doing one thing after the other, some of them in many requests at once. */
export class User {
  readonly #browsers = Array.from({ length: BROWSERS }, () => new Browser());
  #ended: Ended[] = [];
  /** A revocation was not acknowledged. It may run later, once, and end a sign-in that is under way then; no sign-in is answered before it and ended after. */
  #mayBeRevoked = false;

  constructor(
    private readonly name: string,
    private readonly fleet: Fleet,
    /** Of what is done. */
    private readonly random: Random,
    /** Of who gets the requests. It is another one, so that what is done does not depend on how long a deploy takes. */
    private readonly balance: Random,
    private readonly account: MoveAccount,
  ) {}

  /** One step of a random walk. */
  async act(): Promise<void> {
    const browser = this.random.one(this.#browsers);
    const [act, ifSignedOut] = this.random.pick<readonly [() => Promise<void>, () => Promise<void>]>([
      [30, [() => this.#write(browser), () => this.#signIn(browser)]],
      [15, [() => this.#look(browser), () => this.#signIn(browser)]],
      [25, [() => this.#manyAtOnce(browser), () => this.#signIn(browser)]],
      [6, [() => this.#signIn(browser), () => this.#signIn(browser)]],
      [6, [() => this.#signOut(browser), () => this.#signIn(browser)]],
      [4, [() => this.#signOutAmongWrites(browser), () => this.#signIn(browser)]],
      [4, [() => this.revokeAll(), () => this.revokeAll()]],
    ]);
    await (browser.session === undefined ? ifSignedOut() : act());
  }

  /** Signs in where nobody is signed in, and writes: for users who then stay away for a while. */
  async arrive(): Promise<void> {
    for (const browser of this.#browsers) {
      if (browser.session === undefined) await this.#signIn(browser);
      if (browser.session !== undefined) await this.#write(browser);
    }
  }

  /** Comes back, looks, and writes. */
  async comeBack(): Promise<void> {
    for (const browser of this.#browsers) {
      await this.#look(browser);
      if (browser.session !== undefined) await this.#write(browser);
    }
  }

  /** Ends its sessions in every way that there is. */
  async leave(): Promise<void> {
    for (const isAlone of [true, false]) {
      await this.arrive();
      for (const browser of this.#browsers) {
        if (browser.session !== undefined) await (isAlone ? this.#signOut(browser) : this.#signOutAmongWrites(browser));
      }
    }
    await this.arrive();
    await this.revokeAll();
  }

  /** Ends what is in both browsers, while they write. Only where an instance can do it. */
  async revokeAll(): Promise<void> {
    if (!this.fleet.instances.some(hasAbilities)) return;
    const signedIn = this.#browsers.filter(({ session }) => session !== undefined);
    const before = signedIn.map(({ cookie, session }) => ({ cookie, session }));
    const [answer] = await Promise.all([
      this.#send(new Browser(), 'POST', `/revoke-all/${this.name}`, { isChosen: hasAbilities }),
      ...signedIn.flatMap((browser) => [0, 1, 2].map((entry) => this.#tryToWrite(browser, entry))),
    ]);
    this.#mayBeRevoked = answer.status !== OK;
    if (answer.status !== OK) await this.#expect(answer);
    else for (const { cookie, session } of before) if (session !== undefined) this.#end(cookie, session, answer.request);
    for (const browser of signedIn) this.#forget(browser);
  }

  /** Looks at its sessions, and tries every cookie whose session was ended, at each of the instances. */
  async check(): Promise<void> {
    for (const { origin } of this.fleet.instances) {
      const here = (instance: Instance) => instance.origin === origin;
      for (const browser of this.#browsers) await this.#look(browser, here);
      for (const ended of this.#ended) await this.#checkEnd(ended, here);
    }
  }

  async #checkEnd(ended: Ended, here: (instance: Instance) => boolean): Promise<void> {
    const giveUpAt = performance.now() + PATIENCE;
    while (await this.#isAlive(ended, here)) {
      if (ended.isReplaced && hasAbilities(ended.request.instance) && performance.now() < giveUpAt) {
        await pause(PAUSE);
        continue;
      }
      this.#ended = this.#ended.filter((one) => one !== ended);
      if (ended.session.isUnderWholeSave(ended.request)) this.account.resurrectedEnds++;
      else this.account.undoneEnds[ended.request.instance.release]++;
      return;
    }
  }

  async #isAlive({ cookie }: Ended, here: (instance: Instance) => boolean): Promise<boolean> {
    const { status, body } = await this.#sendUntilServed(new Browser(), here, cookie);
    return status === OK && (body as Contents).user !== null;
  }

  /** When all is well again, it may take a process a moment to notice. */
  async #sendUntilServed(browser: Browser, here: (instance: Instance) => boolean, cookie?: string): Promise<Answer> {
    const giveUpAt = performance.now() + PATIENCE;
    for (;;) {
      const answer = await this.#send(browser, 'GET', '/me', { cookie, isChosen: here });
      if (!isOutage(answer) || performance.now() > giveUpAt) return answer;
      await pause(PAUSE);
    }
  }

  async #signIn(browser: Browser): Promise<void> {
    const { cookie, session } = browser;
    const answer = await this.#send(browser, 'POST', `/login/${this.name}`);
    if (answer.status !== OK) {
      if (this.#mayBeRevoked && isSessionGone(answer)) {
        this.#mayBeRevoked = false;
        this.account.revokedLate++;
      } else await this.#expect(answer);
      // What was there may be gone, and what is new may be there: nobody knows.
      return this.#forget(browser);
    }
    this.account.signIns++;
    this.#mayBeRevoked = false;
    if (session !== undefined) this.#end(cookie, session, answer.request, true);
    browser.session = new KeptSession();
  }

  async #look(browser: Browser, here?: (instance: Instance) => boolean): Promise<void> {
    const { session } = browser;
    if (session === undefined) return;
    const answer = await (here === undefined ? this.#send(browser, 'GET', '/me') : this.#sendUntilServed(browser, here));
    if (answer.status !== OK) return this.#expect(answer);
    const { user, entries } = answer.body as Contents;
    if (user !== this.name) return this.#signedOut(browser);
    const { lost, overwritten } = session.lossesIn(entries);
    for (const release of lost) this.account.lostWrites[release]++;
    this.account.overwrittenWrites += overwritten;
  }

  async #write(browser: Browser, entry = this.random.below(AT_ONCE)): Promise<void> {
    if ((await this.#tryToWrite(browser, entry)) === UNAUTHORIZED) this.#signedOut(browser);
  }

  /** Answers with the status. */
  async #tryToWrite(browser: Browser, entry: number): Promise<number | undefined> {
    const { session } = browser;
    if (session === undefined) throw new TypeError('Nobody is signed in in this browser.');
    const name = `e${entry}`;
    const serial = session.nextSerial();
    const answer = await this.#send(browser, 'POST', '/change', { body: { name, serial } });
    const { status, request } = answer;
    if (status === UNAUTHORIZED) return status;
    session.wrote(name, serial, request, status === OK ? 'acknowledged' : 'unknown');
    if (status === OK) this.account.writes++;
    else await this.#expect(answer);
    return status;
  }

  async #manyAtOnce(browser: Browser): Promise<void> {
    const statuses = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, entry) => (entry % 4 === 0 ? this.#read(browser) : this.#tryToWrite(browser, entry))),
    );
    if (statuses.includes(UNAUTHORIZED)) return this.#signedOut(browser);
    await this.#look(browser);
  }

  async #read(browser: Browser): Promise<number | undefined> {
    const answer = await this.#send(browser, 'GET', '/me');
    if (answer.status !== OK) await this.#expect(answer);
    else if ((answer.body as Contents).user === null) return UNAUTHORIZED;
    return answer.status;
  }

  async #signOut(browser: Browser): Promise<void> {
    const { cookie, session } = browser;
    const answer = await this.#send(browser, 'POST', '/logout');
    if (answer.status === UNAUTHORIZED) return this.#signedOut(browser);
    if (answer.status !== OK) await this.#expect(answer);
    else if (session !== undefined) this.#end(cookie, session, answer.request);
    this.#forget(browser);
  }

  /** Writes that come too late are told that nobody is signed in, or write to nothing. */
  async #signOutAmongWrites(browser: Browser): Promise<void> {
    await Promise.all([this.#signOut(browser), ...Array.from({ length: AT_ONCE - 1 }, (_, entry) => this.#tryToWrite(browser, entry))]);
  }

  #end(cookie: string, session: KeptSession, request: Request, isReplaced = false): void {
    this.account.ends[request.instance.release]++;
    this.#ended.push({ cookie, session, request, isReplaced });
  }

  #signedOut(browser: Browser): void {
    this.account.signedOut++;
    this.#forget(browser);
  }

  #forget(browser: Browser): void {
    browser.cookie = '';
    browser.session = undefined;
  }

  /** An answer that acknowledges nothing. */
  async #expect(answer: Answer): Promise<void> {
    const { status, request } = answer;
    if (isOutage(answer)) {
      this.account.unavailable++;
      await pause(PAUSE);
    } else if (status === undefined) this.account.unanswered[request.instance.release]++;
    else {
      const code = codeOf(answer);
      const name = `${status}${code === undefined ? '' : ` ${code}`}`;
      this.account.unexpected[name] = (this.account.unexpected[name] ?? 0) + 1;
    }
  }

  #send(browser: Browser, method: string, path: string, { body, cookie = browser.cookie, isChosen }: SendOptions = {}): Promise<Answer> {
    const send = async (instance: Instance): Promise<Answer> => {
      const sentAt = performance.now();
      this.account.requests++;
      try {
        const response = await fetch(instance.origin + path, {
          method,
          headers: { ...(cookie === '' ? {} : { cookie }), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
          signal: AbortSignal.timeout(PATIENCE),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        browser.keep(response.headers.getSetCookie());
        return { status: response.status, body: parse(text), request: { instance, sentAt, answeredAt: performance.now() } };
      } catch {
        // No answer: the account says how many there were.
        return { status: undefined, body: undefined, request: { instance, sentAt, answeredAt: undefined } };
      }
    };
    return this.fleet.use(this.balance, send, isChosen);
  }
}

/** An old application says 500 of a Redis that fails. */
function isOutage({ status, request }: Answer): boolean {
  return status === UNAVAILABLE || (status === ERROR && request.instance.release === 'old');
}

function isSessionGone(answer: Answer): boolean {
  return answer.status === UNAUTHORIZED && codeOf(answer) === 'SESSION_GONE';
}

function codeOf({ body }: Answer): string | undefined {
  return ((body ?? {}) as { code?: string }).code;
}

interface SendOptions {
  readonly body?: unknown;
  readonly cookie?: string | undefined;
  readonly isChosen?: ((instance: Instance) => boolean) | undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The status says all.
  }
}
