import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { types } from 'node:util';
import { sharedPrototypeOf } from './shared-prototype.js';

/** Under which name a response has a gate that the methods of its prototype ask. */
const GATE = Symbol('response gate');
/**
 * And one that its own methods ask: those of the prototype, to which they lead in the end, have nothing to ask then. What stands in between
 * may write at any time, a compression also what is answered in the place of an abandoned answer.
 */
const OWN_GATE = Symbol('own response gate');
type GateName = typeof GATE | typeof OWN_GATE;

type GateState = 'waiting' | 'held' | 'open' | 'closed' | 'abandoned';
type HeadArguments = [statusCode: number, reason?: string | HeaderList | null, headers?: HeaderList | null];
type HeaderList = OutgoingHttpHeaders | OutgoingHttpHeader[] | [name: string, value: OutgoingHttpHeader][];
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

type GatedResponse = ServerResponse & { [Name in GateName]?: ResponseGate };

/**
 * Holds a response back until its keeper lets it pass. What the application writes meanwhile is kept in order; when that is much, it is
 * told to wait (`write` answers false, and `drain` follows), so a stream that is piped into the response waits too.
 *
 * - `waiting`: nothing was written. An explicit `writeHead` is kept: it sends nothing by itself.
 * - `held`: something was written, and the keeper has not let it pass.
 * - `open`: the head is out.
 * - `closed`: the end is out.
 * - `abandoned`: something else was answered; the rest of the application's answer goes nowhere.
 */
export class ResponseGate {
  #state: GateState;
  #head: [statusCode: number, reason?: string] | undefined;
  #seal: Seal | undefined;
  #held: Held[] = [];
  #heldBytes = 0;
  #isAwaited = false;
  readonly #earlierHeaders: readonly (readonly [name: string, value: OutgoingHttpHeader | undefined])[];

  private constructor(
    private readonly response: ServerResponse,
    private readonly original: GatedMethods,
    private readonly keeper: GateKeeper,
  ) {
    this.#state = response.headersSent ? 'open' : 'waiting';
    this.#earlierHeaders = response.getHeaderNames().map((name) => [name, response.getHeader(name)]);
  }

