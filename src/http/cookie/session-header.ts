import type { IncomingMessage } from 'node:http';
import type { Sid } from '../../session/sid.js';
import { warnOnce } from '../../session/warn-once.js';
import type { Cookie } from './cookie.js';
import type { SessionCookie } from './session-cookie.js';
import type { SignedSids } from './signed-sids.js';
import { SuspiciousCookies } from './suspicious-cookies.js';

/** What a client without a session asks for one with. */
export const NEW = 'new';
/** What a client is told whose value opens nothing any more. One that sends that back has no session either. */
export const ENDED = 'ended';
const NO_SIDS: readonly Sid[] = [];

/**
 * The header of clients that are no browsers, on its way in and out: the value is the one that the cookie would have. Whether a request comes by it is
 * known before its session is: it has the header, and no session cookie. With a cookie it may be a browser's, so the cookie counts.
 */
export class SessionHeader {
  /** On which headers of a request its session depends. */
  readonly varies: readonly string[];
  readonly #field: string;
  readonly #suspicious: SuspiciousCookies;

  constructor(
    readonly name: string,
    private readonly cookie: SessionCookie,
    private readonly sids: SignedSids,
    private readonly warn: (message: string) => void,
  ) {
    this.varies = ['Cookie', name];
    this.#field = name.toLowerCase();
    this.#suspicious = new SuspiciousCookies(warn, undefined, 'session header(s)');
  }

  /** Whether the request comes by this header. */
  carries(request: IncomingMessage): boolean {
    if (request.headers[this.#field] === undefined) return false;
    if (!this.cookie.isIn(request)) return true;
    warnOnce(
      this.warn,
      `A request has both the session cookie and the header ${JSON.stringify(this.name)} ("session.header"): the cookie counts, and the header is ignored. Let a client send one of the two.`,
    );
    return false;
  }

  /** The sid of a request that comes by it. Node has joined several into one, which is nobody's. */
  read({ headers }: IncomingMessage): readonly Sid[] {
    const value = String(headers[this.#field]);
    return value === NEW || value === ENDED ? NO_SIDS : this.sids.verified([value], this.#suspicious);
  }

  /** The value for that sid. `undefined` when it may go over https only, as the cookie says, and the request came otherwise. */
  valueFor(request: IncomingMessage, sid: Sid, cookie: Cookie): string | undefined {
    return this.cookie.withholds(request, cookie) ? undefined : encodeURIComponent(this.sids.sign(sid));
  }
}
