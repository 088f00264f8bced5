import { SessionMisuseError } from '../../redis-session.errors.js';
import type { RequestSession } from './request-session.js';
import { isTouchDue, rollsCookie, saysExpiry } from './rolling-cookie.js';
import type { SessionExchange } from './session-exchange.js';

/** What a response has to say about the cookie: the session's sid, or nothing. */
export type CookieNews = 'set' | 'none';

/**
 * What the end of a request means for its session: what must be stored before the client is told anything, and what it is told of the
 * cookie. Answers at once when there is nothing to wait for. Throws, or rejects, when the session cannot be stored.
 */
export function commitSession(exchange: SessionExchange): CookieNews | Promise<CookieNews> {
  // The answer did not wait for that call, so nobody else would tell the client that it failed.
  if (exchange.isBusy) return exchange.idle().then(() => commitSession(exchange));
  if (exchange.isUnset) return commitUnset(exchange);
  const { runtime, loaded, used } = exchange;
  if (used === undefined) {
    if (loaded === undefined) return runtime.settings.saveUninitialized && exchange.isOpen ? store(exchange) : 'none';
    return exchange.isOpen ? renew(exchange) : 'none';
  }
  if (used.active.record === undefined) return commitNew(exchange, used);
  return used.active.isChanged || used.areTermsChanged ? store(exchange) : renew(exchange);
}

/**
 * Stores what has changed since the client was told, or when it has gone. Throws, or rejects, for a new session whose cookie can no longer be
 * sent: nobody could ever use it.
 */
export function commitLate(exchange: SessionExchange, isHeadOut: boolean): Promise<unknown> | undefined {
  const again = () => commitLate(exchange, isHeadOut);
  if (exchange.isBusy) return exchange.idle().then(again, again);
  if (exchange.isUnset) return exchange.endUnset();
  const { used } = exchange;
  if (used === undefined) return undefined;
  const { record, isChanged } = used.active;
  if (isHeadOut && record === undefined) {
    if (isChanged) throw bornTooLate();
    return undefined;
  }
  return isChanged || used.areTermsChanged ? store(exchange, { isLate: true }) : undefined;
}

function bornTooLate(): SessionMisuseError {
  return new SessionMisuseError(
    'A session was begun after the head of the response had left, so its cookie cannot be sent any more and it was not stored. Write to the session before the response.',
  );
}

/** Nothing that was not put into it is worth storing (G4), so the cookie of a session that was here before is of no use any more. */
function commitNew(exchange: SessionExchange, used: RequestSession): CookieNews | Promise<CookieNews> {
  if (exchange.runtime.settings.saveUninitialized || used.active.isChanged) return store(exchange);
  if (exchange.isReplaced) exchange.forget(used.cookie);
  return 'none';
}

function commitUnset(exchange: SessionExchange): CookieNews | Promise<CookieNews> {
  return exchange.endUnset()?.then(() => 'none') ?? 'none';
}

async function store(exchange: SessionExchange, { isLate = false } = {}): Promise<CookieNews> {
  const { current } = exchange;
  if (current === undefined) return 'none';
  await current.active.save({ ms: exchange.timeLeft, takesNewSid: () => exchange.takesNewSid(isLate) });
  if (!isNewest(current)) return 'none';
  return current.active.sid !== exchange.loaded?.sid || renewsCookie(exchange, false) ? 'set' : 'none';
}

/** An unchanged session: starts its idle timeout anew when that is due. Nobody waits for it, unless the cookie is renewed with it. */
function renew(exchange: SessionExchange): CookieNews | Promise<CookieNews> {
  const { loaded, used } = exchange;
  const record = used?.active.record ?? loaded?.record;
  if (record === undefined || used?.active.isLost === true) return 'none';
  const isDue = isTouchDue(exchange, record);
  const isNew = used !== undefined && used.active.sid !== loaded?.sid;
  const isRotated = isNew && used.active.handle === loaded?.record.handle;
  // A cookie is never sent on what was known when the session was loaded, or rotated. When that cannot be asked now, the new secret is told all
  // the same: the one before it may be dead.
  if (isNew ? isRotated : renewsCookie(exchange, isDue))
    return touch(exchange, { otherwise: isRotated }).then((isThere) => (isThere ? 'set' : 'none'));
  if (isDue) void touch(exchange);
  return isNew ? 'set' : 'none';
}

/** Whether the session was found, under its current secret; `otherwise` when the store did not answer. */
async function touch({ current, runtime, timeLeft }: SessionExchange, { otherwise = false } = {}): Promise<boolean> {
  try {
    await current?.active.touch({ ms: timeLeft });
    return current !== undefined && isNewest(current);
  } catch (error) {
    runtime.logError(error);
    return otherwise;
  }
}

/**
 * Whether the last write found the session, under its current secret. A sign-in in parallel may have ended it, or a rotation have replaced the
 * secret, and have set a cookie of its own, which must not be replaced.
 */
function isNewest({ active }: RequestSession): boolean {
  return !active.isLost && active.record?.secret !== 'previous';
}

/** Whether the browser is to learn a new expiry: as `rolling` says, and after a change of the session or of its cookie. */
function renewsCookie(exchange: SessionExchange, isTouched: boolean): boolean {
  const { loaded, used } = exchange;
  // The browser of a request with the secret before a rotation has, or is about to get, a newer cookie.
  if ((used?.active ?? loaded)?.record?.secret === 'previous') return false;
  return rollsCookie(exchange, isTouched) || used?.isCookieChanged === true || (used?.active.isWritten === true && saysExpiry(exchange));
}
