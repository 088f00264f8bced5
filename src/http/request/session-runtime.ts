import type { IncomingMessage } from 'node:http';
import { inspect, isDeepStrictEqual, types } from 'node:util';
import { RedisSessionError, SessionMisuseError, SessionStoreUnavailableError } from '../../redis-session.errors.js';
import { besideStore, SYSTEM_CLOCK, type Clock } from '../../session/clock.js';
import type { Entries } from '../../session/entries.js';
import { IDENTITY_ENTRY, isIdentity } from '../../session/identity.js';
import { credentialLife } from '../../session/lifetime.js';
import { kindOf } from '../../session/option-checks.js';
import type { Sessions } from '../../session/sessions.js';
import { generateSid, type Sid } from '../../session/sid.js';
import { warnOnce } from '../../session/warn-once.js';
import type { SessionEntries } from './http-session.js';
import type { Identity } from '../../nest/identity.decorator.js';
import { forwardedProtocol, isSecureRequest } from './request-security.js';
import { SessionCookie } from '../cookie/session-cookie.js';
import { SessionHeader } from '../cookie/session-header.js';
import { SignedSids } from '../cookie/signed-sids.js';
import type { Adopter } from './adopter.js';
import { CredentialSids } from './credential-sids.js';
import type { SessionSettings } from './session-options.js';

/**
 * Finds the identity among the entries of a session, for applications that don't use `login()`. It receives what `req.session` is: your
 * entries, and none of this package's members.
 */
export type IdentityFinder = (session: SessionEntries) => Identity | undefined;

/** Makes of an error the one that the web framework answers well. */
export type ErrorTranslator = (error: RedisSessionError) => Error;

/** What express-session makes, where an application has no `genid`: 24 bytes as base64url. */
const SID_OF_EXPRESS_SESSION = /^[A-Za-z0-9_-]{32}$/;

/** What {@link SessionRuntime} is made of. */
export interface SessionRuntimeParts {
  readonly sessions: Sessions;
  readonly settings: SessionSettings;
  readonly translate: ErrorTranslator;
  readonly findIdentity?: IdentityFinder | undefined;
  /** Finds the credential of a request without a session. */
  readonly adopt?: Adopter | undefined;
  readonly warn: (message: string) => void;
  /** What `req.sessionStore` is, where the application has given a store made for express-session. */
  readonly sessionStore?: object | undefined;
  /** Where the store keeps its sessions: stores of equal locations hold the same ones; `undefined` where only the store itself tells. */
  readonly location?: unknown;
  /** Whether everything that a request leads to can ask for it. @default false */
  readonly hasContext?: boolean | undefined;
  /** Only goes on, ms. @default `performance` */
  readonly clock?: Clock | undefined;
}

/** What the requests of one application share. */
export class SessionRuntime {
  readonly sessions: Sessions;
  readonly translate: ErrorTranslator;
  readonly cookie: SessionCookie;
  /** Of clients that are no browsers; `undefined` where there are none. */
  readonly header: SessionHeader | undefined;
  /** Whether everything that a request leads to can ask for it. */
  readonly hasContext: boolean;
  /** Whether a rotation that is due is done at the load, before it is known what the request leads to. */
  rotatesAtLoad = true;
  /** By which requests measure how long they wait, and how old what they have loaded is. */
  readonly clock: Clock;
  /** By which cookies expire. */
  readonly wallClock: Clock;
  /** People log requests and what hangs on them, however deep: what signs cookies is only in private fields. */
  readonly #settings: SessionSettings;
  readonly #sessionStore: object | undefined;
  readonly #findIdentity: IdentityFinder | undefined;
  readonly #adopt: Adopter | undefined;
  readonly #credentialSids: CredentialSids;
  readonly #warn: (message: string) => void;
  readonly #location: unknown;
  /** Others, by whether they are the same. */
  readonly #compared = new WeakMap<SessionRuntime, boolean>();
  readonly #hidden = new Set<string>();

