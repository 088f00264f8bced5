import type { IncomingMessage } from 'node:http';
import { SessionMisuseError, SessionSerializationError } from '../../redis-session.errors.js';
import { afterItsEnd, type ActiveSession } from '../../session/active-session.js';
import { IDENTITY_ENTRY } from '../../session/identity.js';
import { expiresAt, type SessionRecord } from '../../session/session-record.js';
import type { HttpSession, LoginOptions, SessionCallback, SessionMembers } from './http-session.js';
import type { Identity } from '../../nest/identity.decorator.js';
import type { Cookie } from '../cookie/cookie.js';

/** Whose session an object is: what its members do. */
export interface SessionOwner {
  readonly active: ActiveSession;
  readonly request: IncomingMessage;
  /** What `sessionOf()` gives. */
  readonly httpSession: HttpSession;
  /** What `req.session.cookie` is. */
  readonly shownCookie: Cookie;
  /** Whether the entry "identity" is the identity, and so not the application's to write. */
  readonly isIdentityEntry: boolean;
  /** Whether that is one of the objects that handlers have of this session. */
  isView(object: object): boolean;
  /** Takes a cookie object as it is, and of any other object the age. */
  setCookie(cookie: unknown): void;
  touch(): void;
  save(): Promise<void>;
  reload(): Promise<void>;
  regenerate(): Promise<void>;
  destroy(): Promise<void>;
  login(identity: Identity, options?: LoginOptions): Promise<void>;
  reauthenticate(): Promise<void>;
  rotate(): Promise<void>;
  increment(name: string, by: number): Promise<number>;
  csrfToken(): string;
  verifyCsrfToken(token: unknown): boolean;
  /** The error as the caller of a member should see it. */
  told(error: unknown): unknown;
  logError(error: unknown): void;
  /** Calls back outside of any promise. */
  tellLater(callback: () => void): void;
  /** Says once in which way an entry is read whose name is that of a member. */
  tellHidden(name: string): void;
}

type MemberName = Exclude<keyof SessionMembers, 'cookie' | 'identity'>;

/** What each member of `HttpSession` is, given whose session it is. */
const MEMBERS: Readonly<Record<MemberName, (owner: SessionOwner) => unknown>> = {
  id: ({ active }) => active.sid,
  handle: ({ active }) => active.handle,
  isNew: ({ active }) => active.record === undefined,
  createdAt: ({ active }) => date(active.record, (record) => record.createdAt),
  lastSeenAt: ({ active }) => date(active.record, (record) => record.lastSeenAt),
  expiresAt: ({ active }) => date(active.record, expiresAt),
  authenticatedAt: ({ active }) => date(active.record, (record) => record.authenticatedAt),
  save: (owner) => (callback?: SessionCallback) => answerCall(owner, owner.save(), callback, owner.httpSession),
  reload: (owner) => (callback?: SessionCallback) => answerCall(owner, owner.reload(), callback, owner.httpSession),
  regenerate: (owner) => (callback?: SessionCallback) => answerCall(owner, owner.regenerate(), callback, owner.httpSession),
  destroy: (owner) => (callback?: SessionCallback) => answerCall(owner, owner.destroy(), callback, owner.httpSession),
  touch: (owner) => () => (owner.touch(), owner.httpSession),
  resetMaxAge: (owner) => () => (owner.touch(), owner.httpSession),
  login: (owner) => (identity: Identity, options?: LoginOptions) => answerCall(owner, owner.login(identity, options)),
  logout: (owner) => () => answerCall(owner, owner.destroy()),
  reauthenticate: (owner) => () => answerCall(owner, owner.reauthenticate()),
  rotate: (owner) => () => answerCall(owner, owner.rotate()),
  increment:
    (owner) =>
    (name: string, by = 1) =>
      answerCall(owner, owner.increment(name, by)),
  csrfToken: (owner) => () => owner.csrfToken(),
  verifyCsrfToken: (owner) => (token: unknown) => owner.verifyCsrfToken(token),
};

export function isMember(name: string): name is MemberName {
  return Object.hasOwn(MEMBERS, name);
}

export function memberOf(owner: SessionOwner, name: MemberName): unknown {
  return MEMBERS[name](owner);
}

/** What express-session has on a session. No entry can have these names. */
export const EXPRESS_NAMES: ReadonlySet<string> = new Set(['id', 'req', 'save', 'reload', 'regenerate', 'destroy', 'touch', 'resetMaxAge']);

/** Throws for a name that no entry of this session can have, with the cure. */
export function checkEntryName({ active, isIdentityEntry }: SessionOwner, name: string): void {
  if (active.isDestroyed) throw afterItsEnd(`its entry ${JSON.stringify(name)} cannot be changed`);
  if (name === '__proto__') throw new SessionSerializationError('A session entry cannot be called "__proto__". Choose another name.');
  if (name === IDENTITY_ENTRY && isIdentityEntry)
    throw new SessionMisuseError(
      '"identity" is changed only by login() and logout(). Call one of them on what @Session() or sessionOf(req) gives, choose another name, or set the option "identity" to say where the identity is.',
    );
  if (EXPRESS_NAMES.has(name))
    throw new SessionMisuseError(`The session has a member ${JSON.stringify(name)}, which cannot be changed. Choose another name.`);
}

function date(record: SessionRecord | undefined, time: (record: SessionRecord) => number | undefined): Date | undefined {
  const ms = record && time(record);
  return ms === undefined ? undefined : new Date(ms);
}

/**
 * With a callback: it is told, outside of any promise, so that what it throws is thrown. Without: a promise, which is never unhandled.
 *
 * @param session what a call with a callback returns
 */
export function answerCall<T>(owner: SessionOwner, call: Promise<T>, callback?: SessionCallback, session?: unknown): unknown {
  const result = call.catch((error: unknown) => {
    throw owner.told(error);
  });
  if (typeof callback === 'function') {
    result.then(
      () => owner.tellLater(callback),
      (error: unknown) => owner.tellLater(() => callback(error)),
    );
    return session;
  }
  result.catch((error: unknown) => owner.logError(error));
  return result;
}
