import type { ServerResponse } from 'node:http';
import { types } from 'node:util';
import { nodeError } from './response-headers.js';

/** What `write` and `end` take. */
export type WriteArguments = [chunk?: unknown, encoding?: BufferEncoding | Done, callback?: Done];
type Done = (error?: Error | null) => void;
export type Held = ['write', ...WriteArguments] | ['end', ...WriteArguments] | ['flushHeaders'];

/**
 * What an application has written into a response that is held, in order. When that is much, it is told to wait (`write` answers false,
 * and `drain` follows), so a stream that is piped into the response waits too.
 */
export class HeldWrites {
  #held: Held[] = [];
  #bytes = 0;
  #isAwaited = false;

  constructor(private readonly response: ServerResponse) {}

  /** Whether there is room for more. Throws as Node would: once it is held, nobody is there to catch. */
  write(args: WriteArguments): boolean {
    this.#bytes += lengthOf(args);
    this.#held.push(['write', ...args]);
    const hasRoom = this.#bytes < this.response.writableHighWaterMark;
    this.#isAwaited ||= !hasRoom;
    return hasRoom;
  }

  end(args: WriteArguments): void {
    if (args[0] && typeof args[0] !== 'function') lengthOf(args);
    this.#held.push(['end', ...args]);
  }

  flushHeaders(): void {
    this.#held.push(['flushHeaders']);
  }

  /** Hands over what was held, and forgets it. `isAwaited`: somebody waits for `drain`. */
  take(): { readonly held: readonly Held[]; readonly isAwaited: boolean } {
    const taken = { held: this.#held, isAwaited: this.#isAwaited };
    this.#held = [];
    this.#bytes = 0;
    this.#isAwaited = false;
    return taken;
  }
}

/** Who is told when it was written. */
export function doneOf(args: WriteArguments): Done | undefined {
  return args.find((arg) => typeof arg === 'function') as Done | undefined;
}

/** Whoever waits for it to be written goes on. */
export function swallow(args: WriteArguments): void {
  const done = doneOf(args);
  if (done !== undefined) process.nextTick(done);
}

/**
 * Tells whoever writes after an end that is held. Not by an event: while it is held nothing says that the response has ended (`writableEnded`), so nobody
 * can know, and an `error` that nobody listens for ends the process.
 */
export function refuseWrite(args: WriteArguments): void {
  const done = doneOf(args);
  if (done !== undefined) process.nextTick(done, nodeError(Error, 'ERR_STREAM_WRITE_AFTER_END', 'write after end'));
}

function lengthOf([chunk, encoding]: WriteArguments): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk, typeof encoding === 'string' ? encoding : undefined);
  if (types.isUint8Array(chunk)) return chunk.byteLength;
  if (chunk === null) throw nodeError(TypeError, 'ERR_STREAM_NULL_VALUES', 'May not write null values to stream');
  throw nodeError(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "chunk" argument must be of type string or an instance of Buffer or Uint8Array.');
}
