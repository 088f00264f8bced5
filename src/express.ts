import { builtinSessionMiddleware } from './http/builtin-session.middleware.js';
import { ClassicSessionStore, type ExpressSessionStoreLike } from './http/classic-session-store.js';
import type { SessionHandler } from './http/session-handler.js';
import { resolveSessionOptions, sessionOptionProblems, shortSecretWarning, type SessionOptions } from './http/session-options.js';
import { SessionRuntime, type IdentityFinder } from './http/session-runtime.js';
import { RedisSessionConfigError } from './redis-session.errors.js';
import { SessionStore } from './session/session-store.js';
import { storeOptionProblems, type StoreOptions } from './session/store-options.js';

export type { ExpressSessionStoreLike } from './http/classic-session-store.js';
export type { SessionHandler } from './http/session-handler.js';
export { RedisSessionStore } from './redis/redis-session-store.js';
export { MemorySessionStore } from './session/memory-session-store.js';
export { SessionStore } from './session/session-store.js';
export type { StoreOptions } from './session/store-options.js';
export type { HttpSession } from './http/http-session.js';

/**
 * express-session's options, and the store.
 *
 * @publicApi
 */
export interface SessionMiddlewareOptions extends Omit<SessionOptions, 'middleware'> {
  /** A `SessionStore`, or any store made for express-session, which then saves sessions as a whole. */
  store: SessionStore | ExpressSessionStoreLike;
  /**
   * Where the identity is found, for applications that keep it elsewhere.
   *
   * @default the entry `identity`, which `session.login()` sets
   */
  identity?: IdentityFinder | undefined;
  /**
   * Longest time in ms that a request waits on a store made for express-session. A `SessionStore` has its own.
   *
   * @default 1000
   */
  deadline?: StoreOptions['deadline'];
  /**
   * Whether failures of a store made for express-session are logged, or the function that gets them. A `SessionStore` has its own.
   *
   * @default true
   */
  logErrors?: StoreOptions['logErrors'];
}

/**
 * The session middleware without Nest: a plain `(req, res, next)`.
 *
 * ```ts
 * app.use(sessionMiddleware({ secret, store: new RedisSessionStore(redis, { prefix: 'shop:sess:' }) }));
 * ```
 *
 * Throws `RedisSessionConfigError` when the options are wrong. A request that cannot be answered because of its session gets an error with
 * `statusCode` and `headers`, as Express' error handler understands them.
 *
 * @publicApi
 */
export function sessionMiddleware(
  { store, identity, deadline, logErrors, ...options }: SessionMiddlewareOptions = {} as SessionMiddlewareOptions,
): SessionHandler {
  const problems = sessionOptionProblems(options, process.env['NODE_ENV'] === 'production');
  if (typeof store?.destroy !== 'function') problems.push('"store" must be a SessionStore or a store made for express-session.');
  const isOurs = store instanceof SessionStore;
  const wrapping = { deadline, logErrors };
  problems.push(...(isOurs ? misplaced(wrapping) : storeOptionProblems(wrapping)));
  if (problems.length > 0) throw new RedisSessionConfigError(problems);
  const warning = shortSecretWarning(options);
  if (warning !== undefined) warn(warning);
  const runtime = new SessionRuntime({
    store: isOurs ? store : new ClassicSessionStore(store, wrapping),
    settings: resolveSessionOptions(options),
    translate: (error) => error,
    findIdentity: identity,
    warn,
  });
  return isOurs ? builtinSessionMiddleware(runtime) : builtinSessionMiddleware(runtime, store);
}

function misplaced(options: StoreOptions): string[] {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return given.map(
    ([name]) => `"${name}" is an option of the store here. Give it to the store: new RedisSessionStore(redis, { ${name} }).`,
  );
}

function warn(message: string): void {
  process.emitWarning(message, { type: 'SessionWarning' });
}
