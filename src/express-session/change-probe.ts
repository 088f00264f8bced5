import type { RequestSession } from '../http/request/request-session.js';

interface ChangeProbe {
  readonly isChanged: boolean;
}

const probes = new WeakMap<RequestSession, ChangeProbe>();
const sessions = new WeakMap<object, RequestSession>();

/**
 * What express-session sees as `req.session`. To know whether a session changed, it hashes the JSON of all of it, up to four times a
 * request: that is slow, takes what only another serializer tells apart for the same, and throws for a value without JSON in the midst of
 * `res.end`, after which no answer is ever sent. This object has all that the session has, and as its JSON only whether it changed.
 */
export function changeProbeOf(session: RequestSession): object {
  const known = probes.get(session);
  if (known !== undefined) return known;
  const { active, expressSession } = session;
  const { sid, record } = active;
  const isStoredNow = () => active.isWritten || active.sid !== sid || (record === undefined && active.record !== undefined);
  const changeProbe = Object.create(expressSession, {
    toJSON: { value: undefined },
    isChanged: { enumerable: true, get: () => isStoredNow() || session.isCookieChanged || hasChanges(session) },
  }) as ChangeProbe;
  probes.set(session, changeProbe);
  sessions.set(changeProbe, session);
  return changeProbe;
}

/** What express-session takes the session for. */
export function isChangedFor(session: RequestSession): boolean {
  const { isChanged } = changeProbeOf(session) as ChangeProbe;
  return isChanged;
}

/** The session that an object stands in for. */
export function behind(changeProbe: object): RequestSession | undefined {
  return sessions.get(changeProbe);
}

function hasChanges({ active }: RequestSession): boolean {
  try {
    return active.isChanged;
  } catch {
    return true; // What cannot be stored is a change; saving it tells what is wrong.
  }
}
