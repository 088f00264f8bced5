import type { SessionRecord } from '../../session/session-record.js';
import type { SessionExchange } from './session-exchange.js';

/** Whether the end of a request starts the idle timeout of an unchanged session anew: with `session.resave` always, else when it is due. */
export function isTouchDue({ runtime }: SessionExchange, record: SessionRecord): boolean {
  return runtime.settings.resave || runtime.store.isTouchDue(record);
}

/** Whether the browser of an unchanged session is told a new expiry, as `session.rolling` says. */
export function rollsCookie(exchange: SessionExchange, isTouched: boolean): boolean {
  const { rolling } = exchange.runtime.settings;
  return rolling === true || (rolling === 'touch' && isTouched && hasExpiry(exchange));
}

/** Whether the cookie ends by itself, and not with the browser. */
function hasExpiry({ current }: SessionExchange): boolean {
  return current?.cookie.expires instanceof Date;
}

/** Whether a change says the expiry again, as in express-session: `false` is that of an application that took it off, which the browser has to learn. */
export function saysExpiry({ current }: SessionExchange): boolean {
  const { expires } = current?.cookie ?? {};
  return expires !== undefined && expires !== null;
}
