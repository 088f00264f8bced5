import { Reflector } from '@nestjs/core';

/**
 * Lets requests from other sites reach a handler, or every handler of a class, past `CsrfGuard`: `@CsrfExempt()`. Use it for requests that
 * prove by themselves who sent them, such as the signed call of a payment service. A class does not inherit it.
 *
 * @publicApi
 */
export const CsrfExempt = Reflector.createDecorator<true | undefined, true>({ transform: () => true });
