import type { SessionExchange } from './session-exchange.js';

/** What a response has to say about the cookie: the session's sid, or nothing. */
export type CookieNews = 'set' | 'none';

/**
 * What the end of a request means for its session: what must be stored before the client is told anything, and what it is told of the
 * cookie. Answers at once when there is nothing to wait for. Throws, or rejects, when the session cannot be stored.
 */
export function commitSession(exchange: SessionExchange): CookieNews | Promise<CookieNews> {
  const { runtime, loaded, used } = exchange;
  if (exchange.isUnset) return commitUnset(exchange);
  if (used === undefined) {
    if (loaded === undefined) return runtime.settings.saveUninitialized && exchange.isOpen ? store(exchange) : 'none';
    return exchange.isOpen ? renew(exchange) : 'none';
  }
  const { active } = used;
  if (active.isBusy) return active.idle().then(() => commitSession(exchange));
  if (active.record === undefined) return commitNew(exchange);
  return active.isChanged ? store(exchange) : renew(exchange);
}

/** Nothing that was not put into it is worth storing (G4), so the cookie of a session that was here before is of no use any more. */
function commitNew(exchange: SessionExchange): CookieNews | Promise<CookieNews> {
  const { runtime, used, isReplaced } = exchange;
  if (used === undefined) return 'none';
  if (runtime.settings.saveUninitialized || used.active.isChanged) return store(exchange);
  if (isReplaced) exchange.forget(used.cookie);
  return 'none';
}

async function commitUnset(exchange: SessionExchange): Promise<CookieNews> {
  await exchange.endUnset();
  return 'none';
}

async function store(exchange: SessionExchange): Promise<CookieNews> {
  const { current, loaded, runtime } = exchange;
  if (current === undefined) return 'none';
  await current.active.save();
  if (current.active.isLost) return 'none';
  const isNewToBrowser = current.active.sid !== loaded?.sid;
  return isNewToBrowser || (mayReplaceCookie(exchange) && (runtime.settings.rolling === true || current.cookie.expires instanceof Date))
    ? 'set'
    : 'none';
}

/** An unchanged session: starts its idle timeout anew when that is due, and nobody waits for it. */
function renew(exchange: SessionExchange): CookieNews {
  const { loaded, used, runtime } = exchange;
  const { resave, rolling } = runtime.settings;
  const record = used?.active.record ?? loaded?.record;
  if (record === undefined || used?.active.isLost === true) return 'none';
  const isDue = resave || runtime.store.isTouchDue(record);
  if (isDue) exchange.current?.active.save({ touch: true }).catch((error: unknown) => runtime.logError(error));
  if (used !== undefined && used.active.sid !== loaded?.sid) return 'set';
  const isRolling = rolling === true || (rolling === 'touch' && isDue && exchange.current?.cookie.expires instanceof Date);
  return isRolling && mayReplaceCookie(exchange) ? 'set' : 'none';
}

/** The browser of a request with the secret before a rotation has, or is about to get, a newer cookie. */
function mayReplaceCookie({ loaded }: SessionExchange): boolean {
  return loaded?.record.secret !== 'previous';
}
