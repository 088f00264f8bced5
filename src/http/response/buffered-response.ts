import { AsyncResource } from 'node:async_hooks';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { watchClient, type ClientWatcher } from './client-disconnect.js';
import { putGate, type Gate, type GatedMethods } from './buffered-methods.js';
import { doneOf, HeldWrites, refuseWrite, swallow, type WriteArguments } from './buffered-writes.js';
import { applyHead, refuse, type HeadArguments } from './response-headers.js';
import { hasStatusMessage, SentLook } from './headers-sent-override.js';

type GateState = 'waiting' | 'held' | 'open' | 'closed' | 'abandoned';

/** The answer to send in the place of an abandoned one. */
export interface Substitute {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What stands between an application and its client. */
export interface GateKeeper {
  /** Called before the first byte leaves. What it answers with a promise is waited for; when it throws or rejects, the answer is abandoned. */
  beforeHead(): void | Promise<void>;
  /** Called before the end of a response whose head is out already, and when the client has gone. It may not fail. */
  beforeEnd(): void | Promise<void>;
  /** The head is about to leave. */
  head(): void;
  /** The answer that did not pass is abandoned. */
  substitute(error: unknown): Substitute;
  /** The answer has passed, and is abandoned since Node refuses to send what the application made of it. */
  substituteRefused(error: unknown): Substitute;
}

/**
 * Holds a response back until its keeper lets it pass. What the application writes meanwhile is kept in order.
 *
 * - `waiting`: nothing was written. An explicit `writeHead` is kept: it sends nothing by itself.
 * - `held`: something was written, and the keeper has not let it pass.
 * - `open`: the head is out.
 * - `closed`: the end is out.
 * - `abandoned`: something else was answered; the rest of the application's answer goes nowhere.
 *
 * Goes by the response that it was given: what calls its methods may be a proxy of it, or inherit from it.
 */
export class ResponseGate implements Gate, ClientWatcher {
  #state: GateState;
  #head: [statusCode: number, reason?: string] | undefined;
  #look: SentLook | undefined;
  #held: HeldWrites | undefined;
  /** Whether the application has ended its answer, and Node has not refused to. */
  #isEnded = false;
  #isWatching = false;
  #asker: AsyncResource | undefined;
  #watchers: Set<ClientWatcher> | undefined;
  readonly #earlierHeaders: OutgoingHttpHeaders;
  readonly #own: Partial<GatedMethods> | undefined;

  constructor(
    readonly response: ServerResponse,
    private readonly keeper: GateKeeper,
  ) {
    this.#state = response.headersSent ? 'open' : 'waiting';
    this.#earlierHeaders = response.getHeaders();
    this.#own = putGate(response, this);
  }

