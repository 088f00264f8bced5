import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { watchClient, type ClientWatcher } from './client-watch.js';
import { countSealed, putGate, type Gate, type GatedMethods } from './gated-methods.js';
import { HeldWrites, swallow, type WriteArguments } from './held-writes.js';
import { applyHead, refuse, type HeadArguments } from './response-headers.js';

type GateState = 'waiting' | 'held' | 'open' | 'closed' | 'abandoned';

/** What stands between an application and its client. */
export interface GateKeeper {
  /** Called before the first byte leaves. What it answers with a promise is waited for; when it throws or rejects, the answer is abandoned. */
  beforeHead(): void | Promise<void>;
  /** Called before the end of a response whose head is out already, and when the client has gone. It may not fail. */
  beforeEnd(): void | Promise<void>;
  /** The head is about to leave. */
  head(): void;
  /** The answer to send in the place of an abandoned one. */
  substitute(error: unknown): { readonly statusCode: number; readonly headers: Readonly<Record<string, string>>; readonly body: string };
}

/**
 * Holds a response back until its keeper lets it pass. What the application writes meanwhile is kept in order.
 *
 * - `waiting`: nothing was written. An explicit `writeHead` is kept: it sends nothing by itself.
 * - `held`: something was written, and the keeper has not let it pass.
 * - `open`: the head is out.
 * - `closed`: the end is out.
 * - `abandoned`: something else was answered; the rest of the application's answer goes nowhere.
 */
export class ResponseGate implements Gate, ClientWatcher {
  #state: GateState;
  #head: [statusCode: number, reason?: string] | undefined;
  #looks: Gate['looks'];
  /** As it was when the response began to look as if it were sent. */
  #status: { readonly statusCode: number; readonly statusMessage: string } | undefined;
  #held: HeldWrites | undefined;
  #isWatching = false;
  #watchers: Set<ClientWatcher> | undefined;
  readonly #earlierHeaders: OutgoingHttpHeaders;

  private constructor(
    readonly response: ServerResponse,
    private readonly original: GatedMethods,
    private readonly keeper: GateKeeper,
  ) {
    this.#state = response.headersSent ? 'open' : 'waiting';
    this.#earlierHeaders = response.getHeaders();
  }

  static install(response: ServerResponse, keeper: GateKeeper): ResponseGate {
    return putGate(response, (original) => new ResponseGate(response, original, keeper));
  }

