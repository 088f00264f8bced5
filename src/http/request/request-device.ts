import type { IncomingMessage } from 'node:http';
import type { Device } from '../../session/session-record.js';
import { clientOf } from './request-client.js';
import { connectionAddress, forwardedAddress, type TrustedProxies } from './trusted-proxies.js';

const MOST_BYTES = 256;
/** How a socket for IPv4 and IPv6 writes an IPv4 address (RFC 4291, section 2.5.5.2). */
const IPV4_MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/** What is kept of the device that a request comes from; `undefined` when nothing is to be. */
export function deviceOf(
  request: IncomingMessage,
  track: { readonly ip: boolean; readonly userAgent: boolean },
  proxies: TrustedProxies | undefined,
): Device | undefined {
  if (!track.ip && !track.userAgent) return undefined;
  const ip = track.ip ? trimmed(addressOf(request, proxies)) : undefined;
  const userAgent = track.userAgent ? trimmed(request.headers['user-agent'] || undefined) : undefined;
  return { ...(ip === undefined ? {} : { ip }), ...(userAgent === undefined ? {} : { userAgent }) };
}

/** As the proxies say that are trusted; without them as the framework has it (Express on the request itself), else that of the connection. */
function addressOf(request: IncomingMessage, proxies: TrustedProxies | undefined): string | undefined {
  const address = proxies === undefined ? frameworkAddress(request) : forwardedAddress(request, proxies);
  return address?.replace(IPV4_MAPPED, '');
}

function frameworkAddress(request: IncomingMessage): string | undefined {
  const { ip } = clientOf(request) ?? (request as { readonly ip?: unknown });
  return typeof ip === 'string' ? ip : connectionAddress(request);
}

/** To a whole number of characters. */
function trimmed(text: string | undefined): string | undefined {
  if (text === undefined || Buffer.byteLength(text) <= MOST_BYTES) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MOST_BYTES));
  return text.slice(0, read);
}
