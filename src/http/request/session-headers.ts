import type { ServerResponse } from 'node:http';
import { putCookie, takeOffCookie } from '../cookie/response-cookies.js';
import { ENDED } from '../cookie/session-header.js';
import { addVary } from '../response/response-headers.js';
import type { CookieAction } from './cookie-decision.js';
import { clearedCookie } from './cookie-facts.js';
import type { RequestState } from './request-state.js';
import { currentSession } from './session-access.js';

// What carries a sid: the cookie, or the header of clients that are no browsers. All else is the same for both.

export const SET_COOKIE = 'Set-Cookie';
const COOKIE_ONLY = ['Cookie'];

/** A header of a response. */
export interface ResponseHeader {
  readonly name: string;
  readonly value: string;
}

/** Takes the sids that the request has brought. */
export function readSids(state: RequestState): void {
  const { runtime, request } = state.transport;
  state.isByHeader = runtime.header?.carries(request) === true;
  state.sids = (state.isByHeader ? runtime.header : undefined)?.read(request) ?? runtime.cookie.read(request);
}

/** What tells the client of an action. `undefined` for `nothing`, and for a sid that may go over https only when the request came otherwise. */
export function sessionHeader(state: RequestState, action: CookieAction): ResponseHeader | undefined {
  const { header } = state.transport.runtime;
  const isByHeader = state.isByHeader && header !== undefined;
  const value = isByHeader ? headerValue(state, action) : cookieValue(state, action);
  return value === undefined ? undefined : { name: isByHeader ? header.name : SET_COOKIE, value };
}

/** On which headers of a request a response depends that depends on the session. */
export function variesBy({ transport: { runtime } }: RequestState): readonly string[] {
  return runtime.header?.varies ?? COOKIE_ONLY;
}

/** Puts what tells the client of an action on a response, in the place of what that says of the cookie, and what it depends on. */
export function putSessionHeaders(state: RequestState, action: CookieAction, response: ServerResponse): void {
  const header = sessionHeader(state, action);
  if (header !== undefined) putSessionHeader(state, header, response);
  if (state.isAsked) for (const name of variesBy(state)) addVary(response, name);
}

/** Puts what tells the client on a response, in the place of what that says of the session. */
export function putSessionHeader(state: RequestState, header: ResponseHeader, response: ServerResponse): void {
  const { cookie, settings } = state.transport.runtime;
  if (header.name === SET_COOKIE) putCookie(response, cookie.name, header.value);
  else response.setHeader(header.name, header.value);
  if (settings.noStore) response.setHeader('Cache-Control', 'no-store');
}

/** Takes off what a response says of the session. */
export function takeOffSessionHeader({ transport: { runtime } }: RequestState, response: ServerResponse): void {
  takeOffCookie(response, runtime.cookie.name);
  if (runtime.header !== undefined) response.removeHeader(runtime.header.name);
}

function cookieValue(state: RequestState, action: CookieAction): string | undefined {
  const { runtime, request } = state.transport;
  if (action === 'clear') return runtime.cookie.clearingHeader(clearedCookie(state));
  const session = action === 'set' ? currentSession(state) : undefined;
  return session && runtime.cookie.settingHeader(request, session.active.sid, session.cookie);
}

function headerValue(state: RequestState, action: CookieAction): string | undefined {
  const { runtime, request } = state.transport;
  if (action === 'clear') return ENDED;
  const session = action === 'set' ? currentSession(state) : undefined;
  return session && runtime.header?.valueFor(request, session.active.sid, session.cookie);
}
