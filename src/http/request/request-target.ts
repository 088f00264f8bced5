import type { IncomingMessage } from 'node:http';

/** In the absolute form, what stands before the path. A server must take that form too (RFC 9112, section 3.2.2). */
const BEFORE_PATH = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** Whether a cookie's path covers the request, as browsers see it: `/admin` covers `/admin/x`, not `/administrator` (RFC 6265, section 5.1.4). */
export function isInPath(request: IncomingMessage, path: string): boolean {
  if (path === '/') return true;
  const requested = requestedPath(request);
  return requested.startsWith(path) && (path.endsWith('/') || requested.length === path.length || requested[path.length] === '/');
}

/** The path that was asked for, as the browser knows it: before any mount point, without query and fragment. */
function requestedPath(request: IncomingMessage): string {
  const { originalUrl = request.url ?? '/' } = request as { originalUrl?: string };
  const [target = ''] = originalUrl.split(/[?#]/, 1);
  return target.startsWith('/') ? target : target.replace(BEFORE_PATH, '') || '/';
}
