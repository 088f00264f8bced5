import { SetMetadata, type CustomDecorator } from '@nestjs/common';

/** Under which name a handler or class has the roles that may use it. */
export const ROLES = Symbol('roles');

/**
 * Lets `SessionGuard` pass only those whose identity has one of these roles (`roles`, an array of strings), and answers 403 to others:
 * `@Roles('admin')`. On a handler it takes the place of that on its class, and closes it where that is `@Public()`.
 *
 * @publicApi
 */
export const Roles = (role: string, ...others: string[]): CustomDecorator<symbol> => SetMetadata(ROLES, [role, ...others]);
