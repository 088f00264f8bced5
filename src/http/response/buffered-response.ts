import { AsyncResource } from 'node:async_hooks';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { interceptMethods, type InterceptedMethods, type ResponseMethods } from './buffered-methods.js';
import {
  BufferedWrites,
  callbackOf,
  checkChunk,
  checkLastChunk,
  discard,
  refuseWriteAfterEnd,
  type WriteArguments,
} from './buffered-writes.js';
import { onDisconnect } from './client-disconnect.js';
import { hasStatusMessage, HeadersSentOverride } from './headers-sent-override.js';
import { applyHead, isHeadSent, throwHeadersSent, type HeadArguments } from './response-headers.js';

type BufferedState = 'pending' | 'buffering' | 'committed' | 'ended' | 'replaced';

/** The response to send in the place of the application's. */
export interface ReplacementResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What has to happen before a response may leave, and what to send when it fails. */
export interface ResponseHooks {
  /** Called before the first byte leaves. A promise is waited for; when it rejects, or this throws, the response is replaced. */
  commit(): void | Promise<void>;
  /** Called before the end of a response whose head is out already, and when the client has gone. A promise is waited for. It must not fail. */
  commitLate(): void | Promise<void>;
  /** Called once the commit has succeeded, when the head is about to leave. */
  addHeaders(): void;
  /** What to send when the commit has failed. */
  replacementFor(error: unknown): ReplacementResponse;
  /** What to send when the commit has succeeded, and Node refuses to send what the application wrote. */
  replacementForRefused(error: unknown): ReplacementResponse;
}

/**
 * Keeps what an application writes to a response, in order, until the commit that it waits for has answered.
 *
 * - `pending`: nothing was written. An explicit `writeHead` is kept: it sends nothing by itself.
 * - `buffering`: something was written, and a commit has not answered.
 * - `committed`: the head is out.
 * - `ended`: the end is out.
 * - `replaced`: something else was sent; the rest of what the application writes goes nowhere.
 *
 * Acts on the response that it was given: what calls its methods may be a proxy of it, or inherit from it.
 */
export class BufferedResponse implements InterceptedMethods {
  #state: BufferedState;
  #head: [statusCode: number, reason?: string] | undefined;
  #headersSent: HeadersSentOverride | undefined;
  #buffered: BufferedWrites | undefined;
  /** Whether the application has ended its response, and Node has not refused to. */
  #isEnded = false;
  #isWatching = false;
  #stopWatching: (() => void) | undefined;
  readonly #earlierHeaders: OutgoingHttpHeaders;
  readonly #original: Partial<ResponseMethods> | undefined;

  constructor(
    readonly response: ServerResponse,
    private readonly hooks: ResponseHooks,
  ) {
    this.#state = isHeadSent(response) ? 'committed' : 'pending';
    this.#earlierHeaders = response.getHeaders();
    this.#original = interceptMethods(response, this);
  }

  /** Commits once more should the client go before the end: that it has gone does not undo what was done for it. */
  watchClient(): void {
    // A listener that is added after the end, because an access log asks, would never be taken off.
    if (this.#isWatching || this.#state === 'ended' || this.#state === 'replaced') return;
    this.#isWatching = true;
    // The async context of the connection knows nothing of this request.
    const request = new AsyncResource('SessionClient', { requireManualDestroy: true });
    this.#stopWatching = onDisconnect(this.response, () => {
      if (this.#state === 'pending' || this.#state === 'committed') request.runInAsyncScope(() => void this.hooks.commitLate());
    });
  }

