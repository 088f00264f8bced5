import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { RedisSessionError, SessionMisuseError } from '../redis-session.errors.js';
import type { Entries } from '../session/entries.js';
import { IDENTITY_ENTRY, isIdentity } from '../session/identity.js';
import type { SessionStore } from '../session/session-store.js';
import { generateSid, type Sid } from '../session/sid.js';
import type { HttpSession } from './http-session.js';
import type { Identity } from './identity.decorator.js';
import { forwardedProtocol, isSecureRequest } from './request-security.js';
import { SessionCookie } from './session-cookie.js';
import type { SessionSettings } from './session-options.js';

/** Finds the identity in a session, for applications that do not use `session.login()`. */
export type IdentityFinder = (session: HttpSession) => Identity | undefined;

/** Makes of an error the one that the web framework answers well, and prepares the response for it. */
export type ErrorTranslator = (error: RedisSessionError, response: ServerResponse) => Error;

/** What {@link SessionRuntime} is made of. */
export interface SessionRuntimeParts {
  readonly store: SessionStore;
  readonly settings: SessionSettings;
  readonly translate: ErrorTranslator;
  readonly findIdentity?: IdentityFinder | undefined;
  readonly warn: (message: string) => void;
}

/** What the requests of one application share. */
export class SessionRuntime {
  readonly store: SessionStore;
  readonly settings: SessionSettings;
  readonly translate: ErrorTranslator;
  readonly cookie: SessionCookie;
  readonly #findIdentity: IdentityFinder | undefined;
  readonly #warn: (message: string) => void;
  #warnedOfProxy = false;

  constructor({ store, settings, translate, findIdentity, warn }: SessionRuntimeParts) {
    this.store = store;
    this.settings = settings;
    this.translate = translate;
    this.cookie = new SessionCookie(settings, warn);
    this.#findIdentity = findIdentity;
    this.#warn = warn;
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
  identityOf(entries: Entries, session: () => HttpSession): Identity | undefined {
    const found: unknown = this.#findIdentity === undefined ? entries.get(IDENTITY_ENTRY) : this.#findIdentity(session());
    return isIdentity<Identity>(found) ? found : undefined;
  }

  /** Warns once when a proxy says https and nobody believes it: the cookie would then be sent without "Secure", or not at all. */
  checkProxy(request: IncomingMessage): void {
    if (this.#warnedOfProxy || forwardedProtocol(request) !== 'https' || isSecureRequest(request, this.settings.proxy)) return;
    this.#warnedOfProxy = true;
    this.#warn(
      'A request has "X-Forwarded-Proto: https", but no proxy is trusted, so it is treated as http. Behind a proxy, set Express\' "trust proxy" or the option "session.proxy".',
    );
  }

  /** Of an answer to the client, what it was made of: that says why. */
  logError(error: unknown): void {
    const { cause } = error instanceof Error ? error : {};
    if (cause instanceof RedisSessionError) this.store.settings.logError(cause);
    else this.store.settings.logError(error instanceof Error ? error : new Error(String(error)));
  }

  /** Every request leads here, and people log requests; the secrets that sign cookies and the password of Redis stay out of that. */
  [inspect.custom](): string {
    return 'SessionRuntime {}';
  }
}
