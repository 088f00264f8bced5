import { builtinSessionMiddleware } from './http/request/builtin-session.middleware.js';
import { ExpressStoreAdapter, type ExpressStore } from './express-session/express-store-adapter.js';
import { ExpressStoreFacade } from './express-session/express-store-facade.js';
import { csrfOptionProblems, resolveCsrfOption, type CsrfOptions } from './http/csrf/csrf-options.js';
import { refuseCrossOrigin } from './http/csrf/csrf.middleware.js';
import type { SessionHandler } from './http/request/session-handler.js';
import {
  SESSION_NAMES,
  sessionOptionProblems,
  shortSecretWarning,
  suspectTimes,
  ttlGivenTo,
} from './http/request/session-option-problems.js';
import { resolveSessionOptions, type SessionOptions } from './http/request/session-options.js';
import { SessionRuntime, type IdentityFinder } from './http/request/session-runtime.js';
import { proxyOptionProblems, resolveProxyOption } from './http/request/trusted-proxies.js';
import { RedisSessionConfigError } from './redis-session.errors.js';
import { kindOf } from './session/option-checks.js';
import { Sessions } from './session/sessions.js';
import { isSessionStore, type SessionStore } from './session/store/session-store.js';
import { emitWarning, warnOnce } from './session/warn-once.js';
import type { StoreOptions } from './session/store/store-options.js';
import { storeOptionProblems } from './session/store/store-option-problems.js';

export {
  CrossOriginError,
  RedisSessionConfigError,
  RedisSessionError,
  SessionConflictError,
  SessionGoneError,
  SessionLimitError,
  SessionMisuseError,
  SessionRefusedError,
  SessionSerializationError,
  SessionStoreUnavailableError,
  SessionUnsupportedError,
  type CrossOriginReason,
  type RedisSessionErrorCode,
} from './redis-session.errors.js';
export type { ExpressStore } from './express-session/express-store-adapter.js';
export type { CsrfOptions } from './http/csrf/csrf-options.js';
export type { SessionHandler } from './http/request/session-handler.js';
export { RedisEventChannel } from './redis/events/redis-event-channel.js';
export { RedisSessionStore } from './redis/store/redis-session-store.js';
export { SessionEvents } from './session/session-events.js';
export { MemorySessionStore } from './session/store/memory-session-store.js';
export { SessionManager, type ListOptions, type SessionInfo, type SessionPage } from './session/session-manager.js';
export { SessionStore } from './session/store/session-store.js';
export type { StoreOptions } from './session/store/store-options.js';
export type { HttpSession, LoginOptions, SessionEntries } from './http/request/http-session.js';
export { peekSession } from './http/request/peek-session.js';
export { sessionOf } from './http/request/session-of.js';
export type { Identity } from './nest/identity.decorator.js';
export type { IdentityFinder } from './http/request/session-runtime.js';

/**
 * express-session's options, and the store.
 *
 * @publicApi
 */
export interface SessionMiddlewareOptions extends Omit<SessionOptions, 'middleware'> {
  /** A `SessionStore`, or any store made for express-session, which then saves sessions as a whole. */
  store: SessionStore | ExpressStore;
  /**
   * Where the identity is found, for applications that keep it elsewhere.
   *
   * @default the entry `identity`, which `login()` sets
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
 * With `csrf`, a request that a page of another site may have sent is refused here, before its session is loaded; handlers mounted before
 * this middleware are exempt.
 *
 * Throws `RedisSessionConfigError` when the options are wrong. A request that cannot be answered because of its session gets an error with
 * `statusCode` and `headers`, as Express' error handler understands them.
 *
 * @publicApi
 */
export function sessionMiddleware(
  { store, identity, deadline, logErrors, ...options }: SessionMiddlewareOptions = {} as SessionMiddlewareOptions,
): SessionHandler {
  const problems = sessionOptionProblems(options, process.env['NODE_ENV'] === 'production', NAMES).map(asNamedHere);
  if (typeof store?.destroy !== 'function')
    problems.push(
      `"store" must be a SessionStore or a store made for express-session, received ${kindOf(store)}. Make one: new RedisSessionStore(redis).`,
    );
  if ((options as SessionOptions).middleware !== undefined)
    problems.push(
      '"middleware" is an option of RedisSessionModule; this is the built-in one. Leave it out, or use the package express-session.',
    );
  const isOurs = isSessionStore(store);
  const wrapping = { deadline, logErrors };
  problems.push(...(isOurs ? misplaced(wrapping) : storeOptionProblems(wrapping).map(ungrouped('store'))));
  if (problems.length > 0) throw new RedisSessionConfigError(problems);
  const warning = shortSecretWarning(options);
  if (warning !== undefined) warnOnce(warn, warning);
  for (const one of suspectTimes(options, isOurs ? ttlGivenTo(store) : undefined)) warnOnce(warn, one);
  const settings = resolveSessionOptions(options);
  const runtime = new SessionRuntime({
    sessions: Sessions.of(isOurs ? store : new ExpressStoreAdapter(store, wrapping, { rewrites: settings.resave })),
    settings,
    translate: (error) => error,
    findIdentity: identity,
    warn,
  });
  const serve = builtinSessionMiddleware(runtime, isOurs ? new ExpressStoreFacade(runtime) : store);
  if (!settings.csrf.everywhere) return serve;
  const refuse = refuseCrossOrigin(settings, runtime.header);
  return (request, response, next) =>
    refuse(request, response, (error) => {
      if (error === undefined) serve(request, response, next);
      else next(error);
    });
}

/**
 * Refuses requests that a page of another site may have sent, as `CsrfGuard` does, where there are no guards: before what is mounted on
 * Express itself, in Nest or without it. They get an error with `statusCode` 403 and a `reason`.
 *
 * ```ts
 * app.use('/queues', csrfMiddleware(), queuesRouter);
 * ```
 *
 * Throws `RedisSessionConfigError` when the options are wrong.
 *
 * @param proxy as `proxy` of the session options: whose `X-Forwarded-Host` and `X-Forwarded-Proto` are believed
 * @publicApi
 */
export function csrfMiddleware({ proxy, ...options }: CsrfOptions & Pick<SessionOptions, 'proxy'> = {}): SessionHandler {
  const problems = [...csrfOptionProblems(options).map(ungrouped('session.csrf')), ...proxyOptionProblems(proxy).map(ungrouped('session'))];
  if (problems.length > 0) throw new RedisSessionConfigError(problems);
  return refuseCrossOrigin({ csrf: resolveCsrfOption(options), proxy: resolveProxyOption(proxy) });
}

const NAMES = ['store', ...SESSION_NAMES.filter((name) => name !== 'middleware'), 'identity', 'deadline', 'logErrors'];

function misplaced(options: StoreOptions): string[] {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return given.map(([name]) => `"${name}" is an option of the store here. ${giveToStore(name)}`);
}

function giveToStore(name: string): string {
  return `Give it to the store: new RedisSessionStore(redis, { ${name} }).`;
}

/** Options that the module has in that group stand by themselves here. */
function ungrouped(group: string): (text: string) => string {
  return (text) => text.replaceAll(`"${group}.`, '"');
}

function asNamedHere(text: string): string {
  const cured = text.replace(/Did you mean "store\.(\w+)"\?/, (_, name: string) => giveToStore(name));
  return ungrouped('session')(cured);
}

function warn(message: string): void {
  emitWarning(asNamedHere(message));
}
