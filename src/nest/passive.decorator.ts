import { SetMetadata, type CustomDecorator } from '@nestjs/common';

/** Under which name a handler or class says that it only looks. */
export const PASSIVE = Symbol('passive');

/**
 * Lets a handler, or every handler of a class and of classes that extend it, only look at the session: `@Passive()`. The request does not
 * restart the idle timeout, gets no new secret, and its response sets no cookie. For polling and "are you still there" calls, which would
 * keep a session alive for ever.
 *
 * A handler that changes the session all the same gets `SESSION_MISUSE`, and nothing is stored. Calls that end it or begin another
 * (`logout()`, `login()`, `regenerate()`) do what they always do.
 *
 * @publicApi
 */
export const Passive = (): CustomDecorator<symbol> => SetMetadata(PASSIVE, true);
