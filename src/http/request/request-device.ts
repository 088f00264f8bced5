import type { IncomingMessage } from 'node:http';
import type { Device } from '../../session/session-record.js';

const MOST_BYTES = 256;
/** How a socket for IPv4 and IPv6 writes an IPv4 address (RFC 4291, section 2.5.5.2). */
const IPV4_MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/** What is kept of the device that a request comes from; `undefined` when nothing is to be. */
export function deviceOf(request: IncomingMessage, track: { readonly ip: boolean; readonly userAgent: boolean }): Device | undefined {
  if (!track.ip && !track.userAgent) return undefined;
  const ip = track.ip ? trimmed(addressOf(request)) : undefined;
  const userAgent = track.userAgent ? trimmed(request.headers['user-agent'] || undefined) : undefined;
  return { ...(ip === undefined ? {} : { ip }), ...(userAgent === undefined ? {} : { userAgent }) };
}

/** As Express has it, by its "trust proxy" setting; on another server, that of the connection. */
function addressOf(request: IncomingMessage): string | undefined {
  const { ip } = request as { readonly ip?: unknown };
  const address = typeof ip === 'string' ? ip : request.socket.remoteAddress;
  return address?.replace(IPV4_MAPPED, '');
}

/** To a whole number of characters. */
function trimmed(text: string | undefined): string | undefined {
  if (text === undefined || Buffer.byteLength(text) <= MOST_BYTES) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MOST_BYTES));
  return text.slice(0, read);
}
