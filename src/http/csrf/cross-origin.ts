import type { CrossOriginReason } from '../../redis-session.errors.js';

/** What a request says of where it comes from. Headers as they stand; an empty one counts as missing. */
export interface RequestOrigin {
  readonly method: string | undefined;
  /** Whether it opens a WebSocket. */
  readonly isWebSocket: boolean;
  /** `Sec-Fetch-Site`: what the browser knows of the page that sent the request. Browsers have it since 2023, over https and on localhost. */
  readonly fetchSite: string | undefined;
  /** `Origin`: scheme, host and port of that page. */
  readonly origin: string | undefined;
  /** The host, with its port, that the browser asked. */
  readonly host: string | undefined;
  /** Whether it asked over https, as far as is known. */
  readonly isSecure: boolean;
}

/** Whose requests pass. */
export interface CrossOriginRules {
  /** Other origins, exactly as browsers send them. */
  readonly trustedOrigins: ReadonlySet<string>;
  /** Whether a request that says nothing of where it comes from is refused. */
  readonly strict: boolean;
}

const SAFE_METHODS: readonly unknown[] = ['GET', 'HEAD', 'OPTIONS'];

/** No userinfo, no path, no comma of two headers made one: whatever a browser would not send is nobody's origin. */
const WEB_ORIGIN = /^(https?):\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i;
const DEFAULT_PORTS = new Map([
  ['http', /:80$/],
  ['https', /:443$/],
]);

/**
 * Why a request must be refused, since a page of another origin may have sent it; `undefined` when it may pass. The algorithm of
 * `http.CrossOriginProtection` in Go 1.25, and in one thing stricter: a page over http does not send to https.
 *
 * @see https://words.filippo.io/csrf/
 */
export function crossOriginReason(request: RequestOrigin, { trustedOrigins, strict }: CrossOriginRules): CrossOriginReason | undefined {
  const { fetchSite = '', origin = '', isWebSocket } = request;
  if (isWebSocket && origin !== '') return webSocketReason(request, origin, trustedOrigins);
  if (SAFE_METHODS.includes(request.method) && !isWebSocket) return undefined;
  if (fetchSite === 'same-origin' || fetchSite === 'none' || trustedOrigins.has(origin)) return undefined;
  if (fetchSite !== '') return fetchSite === 'same-site' ? 'same-site' : 'cross-site';
  if (origin === '') return strict ? 'no-origin' : undefined;
  return mismatch(origin, request);
}

/**
 * A page may open a WebSocket to any origin, and read what comes: no browser asks first, as it does for other requests (CORS). Each sends `Origin`, so
 * that decides, although the method is safe; `Sec-Fetch-Site` only says that it is this very origin, where a proxy has changed the host.
 *
 * @see RFC 6455, section 10.2
 */
function webSocketReason(request: RequestOrigin, origin: string, trusted: ReadonlySet<string>): CrossOriginReason | undefined {
  if (trusted.has(origin) || request.fetchSite === 'same-origin') return undefined;
  const reason = mismatch(origin, request);
  return reason === 'cross-origin' && request.fetchSite === 'same-site' ? 'same-site' : reason;
}

/** Of older browsers, and of all browsers where a page came over plain http, which `Sec-Fetch-Site` is not sent to. */
function mismatch(origin: string, request: RequestOrigin): CrossOriginReason | undefined {
  const [, scheme, name, port = ''] = WEB_ORIGIN.exec(origin) ?? [];
  if (scheme === undefined || name === undefined || request.host === undefined) return 'cross-origin';
  const defaultPort = DEFAULT_PORTS.get(scheme.toLowerCase()) ?? '';
  const [theirs, ours] = [name + port, request.host].map((host) => host.toLowerCase().replace(defaultPort, ''));
  if (theirs !== ours) return 'cross-origin';
  // Whoever is in the middle can make a page of this host over http. The other way round says nothing: a proxy may have ended https.
  return scheme.toLowerCase() === 'http' && request.isSecure ? 'insecure-origin' : undefined;
}
