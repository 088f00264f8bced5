import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { clientOf } from './request-client.js';
import { isForwarded, type TrustedProxies } from './trusted-proxies.js';

/** What Express adds to a request; another server's requests have none of it. */
interface ExpressRequest extends IncomingMessage {
  readonly secure?: boolean;
  readonly app?: { get?(name: 'trust proxy fn'): unknown };
}

/**
 * Whether the request came over https: the connection itself; then `X-Forwarded-Proto`, of whoever `proxies` trusts; without them, what the framework
 * concludes from its own setting.
 */
export function isSecureRequest(request: IncomingMessage, proxies: TrustedProxies | undefined): boolean {
  if ((request.socket as Partial<TLSSocket> | undefined)?.encrypted === true) return true;
  if (proxies !== undefined) return forwardedProtocol(request) === 'https' && isForwarded(request, proxies);
  const client = clientOf(request);
  return client === undefined ? (request as ExpressRequest).secure === true : client.protocol === 'https';
}

/**
 * The host, with its port, that the client asked, by the same rules: `X-Forwarded-Host` of whoever `proxies` trusts, and without them what the
 * framework concludes.
 */
export function hostOf(request: IncomingMessage, proxies: TrustedProxies | undefined): string | undefined {
  const client = proxies === undefined ? clientOf(request) : undefined;
  if (client !== undefined) return client.host;
  const trusts = proxies ?? expressProxies(request);
  const isTrusted = trusts !== undefined && isForwarded(request, trusts);
  return (isTrusted ? firstOf(request.headers['x-forwarded-host']) : undefined) ?? askedHost(request);
}

/** The first, so the outermost, protocol of `X-Forwarded-Proto`. */
export function forwardedProtocol(request: IncomingMessage): string | undefined {
  return firstOf(request.headers['x-forwarded-proto'])?.toLowerCase();
}

/** Whom Express trusts. Its `req.host` has no port in Express 4. */
function expressProxies({ app }: ExpressRequest): TrustedProxies | undefined {
  const trusts = app?.get?.('trust proxy fn');
  return typeof trusts === 'function' ? (trusts as TrustedProxies) : undefined;
}

/** HTTP/2 says it in a header of its own, which goes before `Host` (RFC 9113, section 8.3.1). */
function askedHost({ httpVersionMajor, headers }: IncomingMessage): string | undefined {
  return (httpVersionMajor === 2 ? firstOf(headers[':authority']) : undefined) ?? headers.host;
}

/** Each proxy adds a value after those before it. `undefined` for an empty one too. */
function firstOf(header: string | string[] | undefined): string | undefined {
  return (Array.isArray(header) ? header[0] : header)?.split(',', 1)[0]?.trim() || undefined;
}
