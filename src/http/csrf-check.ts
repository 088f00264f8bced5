import type { IncomingMessage } from 'node:http';
import type { CrossOriginReason } from '../redis-session.errors.js';
import { crossOriginReason } from './cross-origin.js';
import type { CsrfSettings } from './csrf-options.js';
import { hostOf, isSecureRequest } from './request-security.js';

/** Why a request must be refused; `undefined` when it may pass. Asks no session and no store. */
export function requestRefusal(
  request: IncomingMessage,
  { csrf, proxy }: { readonly csrf: CsrfSettings; readonly proxy: boolean | undefined },
): CrossOriginReason | undefined {
  const { method, headers } = request;
  return crossOriginReason(
    {
      method,
      fetchSite: headers['sec-fetch-site']?.toString(),
      origin: headers.origin,
      // Asked for only where nothing newer tells.
      get host() {
        return hostOf(request, proxy);
      },
      get isSecure() {
        return isSecureRequest(request, proxy);
      },
    },
    csrf,
  );
}
