import { Reflector } from '@nestjs/core';

/**
 * Opens a handler to everybody, or every handler of a class and of classes that extend it: `@Public()`. `@Identity()` is `undefined` there
 * for visitors.
 *
 * It lifts the `@Roles()` and `@FreshLogin()` that are declared farther out: on the class if it is on the handler, on the base class if it
 * is on the class. Those on the same target or nearer stay, and a warning says so once.
 *
 * @publicApi
 */
export const Public = Reflector.createDecorator<true | undefined, true>({ transform: () => true });
