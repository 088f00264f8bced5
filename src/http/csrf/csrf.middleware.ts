import { refusedFor, requestRefusal } from './csrf-check.js';
import type { SessionHeader } from '../cookie/session-header.js';
import type { CsrfSettings } from './csrf-options.js';
import type { SessionHandler } from '../request/session-handler.js';
import type { TrustedProxies } from '../request/trusted-proxies.js';

/** Refuses what `CsrfGuard` does, where there are no guards. See {@link requestRefusal}. */
export function refuseCrossOrigin(
  settings: { readonly csrf: CsrfSettings; readonly proxy: TrustedProxies | undefined },
  header?: SessionHeader,
): SessionHandler {
  return (request, _response, next) => {
    const reason = requestRefusal(request, settings, header);
    if (reason === undefined) next();
    else next(refusedFor(reason));
  };
}