  get isOpen(): boolean {
    return this.#state === 'open' || this.#state === 'closed';
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  get looks(): Gate['looks'] {
    return this.#looks;
  }

  /** Asks the keeper once more should the client go before the end: that changes nothing about what the application did to the session. */
  watchClient(): void {
    // One that is added after the end, by an access log, would never be taken off.
    if (this.#isWatching || this.isClosed) return;
    this.#isWatching = true;
    this.#watchers = watchClient(this.response, this);
  }

  clientGone(): void {
    if (this.#state === 'waiting' || this.#state === 'open') void this.keeper.beforeEnd();
  }

  writeHead(args: HeadArguments): void {
    if (this.isOpen) {
      Reflect.apply(this.original.writeHead, this.response, args);
      return;
    }
    if (this.#state === 'abandoned') return;
    if (this.response.headersSent) refuse();
    this.#head = applyHead(this.response, args);
    this.#seal('head sent');
  }

  write(args: WriteArguments): boolean {
    if (this.#state === 'waiting') this.#arrive();
    switch (this.#state) {
      case 'held':
        return this.#writes.write(args);
      case 'abandoned':
        swallow(args);
        return true;
      default:
        return Reflect.apply<ServerResponse, never, boolean>(this.original.write, this.response, args as never);
    }
  }

  end(args: WriteArguments): void {
    const wasOpen = this.#state === 'open';
    if (this.#state === 'waiting') this.#arrive();
    switch (this.#state) {
      case 'open':
        return wasOpen ? this.#endLate(args) : this.#finish(args);
      case 'held':
        return this.#holdEnd(args);
      case 'abandoned':
        return swallow(args);
      default:
        Reflect.apply(this.original.end, this.response, args as never);
    }
  }

  flushHeaders(): void {
    if (this.#state === 'waiting') this.#arrive();
    if (this.#state === 'open') Reflect.apply(this.original.flushHeaders, this.response, []);
    else if (this.#state === 'held') this.#writes.flushHeaders();
  }

  /** The first byte wants to leave. */
  #arrive(): void {
    try {
      const pending = this.keeper.beforeHead();
      if (pending === undefined) return this.#open();
      this.#state = 'held';
      this.#seal('head sent');
      pending.then(
        () => this.#release(),
        (error: unknown) => this.#abandon(error),
      );
    } catch (error) {
      this.#abandon(error);
    }
  }

  #open(): void {
    this.#unseal();
    this.#state = 'open';
    this.keeper.head();
    if (this.#head !== undefined) Reflect.apply(this.original.writeHead, this.response, this.#head);
  }

  #release(): void {
    try {
      this.#open();
      this.#pass();
    } catch (error) {
      this.#abandon(error);
    }
  }

  get #writes(): HeldWrites {
    this.#held ??= new HeldWrites(this.response);
    return this.#held;
  }

  #holdEnd(args: WriteArguments): void {
    this.#writes.end(args);
    this.#seal('ended');
  }

  /** An end that comes first is the one that was waited for; after a write, something may have changed since. */
  #pass(): void {
    if (this.#held === undefined) return;
    const { held, isAwaited } = this.#held.take();
    let wantsMore = true;
    for (const [index, [method, ...args]] of held.entries()) {
      if (method === 'write') wantsMore = this.write(args);
      else if (method === 'flushHeaders') this.flushHeaders();
      else if (index === 0) this.#finish(args);
      else this.end(args);
    }
    if (isAwaited && wantsMore) this.response.emit('drain');
  }

  /** The head is out already; what changed since then is stored before the end is. */
  #endLate(args: WriteArguments): void {
    const pending = this.keeper.beforeEnd();
    if (pending === undefined) return this.#finish(args);
    this.#state = 'held';
    this.#holdEnd(args);
    const finish = () => {
      this.#unseal();
      this.#state = 'open';
      this.#pass();
    };
    pending.then(finish, finish);
  }

  #finish(args: WriteArguments): void {
    this.#state = 'closed';
    this.#watchers?.delete(this);
    Reflect.apply(this.original.end, this.response, args as never);
  }

  #abandon(error: unknown): void {
    const { response } = this;
    this.#unseal();
    response.on('unpipe', closeSource);
    const { statusCode, headers, body } = this.keeper.substitute(error);
    if (response.headersSent) response.destroy();
    else {
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      // Node counts the bytes only while nobody has ever taken that header off.
      const answered = { ...this.#earlierHeaders, ...headers, 'Content-Length': Buffer.byteLength(body) };
      for (const [name, value] of Object.entries(answered)) if (value !== undefined) response.setHeader(name, value);
      response.statusCode = statusCode;
      response.statusMessage = '';
      this.#finish([body]);
    }
    this.#state = 'abandoned';
    if (this.#held === undefined) return;
    const { held, isAwaited } = this.#held.take();
    for (const [, ...args] of held) swallow(args as WriteArguments);
    if (isAwaited) response.emit('drain');
  }

  #seal(looks: Exclude<Gate['looks'], undefined>): void {
    if (this.#looks === undefined) {
      const { statusCode, statusMessage } = this.response;
      this.#status = { statusCode, statusMessage };
      countSealed(1);
    }
    this.#looks = looks;
  }

  #unseal(): void {
    if (this.#status === undefined) return;
    const { response } = this;
    const { statusCode, statusMessage } = this.#status;
    if (response.statusCode !== statusCode) response.statusCode = statusCode;
    if (response.statusMessage !== statusMessage) response.statusMessage = statusMessage;
    this.#status = undefined;
    this.#looks = undefined;
    countSealed(-1);
  }
}

/** The end of the response takes off the stream that was piped into it, which nobody would read to its end any more. */
function closeSource(source: Readable): void {
  if (source.listenerCount('data') === 0) source.destroy();
}
