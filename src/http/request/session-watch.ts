import type { SessionRecord } from '../../session/session-record.js';
import type { RequestState } from './request-state.js';
import { userIn } from './session-access.js';

/**
 * Watches the session that a request was let in with, for an answer that goes on for long: calls `end` when it is over, or somebody else's.
 *
 * @returns what ends the watching
 */
export function watchSession(state: RequestState, end: () => void): () => void {
  const { transport, current, loaded } = state;
  // A rotation at the beginning of the request has given it another sid.
  const { sid = loaded?.sid, record = loaded?.record } = current?.active ?? {};
  if (sid === undefined || record === undefined) return () => undefined;
  const user = userIn(state, record);
  const watcher = {
    ended: end,
    changed: (found: SessionRecord) => {
      if (userIn(state, found) !== user) end();
    },
  };
  const watched = transport.runtime.sessions.watched.watch({ sid, record, at: state.askedAt }, watcher);
  return () => watched.leave(watcher);
}
