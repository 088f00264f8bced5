import type { ServerResponse } from 'node:http';
import { types } from 'node:util';
import { nodeError } from './response-headers.js';

/** What `write` and `end` take. */
export type WriteArguments = [chunk?: unknown, encoding?: BufferEncoding | Callback, callback?: Callback];
type Callback = (error?: Error | null) => void;
type BufferedWrite = ['write', ...WriteArguments] | ['end', ...WriteArguments] | ['flushHeaders'];

/**
 * What an application has written to a response that is not committed, in order. Beyond the response's high water mark the application is told to
 * wait (`write` returns false, and `drain` follows), so a stream that is piped into the response waits too.
 */
export class BufferedWrites {
  #writes: BufferedWrite[] = [];
  #bytes = 0;
  #needsDrain = false;

  constructor(private readonly response: ServerResponse) {}

  /** Whether there is room for more. Throws as Node would: when the write is sent later, the application can no longer catch. */
  write(args: WriteArguments): boolean {
    this.#bytes += lengthOf(args);
    this.#writes.push(['write', ...args]);
    const hasRoom = this.#bytes < this.response.writableHighWaterMark;
    this.#needsDrain ||= !hasRoom;
    return hasRoom;
  }

  end(args: WriteArguments): void {
    checkLastChunk(args[0]);
    this.#writes.push(['end', ...args]);
  }

  flushHeaders(): void {
    this.#writes.push(['flushHeaders']);
  }

  /** Hands over what was written, and forgets it. `needsDrain`: the application waits for `drain`. */
  take(): { readonly writes: readonly BufferedWrite[]; readonly needsDrain: boolean } {
    const taken = { writes: this.#writes, needsDrain: this.#needsDrain };
    this.#writes = [];
    this.#bytes = 0;
    this.#needsDrain = false;
    return taken;
  }
}

/** The callback among the arguments of `write` or `end`. */
export function callbackOf(args: WriteArguments): Callback | undefined {
  return args.find((arg) => typeof arg === 'function') as Callback | undefined;
}

/** Sends nothing, and calls back as if it were sent, so that the application goes on. */
export function discard(args: WriteArguments): void {
  const callback = callbackOf(args);
  if (callback !== undefined) process.nextTick(callback);
}

/**
 * Calls back with Node's error for a write after the end. No `error` event: while the end is buffered `writableEnded` is false, so the application
 * cannot know, and an `error` that nobody listens for ends the process.
 */
export function refuseWriteAfterEnd(args: WriteArguments): void {
  checkChunk(args[0]);
  const callback = callbackOf(args);
  if (callback !== undefined) process.nextTick(callback, nodeError(Error, 'ERR_STREAM_WRITE_AFTER_END', 'write after end'));
}

/** Throws what Node throws for a chunk that it does not take. */
export function checkChunk(chunk: unknown): asserts chunk is string | Uint8Array {
  if (typeof chunk === 'string' || types.isUint8Array(chunk)) return;
  if (chunk === null) throw nodeError(TypeError, 'ERR_STREAM_NULL_VALUES', 'May not write null values to stream');
  throw nodeError(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "chunk" argument must be of type string or an instance of Buffer or Uint8Array.');
}

/** As {@link checkChunk}, for `end`, which needs none. */
export function checkLastChunk(chunk: unknown): void {
  if (chunk && typeof chunk !== 'function') checkChunk(chunk);
}

function lengthOf([chunk, encoding]: WriteArguments): number {
  checkChunk(chunk);
  if (typeof chunk !== 'string') return chunk.byteLength;
  return Buffer.byteLength(chunk, typeof encoding === 'string' ? encoding : undefined);
}
