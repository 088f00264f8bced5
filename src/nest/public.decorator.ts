import { Reflector } from '@nestjs/core';

/**
 * Opens a handler, or every handler of a class and of those that extend it, that `SessionGuard` would close: `@Public()`. `@Identity()` is `undefined`
 * there for visitors.
 *
 * It lifts the `@Roles()` and `@FreshLogin()` that are declared farther out than itself: on the class where it is on the handler, on the base class where it is
 * on the class. Those on the same target or nearer stay, with one warning.
 *
 * @publicApi
 */
export const Public = Reflector.createDecorator<true | undefined, true>({ transform: () => true });