  constructor(parts: SessionRuntimeParts) {
    const {
      sessions,
      settings,
      translate,
      findIdentity,
      adopt,
      warn,
      location,
      sessionStore,
      hasContext = false,
      clock = performance,
    } = parts;
    this.clock = besideStore(sessions.store.clock, clock);
    this.wallClock = besideStore(sessions.store.clock, SYSTEM_CLOCK);
    this.hasContext = hasContext;
    this.#sessionStore = sessionStore;
    this.sessions = sessions;
    this.#settings = settings;
    this.translate = translate;
    const sids = new SignedSids(settings.secrets);
    this.cookie = new SessionCookie(settings, warn, sids);
    this.header = settings.header === undefined ? undefined : new SessionHeader(settings.header, this.cookie, sids, warn);
    this.#findIdentity = findIdentity;
    this.#adopt = adopt;
    this.#credentialSids = new CredentialSids(settings.secrets);
    if (adopt !== undefined) sessions.adoptFor(credentialLife(adopt));
    this.#warn = warn;
    this.#location = location;
  }

  get settings(): SessionSettings {
    return this.#settings;
  }

  get sessionStore(): object | undefined {
    return this.#sessionStore;
  }

  /** Finds the credential of a request without a session; `undefined` where sessions are made from none. */
  get adopt(): Adopter | undefined {
    return this.#adopt;
  }

  get credentialSids(): CredentialSids {
    return this.#credentialSids;
  }

  /** Whether these are the same sessions of the same users, as those of a module that is imported twice are. */
  isSameAs(other: SessionRuntime): boolean {
    if (other === this) return true;
    let isSame = this.#compared.get(other);
    if (isSame === undefined) this.#compared.set(other, (isSame = this.#compare(other)));
    return isSame;
  }

  #compare(other: SessionRuntime): boolean {
    const isSameLocation =
      this.sessions === other.sessions || (this.#location !== undefined && isDeepStrictEqual(this.#location, other.#location));
    const isSameCookie = this.settings.name === other.settings.name && isDeepStrictEqual(this.settings.secrets, other.settings.secrets);
    return isSameLocation && isSameCookie && this.#findIdentity === other.#findIdentity;
  }

  /** Throws when a request has the session of another module, which knows other users. */
  assertSameAs(found: SessionRuntime): void {
    if (this.isSameAs(found)) return;
    const [own, other] = [this, found].map(({ settings: { name } }) => JSON.stringify(name));
    throw new SessionMisuseError(
      `This route needs the session of the cookie ${own}, and has that of ${other} of another RedisSessionModule. Put the routes of each module into "exclude" of the others, and guard them with the SessionGuard of the module that they belong to.`,
    );
  }

  generateSid(request: IncomingMessage): Sid {
    const { genid } = this.settings;
    if (genid === undefined) return generateSid();
    const sid: unknown = genid(request);
    if (typeof sid !== 'string' || sid === '') throw new SessionMisuseError('"session.genid" must return a non-empty string.');
    return sid as Sid;
  }

  /** Whether the identity is the entry of that name, as it is unless the application finds it elsewhere. */
  get isIdentityEntry(): boolean {
    return this.#findIdentity === undefined;
  }

  /** Who is signed in; anything that is not an identity is nobody. */
  identityOf(entries: Entries, session: () => SessionEntries): Identity | undefined {
    const found: unknown = this.#findIdentity === undefined ? entries.get(IDENTITY_ENTRY) : this.#findIdentity(session());
    if (isIdentity<Identity>(found)) return found;
    if (found !== undefined && isIdentity({ id: found })) this.#warnOfIdAlone();
    return undefined;
  }

