import type { RequestSession } from '../http/request/request-session.js';

interface StandIn {
  readonly isChanged: boolean;
}

const standIns = new WeakMap<RequestSession, StandIn>();
const sessions = new WeakMap<object, RequestSession>();

/**
 * What express-session sees as `req.session`. To know whether a session changed, it hashes the JSON of all of it, up to four times a
 * request: that is slow, takes what only another serializer tells apart for the same, and throws for a value without JSON in the midst of
 * `res.end`, after which no answer is ever sent. This object has all that the session has, and as its JSON only whether it changed.
 */
export function standInFor(session: RequestSession): object {
  const known = standIns.get(session);
  if (known !== undefined) return known;
  const { active, expressSession } = session;
  const { sid, record } = active;
  const isStoredNow = () => active.isWritten || active.sid !== sid || (record === undefined && active.record !== undefined);
  const standIn = Object.create(expressSession, {
    toJSON: { value: undefined },
    isChanged: { enumerable: true, get: () => isStoredNow() || session.isCookieChanged || hasChanges(session) },
  }) as StandIn;
  standIns.set(session, standIn);
  sessions.set(standIn, session);
  return standIn;
}

/** What express-session takes the session for. */
export function isChangedFor(session: RequestSession): boolean {
  const { isChanged } = standInFor(session) as StandIn;
  return isChanged;
}

/** The session that an object stands in for. */
export function behind(standIn: object): RequestSession | undefined {
  return sessions.get(standIn);
}

function hasChanges({ active }: RequestSession): boolean {
  try {
    return active.isChanged;
  } catch {
    return true; // What cannot be stored is a change; saving it tells what is wrong.
  }
}
