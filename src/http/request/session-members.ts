import { SessionMisuseError, SessionSerializationError } from '../../redis-session.errors.js';
import { afterItsEnd } from '../../session/active-session.js';
import { IDENTITY_ENTRY } from '../../session/identity.js';
import { kindOf } from '../../session/option-checks.js';
import { expiresAt, type SessionRecord } from '../../session/session-record.js';
import type { LoginOptions, SessionCallback, SessionMembers } from './http-session.js';
import type { Identity } from '../../nest/identity.decorator.js';
import type { RequestSession } from './request-session.js';
import {
  csrfTokenOf,
  destroySession,
  increment,
  login,
  reauthenticate,
  regenerateSession,
  reloadSession,
  rotateSession,
  saveSession,
  verifyCsrfTokenOf,
} from './session-calls.js';

type MemberName = Exclude<keyof SessionMembers, 'cookie' | 'identity'>;

/** What each member of `HttpSession` is, given the session. */
const MEMBERS: Readonly<Record<MemberName, (session: RequestSession) => unknown>> = {
  id: ({ active }) => active.sid,
  handle: ({ active }) => active.handle,
  isNew: ({ active }) => active.record === undefined,
  createdAt: ({ active }) => date(active.record, (record) => record.createdAt),
  lastSeenAt: ({ active }) => date(active.record, (record) => record.lastSeenAt),
  expiresAt: ({ active }) => date(active.record, expiresAt),
  authenticatedAt: ({ active }) => date(active.record, (record) => record.authenticatedAt),
  save: (session) => (callback?: SessionCallback) => answerCall(session, saveSession(session), callback, session.httpSession),
  reload: (session) => (callback?: SessionCallback) => answerCall(session, reloadSession(session), callback, session.httpSession),
  regenerate: (session) => (callback?: SessionCallback) => answerCall(session, regenerateSession(session), callback, session.httpSession),
  destroy: (session) => (callback?: SessionCallback) => answerCall(session, destroySession(session), callback, session.httpSession),
  touch: (session) => () => (session.requestCookie.restartMaxAge(), session.httpSession),
  resetMaxAge: (session) => () => (session.requestCookie.restartMaxAge(), session.httpSession),
  login: (session) => (identity: Identity, options?: LoginOptions) => answerCall(session, login(session, identity, options)),
  logout: (session) => () => answerCall(session, destroySession(session)),
  reauthenticate: (session) => () => answerCall(session, reauthenticate(session)),
  rotate: (session) => () => answerCall(session, rotateSession(session)),
  increment:
    (session) =>
    (name: string, by = 1) =>
      answerCall(session, incrementEntry(session, name, by)),
  csrfToken: (session) => () => csrfTokenOf(session),
  verifyCsrfToken: (session) => (token: unknown) => verifyCsrfTokenOf(session, token),
};

async function incrementEntry(session: RequestSession, name: string, by: number): Promise<number> {
  if (typeof name !== 'string') throw new SessionMisuseError(`session.increment() needs the name of an entry, received ${kindOf(name)}.`);
  checkEntryName(session, name);
  return increment(session, name, by);
}

export function isMember(name: string): name is MemberName {
  return Object.hasOwn(MEMBERS, name);
}

export function memberOf(session: RequestSession, name: MemberName): unknown {
  return MEMBERS[name](session);
}

/** What express-session has on a session. No entry can have these names. */
export const EXPRESS_NAMES: ReadonlySet<string> = new Set(['id', 'req', 'save', 'reload', 'regenerate', 'destroy', 'touch', 'resetMaxAge']);

/** Throws for a name that no entry of this session can have, with the cure. */
export function checkEntryName({ active, isIdentityEntry }: RequestSession, name: string): void {
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
 * @param returned what a call with a callback returns
 */
export function answerCall<T>(session: RequestSession, call: Promise<T>, callback?: SessionCallback, returned?: unknown): unknown {
  const { transport } = session;
  transport.watchClient();
  const result = call.then(
    (value) => {
      transport.noteCall();
      return value;
    },
    (error: unknown) => {
      throw transport.errorFor(error);
    },
  );
  if (typeof callback === 'function') {
    result.then(
      () => callLater(session, callback),
      (error: unknown) => callLater(session, () => callback(error)),
    );
    return returned;
  }
  result.catch((error: unknown) => transport.runtime.logError(error));
  return result;
}

function callLater(session: RequestSession, callback: () => void): void {
  session.callbacks++;
  setImmediate(() => {
    session.callbacks--;
    callback();
  });
}
