import type { IncomingMessage } from 'node:http';
import { CrossOriginError, type CrossOriginReason } from '../../redis-session.errors.js';
import { diagnostics } from '../../session/diagnostics.js';
import { crossOriginReason, type RequestOrigin } from './cross-origin.js';
import type { CsrfSettings } from './csrf-options.js';
import type { SessionHeader } from '../cookie/session-header.js';
import { hostOf, isSecureRequest } from '../request/request-security.js';
import type { TrustedProxies } from '../request/trusted-proxies.js';

/** One of several protocols, in any case (RFC 9110, section 7.8). */
const UPGRADE_TO_WEBSOCKET = /(?:^|,)[\t ]*websocket[\t ]*(?:,|$)/i;

/**
 * Why a request must be refused; `undefined` when it may pass. Asks no session and no store.
 *
 * @param header by which clients that are no browsers have their session: no page of another site can send it by itself
 */
export function requestRefusal(
  request: IncomingMessage,
  { csrf, proxy }: { readonly csrf: CsrfSettings; readonly proxy: TrustedProxies | undefined },
  header?: SessionHeader,
): CrossOriginReason | undefined {
  if (header?.carries(request) === true) return undefined;
  return crossOriginReason(new StatedOrigin(request, proxy), csrf);
}

/** The same for what opens a socket, by whichever transport: it is checked as a WebSocket is, also where it is a plain GET. */
export function handshakeRefusal(...[request, { csrf, proxy }, header]: Parameters<typeof requestRefusal>): CrossOriginReason | undefined {
  if (header?.carries(request) === true) return undefined;
  return crossOriginReason(new StatedHandshake(request, proxy), csrf);
}

/** Tells that a request is refused. */
export function tellRefusal(reason: CrossOriginReason): void {
  if (diagnostics.csrfRefused.hasSubscribers) diagnostics.csrfRefused.publish({ reason });
}

/** The error of a request that is refused, of which it tells. */
export function refusedFor(reason: CrossOriginReason): CrossOriginError {
  tellRefusal(reason);
  return new CrossOriginError(reason);
}

/** Works out only what is asked for. A class, since V8 gives each object literal with getters a hidden class of its own. */
class StatedOrigin implements RequestOrigin {
  constructor(
    private readonly request: IncomingMessage,
    private readonly proxy: TrustedProxies | undefined,
  ) {}

  get method(): string | undefined {
    return this.request.method;
  }

  /** By the header of HTTP/1.1, or by the pseudo-header of HTTP/2 (RFC 8441, section 4), whose method is CONNECT. */
  get isWebSocket(): boolean {
    const { upgrade, ':protocol': protocol } = this.request.headers;
    return protocol === 'websocket' || (upgrade !== undefined && UPGRADE_TO_WEBSOCKET.test(upgrade));
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

class StatedHandshake extends StatedOrigin {
  override get isWebSocket(): boolean {
    return true;
  }
}
