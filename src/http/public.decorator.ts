import { Reflector } from '@nestjs/core';

/**
 * Opens a handler, or every handler of a class, that `SessionGuard` would close: `@Public()`. A handler of an open class with `@Roles()` or
 * `@FreshLogin()` of its own is closed.
 *
 * @publicApi
 */
export const Public = Reflector.createDecorator<true | undefined, true>({ transform: () => true });
