import type { Identity } from '../session/identity.js';
import { expiresAt, type SessionRecord } from '../session/session-record.js';
import type { HttpSession, LoginOptions, SessionCallback, SessionMembers } from './http-session.js';
import type { RequestSession } from './request-session.js';

type MemberName = Exclude<keyof SessionMembers, 'cookie' | 'identity'>;

/** What each member of a session object is, given whose session it is. */
const MEMBERS: Readonly<Record<MemberName, (owner: RequestSession) => unknown>> = {
  id: ({ active }) => active.sid,
  handle: ({ active }) => active.handle,
  isNew: ({ active }) => active.record === undefined,
  createdAt: ({ active }) => date(active.record, (record) => record.createdAt),
  lastSeenAt: ({ active }) => date(active.record, (record) => record.lastSeenAt),
  expiresAt: ({ active }) => date(active.record, expiresAt),
  save: (owner) => (callback?: SessionCallback) => answer(owner, owner.active.save(), callback),
  reload: (owner) => (callback?: SessionCallback) => answer(owner, owner.reload(), callback),
  regenerate: (owner) => (callback?: SessionCallback) => answer(owner, owner.regenerate(), callback),
  destroy: (owner) => (callback?: SessionCallback) => answer(owner, owner.destroy(), callback),
  touch: (owner) => () => owner.touch(),
  resetMaxAge: (owner) => () => owner.touch(),
  login: (owner) => (identity: Identity, options?: LoginOptions) => answer(owner, owner.login(identity, options)),
  logout: (owner) => () => answer(owner, owner.destroy()),
  rotate: (owner) => () => answer(owner, owner.rotate()),
};

export function isMember(name: string): name is MemberName {
  return Object.hasOwn(MEMBERS, name);
}

export function memberOf(owner: RequestSession, name: MemberName): unknown {
  return MEMBERS[name](owner);
}

function date(record: SessionRecord | undefined, time: (record: SessionRecord) => number | undefined): Date | undefined {
  const epochMs = record && time(record);
  return epochMs === undefined ? undefined : new Date(epochMs);
}

/** With a callback: it is told, outside of any promise, so that what it throws is thrown. Without: a promise, which is never unhandled. */
function answer({ exchange, object }: RequestSession, call: Promise<void>, callback?: SessionCallback): Promise<void> | HttpSession {
  const result = call.catch((error: unknown) => {
    throw exchange.told(error);
  });
  if (typeof callback === 'function') {
    result.then(
      () => setImmediate(callback),
      (error: unknown) => setImmediate(callback, error),
    );
    return object;
  }
  result.catch((error: unknown) => exchange.runtime.logError(error));
  return result;
}
