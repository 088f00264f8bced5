import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import { SessionMisuseError } from '../redis-session.errors.js';
import { isPositive } from '../session/option-checks.js';

/** Under which name a handler or class has the seconds that a sign-in stays fresh for it. */
export const FRESH_LOGIN = Symbol('fresh login');

/**
 * Lets `SessionGuard` pass only users whose last `session.login()` or `session.reauthenticate()` was within so many seconds:
 * `@FreshLogin(300)`. Others get 401 with the reason `login-not-fresh`. The nearest one counts: of the handler, its class, the base class.
 * `@Public()` on the same target or farther out does not lift it. Throws if the argument is no positive number of seconds. Stores made for
 * express-session don't keep that time, so nobody passes there.
 *
 * @param seconds since the last proof of identity
 * @see OWASP ASVS 5.0, 7.5.1 and 7.5.3
 * @publicApi
 */
export const FreshLogin = (seconds: number): CustomDecorator<symbol> => {
  // Without a time, there would be nothing for the guard to check.
  if (!isPositive(seconds))
    throw new SessionMisuseError('@FreshLogin() needs a positive finite number of seconds, such as @FreshLogin(300).');
  return SetMetadata(FRESH_LOGIN, seconds);
};
