import { SessionMisuseError } from '../../redis-session.errors.js';
import type { Identity } from '../../nest/identity.decorator.js';
import { afterItsEnd, type TimeLimit } from '../../session/active-session.js';
import { isPositive, kindOf } from '../../session/option-checks.js';
import { csrfToken, isCsrfToken } from '../csrf/csrf-token.js';
import type { LoginOptions } from './http-session.js';
import type { RequestSession } from './request-session.js';
import { checkPassive } from './passive-request.js';
import { replaceSession, requireState } from './request-state.js';

// What the methods of a session do, of both its views.

const SECOND = 1_000;

/** With `resave`, each save starts the idle timeout anew. */
export async function saveSession(session: RequestSession): Promise<void> {
  if (!mayStore(session)) return;
  const { canBeginSession: canBegin, hasResponseBegun: hasBegun, runtime } = session.transport;
  await session.active.save({
    touch: runtime.settings.resave,
    refuseNew: canBegin ? undefined : () => tooLate(session, 'save'),
    takesNewSid: () => session.transport.takesNewSid(hasBegun),
  });
}

/** Whether a save has something to do: not in a passive request, which has nothing to store and must not touch. */
export function mayStore(session: RequestSession): boolean {
  const state = requireState(session.request);
  if (!state.isPassive) return true;
  checkPassive(state, session);
  return session.active.isChanged;
}

export async function reloadSession(session: RequestSession): Promise<void> {
  if (!(await session.active.reload())) throw new SessionMisuseError('The session cannot be reloaded: it has ended, or was never stored.');
  session.resetCookie();
}

export async function regenerateSession(session: RequestSession): Promise<void> {
  checkNotBegun(session, 'regenerate');
  await session.active.supersede();
  replaceSession(requireState(session.request), session.createNext());
}

/** @param limit of a call that the application has not made */
export async function destroySession(session: RequestSession, limit?: TimeLimit): Promise<void> {
  if (session.transport.isWithoutResponse) throw withoutResponse('logout');
  await session.active.destroy(limit);
  // Whoever was called back before goes on with `req.session`, and must find it.
  if (session.callbacks > 0) await new Promise((resolve) => void setImmediate(resolve));
  const state = requireState(session.request);
  state.destroyed = session;
  if (state.current === session) state.status = 'destroyed';
}

export async function login(session: RequestSession, identity: Identity, options: LoginOptions = {}): Promise<void> {
  checkNotBegun(session, 'login');
  checkLoginOptions(options);
  const { keep = [], ttl, absoluteTtl } = options;
  checkSeconds('ttl', ttl);
  if (absoluteTtl !== false) checkSeconds('absoluteTtl', absoluteTtl);
  const { active, requestCookie: cookie, transport } = session;
  // The idle timeout of one session is that of its cookie: a browser that drops the cookie has ended the session, whatever the store says.
  const undo = cookie.beginSignIn(ttl === undefined ? undefined : ttl * SECOND);
  try {
    await active.login(identity, keep, typeof absoluteTtl === 'number' ? absoluteTtl * SECOND : absoluteTtl);
  } catch (error) {
    undo();
    throw error;
  }
  session.requestCookie.restartMaxAge();
  // Only with express-session: a buffered response waits for this call.
  if (transport.isHeadOut) transport.runtime.logError(lateLogin());
}

export async function reauthenticate(session: RequestSession): Promise<void> {
  checkNotBegun(session, 'reauthenticate');
  await session.active.reauthenticate();
}

export async function rotateSession(session: RequestSession): Promise<void> {
  checkNotBegun(session, 'rotate');
  await session.active.rotate();
}

/** @param name an entry that can be changed */
export function increment(session: RequestSession, name: string, by: number): Promise<number> {
  return session.active.increment(name, by, session.transport.canBeginSession ? undefined : () => tooLate(session, 'increment'));
}

export function csrfTokenOf({ active, transport }: RequestSession): string {
  if (active.isDestroyed) throw afterItsEnd('it has no CSRF token');
  // Otherwise the next request would come without this session, and the token with it would be of no use.
  active.retain();
  transport.watchClient();
  return csrfToken(active.handle, transport.runtime.settings.secrets);
}

export function verifyCsrfTokenOf({ active, transport }: RequestSession, token: unknown): boolean {
  return !active.isDestroyed && isCsrfToken(token, active.handle, transport.runtime.settings.secrets);
}

/** For calls that need a new cookie. */
function checkNotBegun(session: RequestSession, method: string): void {
  if (session.transport.hasResponseBegun) throw tooLate(session, method);
}

function tooLate({ transport }: RequestSession, method: string): SessionMisuseError {
  if (transport.isWithoutResponse) return withoutResponse(method);
  return new SessionMisuseError(
    `session.${method}() needs a new cookie, and the response has begun, so that none can be sent. Nothing was changed. Call it before the first byte of the response.`,
  );
}

function withoutResponse(method: string): SessionMisuseError {
  return new SessionMisuseError(
    `session.${method}() changes the cookie here, and a message of a socket has no response that could carry one. Nothing was changed. Call it in an HTTP request; to end a session from a message, call SessionManager.revoke().`,
  );
}

function lateLogin(): SessionMisuseError {
  return new SessionMisuseError(
    'session.login() has ended after the head of the response had left, so its cookie was not sent: a session is signed in that nobody can use. Await session.login() before the response.',
  );
}

function checkLoginOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null)
    throw new SessionMisuseError(
      `session.login() needs its options as an object ({ keep, ttl, absoluteTtl }), received ${kindOf(options)}.`,
    );
  const { keep } = options as { keep?: unknown };
  const isList = Array.isArray(keep) && keep.every((name) => typeof name === 'string');
  if (keep !== undefined && keep !== true && !isList)
    throw new SessionMisuseError(
      `session.login() needs "keep" as a list of entry names (['cart']), or true for all, received ${kindOf(keep)}. Leave it out to keep none.`,
    );
}

function checkSeconds(name: string, seconds: number | undefined): void {
  if (seconds !== undefined && !isPositive(seconds))
    throw new SessionMisuseError(
      `session.login() needs a positive finite number of seconds for ${JSON.stringify(name)}. Leave it out for the configured time.`,
    );
}
