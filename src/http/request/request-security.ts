import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** What Express adds to a request; another server's requests have none of it. */
interface ExpressRequest extends IncomingMessage {
  readonly secure?: boolean;
  readonly host?: string;
  readonly app?: unknown;
}

/**
 * Whether the request came over https, by express-session's rules: the connection itself; then `X-Forwarded-Proto` as `proxy` says;
 * without `proxy`, what Express concludes from its "trust proxy" setting.
 */
export function isSecureRequest(request: IncomingMessage, proxy: boolean | undefined): boolean {
  if ((request.socket as Partial<TLSSocket> | undefined)?.encrypted === true) return true;
  if (proxy === false) return false;
  if (proxy !== true) return (request as ExpressRequest).secure === true;
  return forwardedProtocol(request) === 'https';
}

/**
 * The host, with its port, that the client asked, by the same rules: `X-Forwarded-Host` where `proxy` says so, and without `proxy` where
 * Express' "trust proxy" setting does.
 */
export function hostOf(request: IncomingMessage, proxy: boolean | undefined): string | undefined {
  const { host } = request.headers;
  if (proxy === undefined) return (request as ExpressRequest).host ?? host;
  return (proxy ? firstOf(request.headers['x-forwarded-host']) : undefined) ?? host;
}

/** The first, so the outermost, protocol of `X-Forwarded-Proto`. */
export function forwardedProtocol(request: IncomingMessage): string | undefined {
  return firstOf(request.headers['x-forwarded-proto'])?.toLowerCase();
}

/** Each proxy adds a value after those before it. `undefined` for an empty one too. */
function firstOf(header: string | string[] | undefined): string | undefined {
  return (Array.isArray(header) ? header[0] : header)?.split(',', 1)[0]?.trim() || undefined;
}
