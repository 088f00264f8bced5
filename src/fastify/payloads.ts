import type { FastifyReply } from 'fastify';

// What Fastify sends: besides strings and bytes, streams of Node and of the web, and a web Response.

/** Under which symbol a reply has its trailers. */
const TRAILERS = 'fastify.reply.trailers';

/** Whether it is sent piece by piece. */
export function isStreamed(payload: unknown): boolean {
  return isNodeStream(payload) || isWebStream(payload) || isResponse(payload);
}

/** Frees what nobody will read. */
export function discardPayload(payload: unknown): void {
  if (isNodeStream(payload)) {
    payload.on?.('error', ignore);
    payload.destroy?.();
  } else if (isResponse(payload)) discardPayload(payload.body);
  else if (isWebStream(payload) && !payload.locked) payload.cancel().catch(ignore);
}

/**
 * Puts the status and headers of a web Response on the reply, as Fastify does after `onSend`, so that a hook's headers are not lost.
 *
 * @returns what is left to send: its body, `null` for none. Any other payload, as it is
 */
export function unwrapResponse(reply: FastifyReply, payload: unknown): unknown {
  // Fastify has an error of its own for a body that somebody has read.
  if (!isResponse(payload) || payload.bodyUsed) return payload;
  reply.code(payload.status);
  for (const [name, value] of payload.headers) reply.header(name, value);
  return payload.body;
}

/** Takes off what was to be said of a payload after it, as Fastify does for an error. There is no public list of them. */
export function removeTrailers(reply: FastifyReply): void {
  const key = Object.getOwnPropertySymbols(reply).find(({ description }) => description === TRAILERS);
  const trailers: unknown = key === undefined ? undefined : Reflect.get(reply, key);
  for (const name of Object.keys(trailers ?? {})) reply.removeTrailer(name);
}

interface NodeStream {
  pipe(destination: never): unknown;
  on?(event: 'error', listener: () => void): unknown;
  destroy?(): unknown;
}

function isNodeStream(payload: unknown): payload is NodeStream {
  return typeof (payload as Partial<NodeStream> | null | undefined)?.pipe === 'function';
}

function isWebStream(payload: unknown): payload is ReadableStream {
  return typeof (payload as Partial<ReadableStream> | null | undefined)?.getReader === 'function';
}

/** Also one of another realm. */
function isResponse(payload: unknown): payload is Response {
  return Object.prototype.toString.call(payload) === '[object Response]';
}

function ignore(): void {
  // Nobody reads the stream, so its failures are nobody's.
}
