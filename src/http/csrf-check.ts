import type { IncomingMessage } from 'node:http';
import type { CrossOriginReason } from '../redis-session.errors.js';
import { crossOriginReason, type RequestOrigin } from './cross-origin.js';
import type { CsrfSettings } from './csrf-options.js';
import { hostOf, isSecureRequest } from './request-security.js';

/** Why a request must be refused; `undefined` when it may pass. Asks no session and no store. */
export function requestRefusal(
  request: IncomingMessage,
  { csrf, proxy }: { readonly csrf: CsrfSettings; readonly proxy: boolean | undefined },
): CrossOriginReason | undefined {
  return crossOriginReason(new StatedOrigin(request, proxy), csrf);
}

/** Works out only what is asked for. A class, since V8 gives each object literal with getters a hidden class of its own. */
class StatedOrigin implements RequestOrigin {
  constructor(
    private readonly request: IncomingMessage,
    private readonly proxy: boolean | undefined,
  ) {}

  get method(): string | undefined {
    return this.request.method;
  }

  get fetchSite(): string | undefined {
    return this.request.headers['sec-fetch-site']?.toString();
  }

  get origin(): string | undefined {
    return this.request.headers.origin;
  }

  get host(): string | undefined {
    return hostOf(this.request, this.proxy);
  }

  get isSecure(): boolean {
    return isSecureRequest(this.request, this.proxy);
  }
}