  /** Sends what is written from now on at once: what it would wait for has been done in another way. Not when something was written already. */
  letThrough(): void {
    if (this.#state === 'pending' && this.#head === undefined) this.#state = 'committed';
  }

  get hasBegun(): boolean {
    return this.#state !== 'pending';
  }

  get isHeadOut(): boolean {
    return this.#state === 'committed' || this.#state === 'ended';
  }

  get hasEnded(): boolean {
    return this.#isEnded;
  }

  writeHead(args: HeadArguments): void {
    if (this.#state === 'committed' || this.#state === 'ended') this.#callOriginal('writeHead', args);
    else if (this.#state === 'replaced') this.#sendReplacementHead();
    else {
      if (isHeadSent(this.response)) throwHeadersSent();
      this.#head = applyHead(this.response, args);
      this.#overrideHeadersSent();
    }
  }

  write(args: WriteArguments): boolean {
    if (this.#state === 'pending') {
      // Before anything else: an error handler may still answer.
      checkChunk(args[0]);
      this.#begin();
    }
    switch (this.#state) {
      case 'buffering':
        if (!this.#isEnded) return this.#writes.write(args);
        refuseWriteAfterEnd(args);
        return true;
      case 'replaced':
        discard(args);
        return true;
      default:
        return this.#callOriginal('write', args);
    }
  }

  end(args: WriteArguments): void {
    if (this.#isEnded) return this.#endAgain(args);
    const wasCommitted = this.#state === 'committed';
    if (this.#state === 'pending') {
      checkLastChunk(args[0]);
      this.#begin();
    }
    switch (this.#state) {
      case 'buffering':
        return this.#bufferEnd(args);
      case 'replaced':
        return discard(args);
      default:
        return wasCommitted ? this.#endLate(args) : this.#finish(args);
    }
  }

  /** A second end says nothing, as with express-session. Node would make an error of its data that ends the process. */
  #endAgain(args: WriteArguments): void {
    const callback = callbackOf(args);
    if (callback === undefined) return;
    if (this.#state === 'buffering') this.#writes.end([callback]);
    else if (this.#state === 'replaced') discard([callback]);
    else this.#callOriginal('end', [callback]);
  }

  flushHeaders(): void {
    if (this.#state === 'pending') this.#begin();
    if (this.#state === 'committed' || this.#state === 'ended') this.#callOriginal('flushHeaders', []);
    else if (this.#state === 'buffering' && !this.#isEnded) this.#writes.flushHeaders();
  }

  /** Calls the method that the response itself had, else the one that its prototype has now. */
  #callOriginal<Name extends keyof ResponseMethods>(name: Name, args: unknown[]): ReturnType<ResponseMethods[Name]> {
    const { response } = this;
    const method = this.#original?.[name] ?? (Object.getPrototypeOf(response) as ResponseMethods)[name];
    try {
      return Reflect.apply(method, response, args as never) as ReturnType<ResponseMethods[Name]>;
    } catch (error) {
      // An error handler that catches this may send another response, which has to wait for a commit too.
      if (!isHeadSent(response) && this.#state !== 'replaced') this.#state = 'pending';
      throw error;
    }
  }

  /** The application has written something for the first time. */
  #begin(): void {
    try {
      const committing = this.hooks.commit();
      if (committing !== undefined) return this.#buffer(committing);
      this.#prepareHead();
    } catch (error) {
      return this.#replaceFailed(error);
    }
    this.#sendHead();
  }

  #buffer(committing: Promise<void>): void {
    this.#state = 'buffering';
    this.#overrideHeadersSent();
    committing.then(
      () => this.#release(),
      (error: unknown) => this.#replaceFailed(error),
    );
  }

  /** The commit has succeeded. */
  #release(): void {
    try {
      this.#prepareHead();
    } catch (error) {
      return this.#replaceFailed(error);
    }
    this.#sendBuffered(() => this.#sendHead());
  }

  #prepareHead(): void {
    this.#restoreHeadersSent();
    this.hooks.addHeaders();
  }

  #sendHead(): void {
    const head = this.#head;
    this.#head = undefined;
    this.#state = 'committed';
    if (head !== undefined) this.#callOriginal('writeHead', head);
  }

  get #writes(): BufferedWrites {
    this.#buffered ??= new BufferedWrites(this.response);
    return this.#buffered;
  }

  #bufferEnd(args: WriteArguments): void {
    this.#writes.end(args);
    this.#isEnded = true;
  }

  /** The application's calls have returned long ago, so it cannot catch what Node throws. */
  #sendBuffered(commit: () => void): void {
    try {
      commit();
      this.#sendWrites();
    } catch (error) {
      this.#replaceRefused(error);
    }
  }

  #sendWrites(): void {
    if (this.#buffered === undefined) return;
    const { writes, needsDrain } = this.#buffered.take();
    let wantsMore = true;
    for (const [index, [method, ...args]] of writes.entries()) {
      if (method === 'write') wantsMore = this.#callOriginal('write', args);
      else if (method === 'flushHeaders') this.#callOriginal('flushHeaders', []);
      else this.#sendEnd(args, index === 0);
    }
    if (needsDrain && wantsMore) this.#emitDrain();
  }

  /** An end that comes first is the one that the commit was for; after a write, something may have changed since. */
  #sendEnd(args: WriteArguments, isFirst: boolean): void {
    if (this.#state === 'buffering') this.#writes.end(args);
    else if (this.#state === 'ended') this.#callOriginal('end', args);
    else if (isFirst) this.#finish(args);
    else this.#endLate(args);
  }

  /** The head is out already; what changed since then is committed before the end is sent. */
  #endLate(args: WriteArguments): void {
    const committing = this.hooks.commitLate();
    if (committing === undefined) return this.#finish(args);
    this.#state = 'buffering';
    this.#bufferEnd(args);
    const finish = () => this.#sendBuffered(() => (this.#state = 'committed'));
    committing.then(finish, finish);
  }

  #finish(args: WriteArguments): void {
    this.#state = 'ended';
    this.#isEnded = false;
    this.#callOriginal('end', args);
    this.#isEnded = true;
    this.#stopWatching?.();
  }

