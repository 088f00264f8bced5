import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** What `writeHead` takes. */
export type HeadArguments = [statusCode: number, reason?: string | HeaderList | null, headers?: HeaderList | null];
type HeaderList = OutgoingHttpHeaders | OutgoingHttpHeader[] | [name: string, value: OutgoingHttpHeader][];

/**
 * Whether that is a response at all. For the handshake of a WebSocket a middleware gets something in its place: `{}` (as with the ws package), or
 * an object with a few of the methods (Socket.IO).
 */
export function isResponse(response: Partial<ServerResponse>): boolean {
  return typeof response.getHeaders === 'function';
}

/** Where Node keeps the head of a response once it is written. From then on `headersSent` is true, and a header that is set throws. */
export const HEAD = '_header';

/**
 * Whether the head has been written, as Node itself says it. `@fastify/express` gives each response a `headersSent` of its own, which is true once
 * `res.send()` has been called and false after all else.
 */
export function isHeadSent(response: ServerResponse): boolean {
  const isOverridden = Object.hasOwn(response, 'headersSent') && HEAD in response;
  return isOverridden ? Boolean(response[HEAD]) : response.headersSent;
}

/** Whether the client can still be told something in a header. */
export function takesHeaders(response: ServerResponse): boolean {
  return !isHeadSent(response) && isResponse(response);
}

/** Whether the client can still be sent another response: this one has not begun, and the client has not gone. */
export function canBeAnswered(request: IncomingMessage, response: ServerResponse): boolean {
  return !isHeadSent(response) && !isClientGone(request, response);
}

/** Whether the client no longer waits for the response. */
export function isClientGone(request: IncomingMessage, response: ServerResponse): boolean {
  // Over HTTP/2 a request may end, and its connection go on.
  const { stream } = response as { readonly stream?: { readonly destroyed: boolean } };
  // The requests of serverless wrappers have none.
  const socket = request.socket as IncomingMessage['socket'] | undefined;
  return response.destroyed || stream?.destroyed === true || socket?.destroyed === true;
}

/** What an explicit `writeHead` does to a response before anything is sent. Returns what is left to say when it is. Throws as Node would. */
export function applyHead(response: ServerResponse, [statusCode, reason, headers]: HeadArguments): [statusCode: number, reason?: string] {
  checkStatusCode(statusCode);
  applyHeaders(response, typeof reason === 'string' ? headers : (headers ?? reason));
  response.statusCode = statusCode;
  return typeof reason === 'string' ? [statusCode, reason] : [statusCode];
}

/** Throws what Node throws when a header is set after the head was sent. */
export function throwHeadersSent(): never {
  throw nodeError(Error, 'ERR_HTTP_HEADERS_SENT', 'Cannot set headers after they are sent to the client');
}

/** An error as Node makes them, so that what handles Node's handles ours. */
export function nodeError(Type: ErrorConstructor, code: string, message: string): Error {
  return Object.assign(new Type(message), { code });
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

function checkStatusCode(statusCode: number): void {
  const isStatusCode = statusCode >= 100 && statusCode <= 999;
  if (!isStatusCode) throw nodeError(RangeError, 'ERR_HTTP_INVALID_STATUS_CODE', `Invalid status code: ${statusCode}`);
}

/** Adds a request header to `Vary` (RFC 9110, section 12.5.5), beside those that the application has named. */
export function addVary(response: ServerResponse, name: string): void {
  const vary = varyWith(response.getHeader('Vary'), name);
  if (vary !== undefined) response.setHeader('Vary', vary);
}

/** What `Vary` is with one more request header; `undefined` when it names that already. */
export function varyWith(vary: OutgoingHttpHeader | undefined, name: string): string | undefined {
  if (vary === undefined) return name;
  const names = (Array.isArray(vary) ? vary : [String(vary)]).flatMap((one) => one.split(',')).map((one) => one.trim());
  const isSaid = names.some((one) => one === '*' || one.toLowerCase() === name.toLowerCase());
  return isSaid ? undefined : [...names.filter(Boolean), name].join(', ');
}
