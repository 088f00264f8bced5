import type { ServerResponse } from 'node:http';
import { isHeadSent } from './response-headers.js';

type WriteHead = (this: ServerResponse, statusCode: number, ...rest: unknown[]) => ServerResponse;

const promised = new WeakMap<ServerResponse, Map<string, string>>();

/**
 * Gives a response those headers when it turns out to be a refusal, by whichever filter. Whoever catches the error and answers all the same
 * says nothing of it.
 */
export function giveWhenRefused(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  if (isHeadSent(response) || Object.keys(headers).length === 0) return;
  const all = promised.get(response) ?? prepare(response);
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
}

function prepare(response: ServerResponse): Map<string, string> {
  const headers = new Map<string, string>();
  promised.set(response, headers);
  // Its overloads have this in common.
  const { writeHead } = response as { writeHead: WriteHead };
  const withHeaders: WriteHead = function (statusCode, ...rest) {
    if (statusCode >= 400 && !isHeadSent(this)) for (const [name, value] of headers) if (!this.hasHeader(name)) this.setHeader(name, value);
    return Reflect.apply(writeHead, this, [statusCode, ...rest]);
  };
  response.writeHead = withHeaders;
  return headers;
}