  static install(response: ServerResponse, keeper: GateKeeper): void {
    const { original, name } = guard(response);
    const gate = new ResponseGate(response, original, keeper);
    (response as GatedResponse)[name] = gate;
    response.once('close', () => gate.#disconnected());
  }

  /** Whether the head is out, so that nothing but the end is of interest. */
  get isOpen(): boolean {
    return this.#state === 'open' || this.#state === 'closed';
  }

  /** Whether the end is out too. */
  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  writeHead(args: HeadArguments): void {
    if (this.isOpen) {
      Reflect.apply(this.original.writeHead, this.response, args);
      return;
    }
    if (this.#state === 'abandoned') return;
    if (this.response.headersSent) refuse();
    const [statusCode, reason, headers] = args;
    checkStatusCode(statusCode);
    applyHeaders(this.response, typeof reason === 'string' ? headers : (headers ?? reason));
    this.#head = typeof reason === 'string' ? [statusCode, reason] : [statusCode];
    this.response.statusCode = statusCode;
    this.#seal = new Seal(this.response);
  }

  write(args: WriteArguments): boolean {
    if (this.#state === 'waiting') this.#arrive();
    switch (this.#state) {
      case 'held':
        return this.#hold(['write', ...args], lengthOf(args));
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
    else if (this.#state === 'held') this.#hold(['flushHeaders'], 0);
  }

  /** A client that has gone before the end changes nothing about what the application did to the session. */
  #disconnected(): void {
    if (this.#state === 'waiting' || this.#state === 'open') void this.keeper.beforeEnd();
  }

  /** The first byte wants to leave. */
  #arrive(): void {
    try {
      const pending = this.keeper.beforeHead();
      if (pending === undefined) return this.#open();
      this.#state = 'held';
      this.#seal ??= new Seal(this.response);
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

  #hold(held: Held, length: number): boolean {
    this.#held.push(held);
    this.#heldBytes += length;
    const hasRoom = this.#heldBytes < this.response.writableHighWaterMark;
    this.#isAwaited ||= !hasRoom;
    return hasRoom;
  }

  #holdEnd(args: WriteArguments): void {
    if (args[0] && typeof args[0] !== 'function') lengthOf(args);
    this.#held.push(['end', ...args]);
    this.#seal ??= new Seal(this.response);
    this.#seal.end();
  }

  /** An end that comes first is the one that was waited for; after a write, something may have changed since. */
  #pass(): void {
    const held = this.#held;
    const isAwaited = this.#isAwaited;
    this.#held = [];
    this.#heldBytes = 0;
    this.#isAwaited = false;
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
      const length = { 'Content-Length': Buffer.byteLength(body) };
      for (const [name, value] of [...this.#earlierHeaders, ...Object.entries({ ...headers, ...length })])
        if (value !== undefined) response.setHeader(name, value);
      response.statusCode = statusCode;
      response.statusMessage = '';
      this.#finish([body]);
    }
    this.#state = 'abandoned';
    for (const [, ...args] of this.#held) swallow(args as WriteArguments);
    this.#held = [];
    if (this.#isAwaited) response.emit('drain');
  }

  #unseal(): void {
    this.#seal?.break();
    this.#seal = undefined;
  }
}

/**
 * Makes a response whose head is held look and behave as if it were sent: it says so, and lets nobody change it. An error handler that
 * answers once more would otherwise put its status and length on the answer that is held.
 */
class Seal {
  readonly #own = new Map<string, PropertyDescriptor | undefined>();
  readonly #statusCode: number;
  readonly #statusMessage: string;

  constructor(private readonly response: ServerResponse) {
    this.#statusCode = response.statusCode;
    this.#statusMessage = response.statusMessage;
    this.#cover('headersSent', true);
    for (const name of ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader']) this.#cover(name, refuse);
  }

  /** The application has ended its answer. */
  end(): void {
    this.#cover('writableEnded', true);
  }

  break(): void {
    for (const [name, own] of this.#own) {
      if (own === undefined) Reflect.deleteProperty(this.response, name);
      else Object.defineProperty(this.response, name, own);
    }
    this.response.statusCode = this.#statusCode;
    this.response.statusMessage = this.#statusMessage;
  }

  #cover(name: string, value: unknown): void {
    if (!this.#own.has(name)) this.#own.set(name, Object.getOwnPropertyDescriptor(this.response, name));
    Object.defineProperty(this.response, name, { configurable: true, writable: true, value });
  }
}

/** The methods through which a response leaves. */
type GatedMethods = Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'flushHeaders'>;

const METHODS = ['writeHead', 'write', 'end', 'flushHeaders'] as const;

/** What stood in the place of the gate's methods on the prototypes that have them. */
const originals = new WeakMap<object, GatedMethods>();

/**
 * The methods that the gate stands before. Where responses have a prototype that is there to be extended, the gate's methods go there, once: as
 * own properties they would make each request several us dearer (docs/performance.md). A response whose methods somebody has replaced
 * already, and one of a plain Node server, gets them itself.
 */
function guard(response: ServerResponse): { readonly original: GatedMethods; readonly name: GateName } {
  const prototype = sharedPrototypeOf(response) as GatedMethods | undefined;
  if (prototype === undefined || METHODS.some((name) => Object.hasOwn(response, name))) {
    const original = methodsOf(response);
    Object.assign(response, gatedMethods(original, OWN_GATE));
    return { original, name: OWN_GATE };
  }
  let original = originals.get(prototype);
  if (original === undefined) {
    original = methodsOf(prototype);
    originals.set(prototype, original);
    Object.assign(prototype, gatedMethods(original, GATE));
  }
  return { original, name: GATE };
}

function methodsOf({ writeHead, write, end, flushHeaders }: GatedMethods): GatedMethods {
  return { writeHead, write, end, flushHeaders };
}

/** Methods that ask the response's gate, and leave alone a response that has none or has passed it. */
function gatedMethods(original: GatedMethods, name: GateName): GatedMethods {
  const methods = {
    writeHead(this: GatedResponse, ...args: HeadArguments) {
      const gate = this[name];
      if (gate === undefined || gate.isOpen)
        return Reflect.apply<ServerResponse, HeadArguments, ServerResponse>(original.writeHead as never, this, args);
      gate.writeHead(args);
      return this;
    },
    write(this: GatedResponse, ...args: WriteArguments) {
      const gate = this[name];
      return gate === undefined || gate.isOpen ? Reflect.apply(original.write, this, args as never) : gate.write(args);
    },
    end(this: GatedResponse, ...args: WriteArguments) {
      const gate = this[name];
      if (gate === undefined || gate.isClosed)
        return Reflect.apply<ServerResponse, never, ServerResponse>(original.end as never, this, args as never);
      gate.end(args);
      return this;
    },
    flushHeaders(this: GatedResponse) {
      const gate = this[name];
      if (gate === undefined || gate.isOpen) Reflect.apply(original.flushHeaders, this, []);
      else gate.flushHeaders();
    },
  };
  return methods;
}

/** What `writeHead` does with its headers: an object, a flat list of names and values, or pairs. */
function applyHeaders(response: ServerResponse, headers: HeaderList | null | undefined): void {
  if (headers === undefined || headers === null) return;
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value);
    return;
  }
  const pairs = pairsOf(headers);
  for (const [name] of pairs) response.removeHeader(name);
  for (const [name, value] of pairs) response.appendHeader(name, typeof value === 'number' ? String(value) : value);
}

function pairsOf(headers: Exclude<HeaderList, OutgoingHttpHeaders>): [name: string, value: OutgoingHttpHeader][] {
  if (headers.every((pair) => Array.isArray(pair) && pair.length === 2)) return headers as [string, OutgoingHttpHeader][];
  if (headers.length % 2 !== 0) throw nodeError(TypeError, 'ERR_INVALID_ARG_VALUE', 'The list of headers has a name without a value.');
  const pairs: [string, OutgoingHttpHeader][] = [];
  for (let index = 0; index < headers.length; index += 2) pairs.push([String(headers[index]), headers[index + 1] as OutgoingHttpHeader]);
  return pairs;
}

/** The bytes of a chunk. Throws as Node would: once it is held, nobody is there to catch. */
function lengthOf([chunk, encoding]: WriteArguments): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk, typeof encoding === 'string' ? encoding : undefined);
  if (types.isUint8Array(chunk)) return chunk.byteLength;
  if (chunk === null) throw nodeError(TypeError, 'ERR_STREAM_NULL_VALUES', 'May not write null values to stream');
  throw nodeError(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "chunk" argument must be of type string or an instance of Buffer or Uint8Array.');
}

function checkStatusCode(statusCode: number): void {
  const isStatusCode = statusCode >= 100 && statusCode <= 999;
  if (!isStatusCode) throw nodeError(RangeError, 'ERR_HTTP_INVALID_STATUS_CODE', `Invalid status code: ${statusCode}`);
}

function refuse(): never {
  throw nodeError(Error, 'ERR_HTTP_HEADERS_SENT', 'Cannot set headers after they are sent to the client');
}

function nodeError(Type: ErrorConstructor, code: string, message: string): Error {
  return Object.assign(new Type(message), { code });
}

/** The end of the response takes off the stream that was piped into it, which nobody would read to its end any more. */
function closeSource(source: Readable): void {
  if (source.listenerCount('data') === 0) source.destroy();
}

/** Whoever waits for it to be written goes on. */
function swallow(args: WriteArguments): void {
  const done = args.find((arg) => typeof arg === 'function') as Done | undefined;
  if (done !== undefined) process.nextTick(done);
}
