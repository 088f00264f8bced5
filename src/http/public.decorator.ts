import { Reflector } from '@nestjs/core';

/**
 * Opens a handler, or every handler of a class, that `SessionGuard` would close: `@Public()`.
 *
 * @publicApi
 */
export const Public = Reflector.createDecorator<true | undefined, true>({ transform: () => true });
