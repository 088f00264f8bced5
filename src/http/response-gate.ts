import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';

const GATE = Symbol('response gate');

type GateState = 'waiting' | 'held' | 'open' | 'closed' | 'abandoned';
type HeadArguments = [statusCode: number, reason?: string | HeaderList, headers?: HeaderList];
type HeaderList = OutgoingHttpHeaders | OutgoingHttpHeader[];
type Done = (error?: Error | null) => void;
type Held = ['write', ...WriteArguments] | ['end', ...WriteArguments] | ['flushHeaders'];
type WriteArguments = [chunk?: unknown, encoding?: BufferEncoding | Done, callback?: Done];

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

type GatedResponse = ServerResponse & { [GATE]: ResponseGate };

/**
 * Holds a response back until its keeper lets it pass. What the application writes meanwhile is kept in order and told to wait
 * (`write` answers false, and `drain` follows), so a stream that is piped into the response waits too.
 *
 * - `waiting`: nothing was written. An explicit `writeHead` is kept: it sends nothing by itself.
 * - `held`: something was written, and the keeper has not let it pass.
 * - `open`: the head is out.
 * - `closed`: the end is out.
 * - `abandoned`: something else was answered; the rest of the application's answer goes nowhere.
 */
export class ResponseGate {
  #state: GateState = 'waiting';
  #head: HeadArguments | undefined;
  #held: Held[] = [];
  readonly #writeHead: ServerResponse['writeHead'];
  readonly #write: ServerResponse['write'];
  readonly #end: ServerResponse['end'];
  readonly #flushHeaders: ServerResponse['flushHeaders'];
  readonly #earlierHeaders: OutgoingHttpHeaders;

  private constructor(
    private readonly response: ServerResponse,
    private readonly keeper: GateKeeper,
  ) {
    this.#writeHead = response.writeHead;
    this.#write = response.write;
    this.#end = response.end;
    this.#flushHeaders = response.flushHeaders;
    this.#earlierHeaders = response.getHeaders();
  }