  /** As Passport's usual serializer keeps it. */
  #warnOfIdAlone(): void {
    warnOnce(
      this.#warn,
      'The identity of a session is an id alone, so nobody is signed in: an identity is an object. Let the option "identity" return one, as in (session) => session.passport && { id: session.passport.user }.',
    );
  }

  /** Warns where a move seems to be forgotten: a cookie is well signed, its id is of express-session's form, and no session is there. */
  warnOfForgottenMove(sid: Sid): void {
    const { store } = this.sessions;
    const makesOwnSids = store.rotate !== undefined && this.settings.genid === undefined;
    if (!makesOwnSids || store.migration !== undefined || !SID_OF_EXPRESS_SESSION.test(sid)) return;
    warnOnce(
      this.#warn,
      'A session cookie that is well signed has an id of express-session, and no such session is there. If you come from connect-redis, set "store.migrate", or all its visitors are signed out; see docs/coming-from-connect-redis.md. Once a move is over, this is of a visitor who has stayed away.',
    );
  }

  /** Warns when a proxy says https and nobody believes it: the cookie would then be sent without "Secure", or not at all. */
  warnOfUntrustedProxy(request: IncomingMessage): void {
    if (forwardedProtocol(request) !== 'https' || isSecureRequest(request, this.settings.proxy)) return;
    warnOnce(
      this.#warn,
      'A request has "X-Forwarded-Proto: https", but whoever sent it is not trusted, so it is treated as http. Behind a proxy, set "session.proxy", or what your web framework has for that.',
    );
  }

  /** Warns of attributes that were left out. */
  warnOfCookieObject(): void {
    warnOnce(
      this.#warn,
      'Of a plain object that is assigned to req.session.cookie only "maxAge" and "expires" are taken: it may come from a request. Set the others one by one, as in req.session.cookie.sameSite = \'none\'.',
    );
  }

  /** Warns of an adopter that does not check what it finds. */
  warnOfExpiredCredential(): void {
    warnOnce(
      this.#warn,
      'The option "adopt" has returned a credential that is over: its "expiresAt" has passed, or it is older than 400 days. It was refused. Return undefined for a credential that is not good any more.',
    );
  }

  /** Warns of what has failed in an adopter, once of each place. Not of the message: it may hold a credential. */
  warnOfFailedAdopter(error: unknown): void {
    const place = types.isNativeError(error) ? placeOf(error) : '';
    warnOnce(
      this.#warn,
      `The option "adopt" has failed, and requests that ask for their session get 503: ${nameOf(error)}${place}. The message is not shown, since it may hold a credential. Catch the error there to see it, and return undefined for a credential that is not good.`,
    );
  }

  /** Warns once in a process of sessions that became somebody's and kept the sid that whoever has planted the cookie knows too. */
  warnOfKeptSid(): void {
    warnOnce(
      this.#warn,
      'The application has put an identity into a session, which keeps its sid: express-session sends the cookie before it saves. Somebody who planted that cookie in the browser is signed in too (session fixation). Call req.session.regenerate() before you assign the identity, as Passport\'s req.login() does, or set "session.middleware" to "builtin".',
    );
  }

  /** Warns once of each name that an entry is not where somebody looks for it. */
  warnOfHiddenEntry(name: string): void {
    if (this.#hidden.has(name)) return;
    this.#hidden.add(name);
    this.#warn(
      `A session has an entry ${JSON.stringify(name)}, and HttpSession a member of that name, which hides it there. Read the entry by @Session(${JSON.stringify(name)}) or req.session, or choose another name.`,
    );
  }

  /** Of an answer to the client, what it was made of: that says why. */
  logError(error: unknown): void {
    // Also one of another realm, as Node's own are where the application runs in a context of `node:vm`.
    const failure = types.isNativeError(error) ? error : new Error(String(error));
    this.sessions.settings.logError(failure.cause instanceof RedisSessionError ? failure.cause : failure);
  }

  /** Every request leads here, and people log requests; the secrets that sign cookies and the password of Redis stay out of that. */
  [inspect.custom](): string {
    return 'SessionRuntime {}';
  }
}

const WORD = /^\w{1,64}$/;
const FRAME = /\n\s+at [^\n]*/;

/** Its name and its code, where they are words. */
function nameOf(error: unknown): string {
  if (error instanceof SessionStoreUnavailableError) return 'it took too long';
  const { name, code } = Object(error) as { name?: unknown; code?: unknown };
  const words = [name, code].filter((word) => typeof word === 'string' && WORD.test(word));
  return words.length === 0 ? kindOf(error) : words.join(' ');
}

/** Where it was made: the first line of its stack that is no part of the message. */
function placeOf({ stack = '', message }: Error): string {
  if (!stack.includes(message)) return '';
  const [frame = ''] = FRAME.exec(stack.slice(stack.indexOf(message) + message.length)) ?? [];
  return frame.replace(/\s+/, ' ');
}
