import { SetMetadata, type CustomDecorator } from '@nestjs/common';

/** Under which name a handler or class has the roles that may use it. */
export const ROLES = Symbol('roles');

/**
 * Lets `SessionGuard` pass only users whose identity has one of these roles in its `roles`, an array of strings: `@Roles('admin')`. Others
 * get 403. The nearest one counts: of the handler, its class, the base class. `@Public()` on the same target or farther out does not lift
 * it.
 *
 * @publicApi
 */
export const Roles = (role: string, ...others: string[]): CustomDecorator<symbol> => SetMetadata(ROLES, [role, ...others]);
