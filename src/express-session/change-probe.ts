import { timeLeft } from '../http/request/load-session.js';
import type { RequestSession } from '../http/request/request-session.js';
import { requireState } from '../http/request/request-state.js';
import { mayStore } from '../http/request/session-calls.js';
import { answerCall } from '../http/request/session-members.js';
import { expressSessionOf } from '../http/request/session-proxy.js';

/** What express-session sees as `req.session`. */
interface ChangeProbe {
  readonly isChanged: boolean;
}

/** Under which name a session has its probe, and a probe its session. A `WeakMap` keeps its requests alive until the next full collection. */
const PROBE = Symbol('change probe');
const PROBED = Symbol('probed session');

interface Probed extends RequestSession {
  [PROBE]?: ChangeProbe;
}

/**
 * Stands before a session where express-session looks. To know whether a session changed, that package hashes the JSON of all of it, up to four times a
 * request: that is slow, takes what only another serializer tells apart for the same, and throws for a value without JSON in the midst of
 * `res.end`, after which no answer is ever sent. The probe has all that the session has, and as its JSON only whether it changed.
 *
 * Its `save` is what express-session calls at the end of a response: it takes no longer than the request may still wait.
 */
export function changeProbeOf(session: Probed): object {
  session[PROBE] ??= createProbe(session);
  return session[PROBE];
}

function createProbe(session: Probed): ChangeProbe {
  const { sid, record } = session.active;
  const isStoredNow = ({ active }: RequestSession) =>
    active.isWritten || active.sid !== sid || (record === undefined && active.record !== undefined);
  return Object.create(expressSessionOf(session), {
    [PROBED]: { value: session },
    toJSON: { value: undefined },
    isChanged: { enumerable: true, get: () => isStoredNow(session) || session.isCookieChanged || hasChanges(session) },
    save: {
      configurable: true,
      writable: true,
      value(this: object, callback?: () => void) {
        return answerCall(session, saveAtEnd(session), callback, this);
      },
    },
  }) as ChangeProbe;
}

async function saveAtEnd(session: RequestSession): Promise<void> {
  if (!mayStore(session)) return;
  const { active, transport, request } = session;
  const ms = timeLeft(requireState(request));
  await active.save({ touch: transport.runtime.settings.resave, ms, takesNewSid: () => transport.takesNewSid(false) });
}

/** What express-session takes the session for. */
export function isChangedFor(session: Probed): boolean {
  return session[PROBE]?.isChanged ?? hasChanges(session);
}

/** The session that a probe stands before. */
export function probedSession(probe: object): RequestSession | undefined {
  return (probe as { [PROBED]?: RequestSession })[PROBED];
}

function hasChanges({ active }: RequestSession): boolean {
  try {
    return active.isChanged;
  } catch {
    return true; // What cannot be stored is a change; saving it tells what is wrong.
  }
}