  /** Asks the keeper once more should the client go before the end: that changes nothing about what the application did to the session. */
  watchClient(): void {
    // One that is added after the end, by an access log, would never be taken off.
    if (this.#isWatching || this.#state === 'closed' || this.#state === 'abandoned') return;
    this.#isWatching = true;
    this.#asker = new AsyncResource('SessionClient', { requireManualDestroy: true });
    this.#watchers = watchClient(this.response, this);
  }

  get hasBegun(): boolean {
    return this.#state !== 'waiting';
  }

  get isHeadOut(): boolean {
    return this.#state === 'open' || this.#state === 'closed';
  }

  get hasEnded(): boolean {
    return this.#isEnded;
  }

  clientGone(): void {
    // In the async context of this request: that of the connection knows nothing of it.
    if (this.#state === 'waiting' || this.#state === 'open') this.#asker?.runInAsyncScope(() => void this.keeper.beforeEnd());
  }

  writeHead(args: HeadArguments): void {
    if (this.#state === 'open' || this.#state === 'closed') this.#pass('writeHead', args);
    else if (this.#state === 'abandoned') this.#sendSubstituteHead();
    else {
      if (this.response.headersSent) refuse();
      this.#head = applyHead(this.response, args);
      this.#lookSent();
    }
  }

  write(args: WriteArguments): boolean {
    if (this.#state === 'waiting') this.#arrive();
    switch (this.#state) {
      case 'held':
        if (!this.#isEnded) return this.#writes.write(args);
        refuseWrite(args);
        return true;
      case 'abandoned':
        swallow(args);
        return true;
      default:
        return this.#pass('write', args);
    }
  }

  end(args: WriteArguments): void {
    if (this.#isEnded) return this.#endAgain(args);
    const wasOpen = this.#state === 'open';
    if (this.#state === 'waiting') this.#arrive();
    switch (this.#state) {
      case 'held':
        return this.#holdEnd(args);
      case 'abandoned':
        return swallow(args);
      default:
        return wasOpen ? this.#endLate(args) : this.#finish(args);
    }
  }

  /** A second end says nothing, as with express-session. Node would make an error of its data that ends the process. */
  #endAgain(args: WriteArguments): void {
    const done = doneOf(args);
    if (done === undefined) return;
    if (this.#state === 'held') this.#writes.end([done]);
    else if (this.#state === 'abandoned') swallow([done]);
    else this.#pass('end', [done]);
  }

  flushHeaders(): void {
    if (this.#state === 'waiting') this.#arrive();
    if (this.#state === 'open' || this.#state === 'closed') this.#pass('flushHeaders', []);
    else if (this.#state === 'held' && !this.#isEnded) this.#writes.flushHeaders();
  }

  /** Calls the method beneath: the one that the response had itself, else the one that its prototype has now. */
  #pass<Name extends keyof GatedMethods>(name: Name, args: unknown[]): ReturnType<GatedMethods[Name]> {
    const { response } = this;
    const method = this.#own?.[name] ?? (Object.getPrototypeOf(response) as GatedMethods)[name];
    try {
      return Reflect.apply(method, response, args as never) as ReturnType<GatedMethods[Name]>;
    } catch (error) {
      // Whoever catches that may answer in another way, which has to pass the keeper too.
      if (!response.headersSent && this.#state !== 'abandoned') this.#state = 'waiting';
      throw error;
    }
  }

  /** The first byte wants to leave. */
  #arrive(): void {
    try {
      const pending = this.keeper.beforeHead();
      if (pending !== undefined) return this.#hold(pending);
      this.#prepareHead();
    } catch (error) {
      return this.#abandon(error);
    }
    this.#open();
  }

  #hold(pending: Promise<void>): void {
    this.#state = 'held';
    this.#lookSent();
    pending.then(
      () => this.#release(),
      (error: unknown) => this.#abandon(error),
    );
  }

  #release(): void {
    try {
      this.#prepareHead();
    } catch (error) {
      return this.#abandon(error);
    }
    this.#passHeld(() => this.#open());
  }

  #prepareHead(): void {
    this.#lookAsIs();
    this.keeper.head();
  }

  #open(): void {
    const head = this.#head;
    this.#head = undefined;
    this.#state = 'open';
    if (head !== undefined) this.#pass('writeHead', head);
  }

  get #writes(): HeldWrites {
    this.#held ??= new HeldWrites(this.response);
    return this.#held;
  }

  #holdEnd(args: WriteArguments): void {
    this.#writes.end(args);
    this.#isEnded = true;
  }

  /** Nobody is there any more to catch what Node throws. */
  #passHeld(open: () => void): void {
    try {
      open();
      this.#passWrites();
    } catch (error) {
      this.#abandonRefused(error);
    }
  }

  #passWrites(): void {
    if (this.#held === undefined) return;
    const { held, isAwaited } = this.#held.take();
    let wantsMore = true;
    for (const [index, [method, ...args]] of held.entries()) {
      if (method === 'write') wantsMore = this.#pass('write', args);
      else if (method === 'flushHeaders') this.#pass('flushHeaders', []);
      else this.#passEnd(args, index === 0);
    }
    if (isAwaited && wantsMore) this.#askForMore();
  }

  /** An end that comes first is the one that was waited for; after a write, something may have changed since. */
  #passEnd(args: WriteArguments, isFirst: boolean): void {
    if (this.#state === 'held') this.#writes.end(args);
    else if (this.#state === 'closed') this.#pass('end', args);
    else if (isFirst) this.#finish(args);
    else this.#endLate(args);
  }

  /** The head is out already; what changed since then is stored before the end is. */
  #endLate(args: WriteArguments): void {
    const pending = this.keeper.beforeEnd();
    if (pending === undefined) return this.#finish(args);
    this.#state = 'held';
    this.#holdEnd(args);
    const finish = () => this.#passHeld(() => (this.#state = 'open'));
    pending.then(finish, finish);
  }

  #finish(args: WriteArguments): void {
    this.#state = 'closed';
    this.#isEnded = false;
    this.#pass('end', args);
    this.#isEnded = true;
    this.#watchers?.delete(this);
  }

  #abandon(error: unknown): void {
    this.#replace(() => this.keeper.substitute(error));
  }

  /** What was stored is told all the same: the cookie belongs to the substitute too. */
  #abandonRefused(error: unknown): void {
    this.#replace(() => this.keeper.substituteRefused(error), { withHead: true });
  }

  #replace(substitute: () => Substitute, { withHead = false } = {}): void {
    const { response } = this;
    this.#lookAsIs();
    response.on('unpipe', closeSource);
    const answer = substitute();
    try {
      if (response.headersSent) response.destroy();
      else this.#answer(answer, withHead);
    } catch (refusal) {
      this.keeper.substituteRefused(refusal);
      response.destroy();
    }
    this.#state = 'abandoned';
    this.#isEnded = true;
    if (this.#held === undefined) return;
    const { held, isAwaited } = this.#held.take();
    for (const [, ...args] of held) swallow(args as WriteArguments);
    if (isAwaited) this.#askForMore();
  }

  /** In a turn of its own, as Node does: what a listener throws is not for a promise here to catch. */
  #askForMore(): void {
    process.nextTick(() => this.response.emit('drain'));
  }

  #answer({ statusCode, headers, body }: Substitute, withHead: boolean): void {
    const { response } = this;
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    // The substitute depends on what it says, and on what the headers from before say.
    const vary = [this.#earlierHeaders['vary'] ?? [], headers['Vary'] ?? []].flat().join(', ');
    // Node counts the bytes only while nobody has ever taken that header off.
    const answered = { ...this.#earlierHeaders, ...headers, Vary: vary || undefined, 'Content-Length': Buffer.byteLength(body) };
    for (const [name, value] of Object.entries(answered)) if (value !== undefined) response.setHeader(name, value);
    if (withHead) this.keeper.head();
    response.statusCode = statusCode;
    if (hasStatusMessage(response)) response.statusMessage = '';
    this.#finish([body]);
  }

  /** Something beneath has kept the substitute, as a compression may, and asks for its head now. */
  #sendSubstituteHead(): void {
    if (!this.response.headersSent) this.#pass('writeHead', [this.response.statusCode]);
  }

  #lookSent(): void {
    this.#look ??= new SentLook(this.response);
  }

  #lookAsIs(): void {
    this.#look?.takeOff();
    this.#look = undefined;
  }
}

/** The end of the response takes off the stream that was piped into it, which nobody would read to its end any more. */
function closeSource(source: Readable): void {
  if (source.listenerCount('data') === 0) source.destroy();
}
