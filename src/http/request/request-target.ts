import type { IncomingMessage } from 'node:http';

/** In the absolute form, what stands before the path. A server must take that form too (RFC 9112, section 3.2.2). */
const BEFORE_PATH = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** The path that was asked for, as the browser knows it: before any mount point, without query and fragment. */
export function requestedPath(request: IncomingMessage): string {
  const { originalUrl = request.url ?? '/' } = request as { originalUrl?: string };
  const [target = ''] = originalUrl.split(/[?#]/, 1);
  return target.startsWith('/') ? target : target.replace(BEFORE_PATH, '') || '/';
}
