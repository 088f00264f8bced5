import { RawClient, type RawAnswer } from './raw-client.js';

/** What a request says of itself; `fetch` would set some of it itself. */
export interface OriginRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
}

/** Sends exactly those headers, and `Host: shop.example` unless they have one. */
export async function sendTo(origin: string, { method = 'POST', path = '/', headers = {} }: OriginRequest): Promise<RawAnswer> {
  const client = await RawClient.connect(origin);
  client.request(method, path, { host: 'shop.example', ...headers });
  return client.answer();
}

/** Sent by a page of another site, in a browser of today. */
export const CROSS_SITE = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
/** Sent by a page of this site, in a browser of today. */
export const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin', origin: 'https://shop.example' };

/** What a request that is refused gets. */
export function refused(reason: string): object {
  return {
    statusCode: 403,
    error: 'Forbidden',
    message: 'The request was refused: it may come from a page of another site.',
    code: 'SESSION_CROSS_ORIGIN',
    reason,
  };
}