  static install(response: ServerResponse, keeper: GateKeeper): void {
    const gate = new ResponseGate(response, keeper);
    (response as GatedResponse)[GATE] = gate;
    response.writeHead = writeHead as ServerResponse['writeHead'];
    response.write = write as ServerResponse['write'];
    response.end = end as ServerResponse['end'];
    response.flushHeaders = flushHeaders;
    response.once('close', () => gate.#disconnected());
  }

  writeHead(args: HeadArguments): void {
    if (this.#state === 'open' || this.#state === 'closed') {
      Reflect.apply(this.#writeHead, this.response, args);
      return;
    }
    if (this.#state === 'abandoned') return;
    // As Node would, had it been sent.
    if (this.#head !== undefined || this.#state === 'held')
      throw Object.assign(new Error('Cannot write headers after they are sent to the client'), { code: 'ERR_HTTP_HEADERS_SENT' });
    this.#head = args;
    this.response.statusCode = args[0];
    Object.defineProperty(this.response, 'headersSent', { configurable: true, value: true });
  }

  write(args: WriteArguments): boolean {
    if (this.#state === 'waiting') this.#arrive();
    switch (this.#state) {
      case 'held':
        this.#held.push(['write', ...args]);
        return false;
      case 'abandoned':
        swallow(args);
        return true;
      default:
        return Reflect.apply(this.#write, this.response, args as never) as boolean;
    }
  }

  end(args: WriteArguments): void {
    const wasOpen = this.#state === 'open';
    if (this.#state === 'waiting') this.#arrive();
    switch (this.#state) {
      case 'open':
        return wasOpen ? this.#endLate(args) : this.#finish(args);
      case 'held':
        this.#held.push(['end', ...args]);
        return;
      case 'abandoned':
        return swallow(args);
      default:
        Reflect.apply(this.#end, this.response, args as never);
    }
  }

  flushHeaders(): void {
    if (this.#state === 'waiting') this.#arrive();
    if (this.#state === 'open') Reflect.apply(this.#flushHeaders, this.response, []);
    else if (this.#state === 'held') this.#held.push(['flushHeaders']);
  }

  /** A client that has gone before the end changes nothing about what the application did to the session. */
  #disconnected(): void {
    if (this.#state === 'waiting' || this.#state === 'open') void this.keeper.beforeEnd();
  }

  /** The first byte wants to leave. */
  #arrive(): void {
    let pending: void | Promise<void>;
    try {
      pending = this.keeper.beforeHead();
    } catch (error) {
      return this.#abandon(error);
    }
    if (pending === undefined) return this.#open();
    this.#state = 'held';
    Object.defineProperty(this.response, 'headersSent', { configurable: true, value: true });
    pending.then(
      () => this.#release(),
      (error: unknown) => this.#abandon(error),
    );
  }

  #open(): void {
    this.#state = 'open';
    const head = this.#head;
    if (head === undefined) return this.keeper.head();
    this.#head = undefined;
    const [statusCode, reason, headers] = head;
    const given = typeof reason === 'string' ? headers : (headers ?? reason);
    unhide(this.response);
    applyHeaders(this.response, given);
    this.keeper.head();
    Reflect.apply(this.#writeHead, this.response, typeof reason === 'string' ? [statusCode, reason] : [statusCode]);
  }

  #release(): void {
    unhide(this.response);
    try {
      this.#open();
    } catch (error) {
      return this.#abandon(error);
    }
    let wantsMore = true;
    const held = this.#held;
    this.#held = [];
    for (const [method, ...args] of held) {
      if (method === 'write') wantsMore = this.write(args);
      else if (method === 'end') this.end(args);
      else this.flushHeaders();
    }
    if (wantsMore && held.some(([method]) => method === 'write')) this.response.emit('drain');
  }

  /** The head is out already; what changed since then is stored before the end is. */
  #endLate(args: WriteArguments): void {
    const pending = this.keeper.beforeEnd();
    if (pending === undefined) return this.#finish(args);
    this.#state = 'held';
    const finish = () => this.#finish(args);
    pending.then(finish, finish);
  }

  #finish(args: WriteArguments): void {
    this.#state = 'closed';
    Reflect.apply(this.#end, this.response, args as never);
  }

  #abandon(error: unknown): void {
    const { response } = this;
    this.#state = 'closed';
    unhide(response);
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    const { statusCode, headers, body } = this.keeper.substitute(error);
    for (const [name, value] of Object.entries({ ...this.#earlierHeaders, ...headers }))
      if (value !== undefined) response.setHeader(name, value);
    response.statusCode = statusCode;
    response.statusMessage = '';
    Reflect.apply(this.#end, response, [body] as never);
    this.#state = 'abandoned';
    const hadWrites = this.#held.some(([method]) => method === 'write');
    for (const [, ...args] of this.#held) swallow(args as WriteArguments);
    this.#held = [];
    if (hadWrites) response.emit('drain');
  }
}

function writeHead(this: GatedResponse, ...args: HeadArguments): GatedResponse {
  this[GATE].writeHead(args);
  return this;
}

function write(this: GatedResponse, ...args: WriteArguments): boolean {
  return this[GATE].write(args);
}

function end(this: GatedResponse, ...args: WriteArguments): GatedResponse {
  this[GATE].end(args);
  return this;
}

function flushHeaders(this: GatedResponse): void {
  this[GATE].flushHeaders();
}

/** Takes off the `headersSent` that hides the response's own. */
function unhide(response: ServerResponse): void {
  Reflect.deleteProperty(response, 'headersSent');
}

/** What `writeHead` does with its headers: an object or a flat list of names and values, or pairs. */
function applyHeaders(response: ServerResponse, headers: HeaderList | undefined): void {
  if (headers === undefined || headers === null) return;
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value);
    return;
  }
  const flat = headers.flat() as string[];
  const pairs = Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index] ?? '', flat[2 * index + 1] ?? ''] as const);
  for (const [name] of pairs) response.removeHeader(name);
  for (const [name, value] of pairs) response.appendHeader(name, value);
}

/** Whoever waits for it to be written goes on. */
function swallow(args: WriteArguments): void {
  const done = args.find((arg) => typeof arg === 'function') as Done | undefined;
  if (done !== undefined) process.nextTick(done);
}
