import { ExpressStoreAdapter, type ExpressStore } from './express-session/express-store-adapter.js';
import {
  SESSION_NAMES,
  sessionOptionProblems,
  shortSecretWarning,
  suspectTimes,
  ttlGivenTo,
} from './http/request/session-option-problems.js';
import { adopterProblems, adopterWarning, type Adopter } from './http/request/adopter.js';
import { resolveSessionOptions, type SessionOptions } from './http/request/session-options.js';
import { SessionRuntime, type IdentityFinder } from './http/request/session-runtime.js';
import { RedisSessionConfigError } from './redis-session.errors.js';
import { unableToAdopt } from './redis-session.options.js';
import { kindOf } from './session/option-checks.js';
import { Sessions } from './session/sessions.js';
import { MISSING_NAME } from './session/store/migrate-options.js';
import { isSessionStore, type SessionStore } from './session/store/session-store.js';
import { emitWarning, warnOnce } from './session/warn-once.js';
import type { StoreOptions } from './session/store/store-options.js';
import { storeOptionProblems } from './session/store/store-option-problems.js';

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
   * Finds the credential of a request that has no session, such as a token of yours, and makes the session of it. `fromJwt({ verify, until })` takes a JWT.
   *
   * @default none
   */
  adopt?: Adopter | undefined;
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

/** What all requests share. Throws `RedisSessionConfigError` when the options are wrong. */
export function openRuntime(
  { store, identity, adopt, deadline, logErrors, ...options }: SessionMiddlewareOptions = {} as SessionMiddlewareOptions,
): SessionRuntime {
  const isOurs = isSessionStore(store);
  const isMove = isOurs && store.migration !== undefined;
  const problems = sessionOptionProblems(options, process.env['NODE_ENV'] === 'production' && !isMove, NAMES).map(asNamedHere);
  if (typeof store?.destroy !== 'function')
    problems.push(
      `"store" must be a SessionStore or a store made for express-session, received ${kindOf(store)}. Make one: new RedisSessionStore(redis).`,
    );
  if (adopt !== undefined) problems.push(...adopterProblems(adopt), ...unableToAdopt(store));
  if ((options as SessionOptions).middleware !== undefined)
    problems.push(
      '"middleware" is an option of RedisSessionModule; this is the built-in one. Leave it out, or use the package express-session.',
    );
  if (isMove) problems.push(...moveProblems(store, options.name, identity));
  const wrapping = { deadline, logErrors };
  problems.push(...(isOurs ? misplaced(wrapping) : storeOptionProblems(wrapping).map(ungrouped('store'))));
  if (problems.length > 0) throw new RedisSessionConfigError(problems);
  const warning = shortSecretWarning(options, isMove);
  for (const one of [warning, adopterWarning(adopt)]) if (one !== undefined) warnOnce(warn, one);
  for (const one of suspectTimes(options, isOurs ? ttlGivenTo(store) : undefined)) warnOnce(warn, one);
  const settings = resolveSessionOptions(options);
  return new SessionRuntime({
    sessions: Sessions.of(isOurs ? store : new ExpressStoreAdapter(store, wrapping, { rewrites: settings.resave })),
    settings,
    translate: (error) => error,
    findIdentity: identity,
    adopt,
    warn,
    sessionStore: isOurs ? undefined : store,
  });
}

/** What an application of its own would do to the sessions that are moved in. */
function moveProblems(store: SessionStore & { readonly identity?: unknown }, name: string | undefined, identity: unknown): string[] {
  const problems = name === undefined ? [ungrouped('session')(MISSING_NAME).replace('"store.migrate"', 'a store that migrates')] : [];
  if (store.identity !== identity)
    problems.push(
      '"identity" must be the function that the store has too: it says whose sessions are converted. Give it to both: new MigratingSessionStore(redis, { migrate, identity }).',
    );
  return problems;
}

const NAMES = ['store', ...SESSION_NAMES.filter((name) => name !== 'middleware'), 'identity', 'adopt', 'deadline', 'logErrors'];

function misplaced(options: StoreOptions): string[] {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return given.map(([name]) => `"${name}" is an option of the store here. ${giveToStore(name)}`);
}

function giveToStore(name: string): string {
  return `Give it to the store: new RedisSessionStore(redis, { ${name} }).`;
}

/** Options that the module has in that group stand by themselves here. */
export function ungrouped(group: string): (text: string) => string {
  return (text) => text.replaceAll(`"${group}.`, '"');
}

function asNamedHere(text: string): string {
  const cured = text.replace(/Did you mean "store\.(\w+)"\?/, (_, name: string) => giveToStore(name));
  return ungrouped('session')(cured);
}

function warn(message: string): void {
  emitWarning(asNamedHere(message));
}