  #replaceFailed(error: unknown): void {
    this.#replace(() => this.hooks.replacementFor(error));
  }

  /** The commit has succeeded, so its headers belong to the replacement too. */
  #replaceRefused(error: unknown): void {
    this.#replace(() => this.hooks.replacementForRefused(error), { addsHeaders: true });
  }

  #replace(replacementOf: () => ReplacementResponse, { addsHeaders = false } = {}): void {
    const { response } = this;
    this.#restoreHeadersSent();
    response.on('unpipe', destroyUnread);
    const replacement = replacementOf();
    try {
      if (isHeadSent(response)) response.destroy();
      else this.#sendReplacement(replacement, addsHeaders);
    } catch (refusal) {
      this.hooks.replacementForRefused(refusal);
      response.destroy();
    }
    this.#state = 'replaced';
    this.#isEnded = true;
    if (this.#buffered === undefined) return;
    const { writes, needsDrain } = this.#buffered.take();
    for (const [, ...args] of writes) discard(args as WriteArguments);
    if (needsDrain) this.#emitDrain();
  }

  /** In a turn of its own, as Node does: a promise here must not catch what a listener throws. */
  #emitDrain(): void {
    process.nextTick(() => this.response.emit('drain'));
  }

  #sendReplacement({ statusCode, headers, body }: ReplacementResponse, addsHeaders: boolean): void {
    const { response } = this;
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    // The replacement depends on what it says, and on what the headers from before say.
    const vary = [this.#earlierHeaders['vary'] ?? [], headers['Vary'] ?? []].flat().join(', ');
    // Node counts the bytes only while nobody has ever taken that header off.
    const all = { ...this.#earlierHeaders, ...headers, Vary: vary || undefined, 'Content-Length': Buffer.byteLength(body) };
    for (const [name, value] of Object.entries(all)) if (value !== undefined) response.setHeader(name, value);
    if (addsHeaders) this.hooks.addHeaders();
    response.statusCode = statusCode;
    if (hasStatusMessage(response)) response.statusMessage = '';
    this.#finish([body]);
  }

  /** A wrapper below, such as a compression, has kept the replacement, and asks for its head now. */
  #sendReplacementHead(): void {
    if (!isHeadSent(this.response)) this.#callOriginal('writeHead', [this.response.statusCode]);
  }

  #overrideHeadersSent(): void {
    this.#headersSent ??= new HeadersSentOverride(this.response);
  }

  #restoreHeadersSent(): void {
    this.#headersSent?.undo();
    this.#headersSent = undefined;
  }
}

/** The end of the response takes off the stream that was piped into it, which nobody would read to its end any more. */
function destroyUnread(source: Readable): void {
  if (source.listenerCount('data') === 0) source.destroy();
}
