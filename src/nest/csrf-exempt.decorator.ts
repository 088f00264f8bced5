import { Reflector } from '@nestjs/core';

/**
 * Lets requests from other sites reach a handler, or every handler of a class, that `CsrfGuard` would keep from it: `@CsrfExempt()`. For
 * what proves by itself who sent it, like the signed call of a payment service. A class does not inherit it from the one that it extends.
 *
 * @publicApi
 */
export const CsrfExempt = Reflector.createDecorator<true | undefined, true>({ transform: () => true });
