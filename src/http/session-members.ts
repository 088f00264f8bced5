import { SessionMisuseError, SessionSerializationError } from '../redis-session.errors.js';
import { afterItsEnd, type ActiveSession } from '../session/active-session.js';
import { IDENTITY_ENTRY } from '../session/identity.js';
import { expiresAt, type SessionRecord } from '../session/session-record.js';
import type { HttpSession, LoginOptions, SessionCallback, SessionMembers } from './http-session.js';
import type { Identity } from './identity.decorator.js';
import type { Cookie } from './cookie.js';

/** Whose session an object is: what its members do. */
export interface SessionOwner {
  readonly active: ActiveSession;
  readonly object: HttpSession;
  readonly cookie: Cookie;
  /** Takes a cookie object as it is, and of any other object the age. */
  setCookie(cookie: unknown): void;
  touch(): HttpSession;
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
}

type MemberName = Exclude<keyof SessionMembers, 'cookie' | 'identity'>;

/** What each member of a session object is, given whose session it is. */
const MEMBERS: Readonly<Record<MemberName, (owner: SessionOwner) => unknown>> = {
  id: ({ active }) => active.sid,
  handle: ({ active }) => active.handle,
  isNew: ({ active }) => active.record === undefined,
  createdAt: ({ active }) => date(active.record, (record) => record.createdAt),
  lastSeenAt: ({ active }) => date(active.record, (record) => record.lastSeenAt),
  expiresAt: ({ active }) => date(active.record, expiresAt),
  authenticatedAt: ({ active }) => date(active.record, (record) => record.authenticatedAt),
  save: (owner) => (callback?: SessionCallback) => answer(owner, owner.save(), callback),
  reload: (owner) => (callback?: SessionCallback) => answer(owner, owner.reload(), callback),
  regenerate: (owner) => (callback?: SessionCallback) => answer(owner, owner.regenerate(), callback),
  destroy: (owner) => (callback?: SessionCallback) => answer(owner, owner.destroy(), callback),
  touch: (owner) => () => owner.touch(),
  resetMaxAge: (owner) => () => owner.touch(),
  login: (owner) => (identity: Identity, options?: LoginOptions) => answer(owner, owner.login(identity, options)),
  logout: (owner) => () => answer(owner, owner.destroy()),
  reauthenticate: (owner) => () => answer(owner, owner.reauthenticate()),
  rotate: (owner) => () => answer(owner, owner.rotate()),
  increment:
    (owner) =>
    (name: string, by = 1) =>
      answer(owner, owner.increment(name, by)),
  csrfToken: (owner) => () => owner.csrfToken(),
  verifyCsrfToken: (owner) => (token: unknown) => owner.verifyCsrfToken(token),
};

export function isMember(name: string): name is MemberName {
  return Object.hasOwn(MEMBERS, name);
}

export function memberOf(owner: SessionOwner, name: MemberName): unknown {
  return MEMBERS[name](owner);
}

/** Throws for a name that cannot be written, with the cure. */
export function checkWritable(owner: SessionOwner, name: string): void {
  const quoted = JSON.stringify(name);
  if (owner.active.isDestroyed) throw afterItsEnd(`its entry ${quoted} cannot be changed`);
  if (name === '__proto__') throw new SessionSerializationError('A session entry cannot be called "__proto__". Choose another name.');
  if (name === IDENTITY_ENTRY)
    throw new SessionMisuseError(
      '"identity" is changed only by session.login() and session.logout(). Call one of them, or choose another name.',
    );
  if (isMember(name)) throw new SessionMisuseError(`The session has a member ${quoted}, which cannot be changed. Choose another name.`);
}

function date(record: SessionRecord | undefined, time: (record: SessionRecord) => number | undefined): Date | undefined {
  const epochMs = record && time(record);
  return epochMs === undefined ? undefined : new Date(epochMs);
}

/** With a callback: it is told, outside of any promise, so that what it throws is thrown. Without: a promise, which is never unhandled. */
function answer<T>(owner: SessionOwner, call: Promise<T>, callback?: SessionCallback): Promise<T> | HttpSession {
  const result = call.catch((error: unknown) => {
    throw owner.told(error);
  });
  if (typeof callback === 'function') {
    result.then(
      () => setImmediate(callback),
      (error: unknown) => setImmediate(callback, error),
    );
    return owner.object;
  }
  result.catch((error: unknown) => owner.logError(error));
  return result;
}
