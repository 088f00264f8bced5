import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** What Express adds to a request; another server's requests have none of it. */
interface ExpressRequest extends IncomingMessage {
  readonly secure?: boolean;
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

/** The first, so the outermost, protocol of `X-Forwarded-Proto`. */
export function forwardedProtocol(request: IncomingMessage): string | undefined {
  const header = request.headers['x-forwarded-proto'];
  return (Array.isArray(header) ? header[0] : header)?.split(',', 1)[0]?.trim().toLowerCase();
}
