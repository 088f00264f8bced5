import { isEnded, isUnderSid, type EndedSession, type SessionRecord } from './session-record.js';
import type { Sessions } from './sessions.js';
import type { Sid } from './sid.js';

/**
 * Whether a session that was loaded a while ago is still there, for the same user. By handle, where the store can: a request whose secret was replaced
 * since came with a good one.
 *
 * @param isSameUser tells it of two records of a store that does not keep whose they are
 * @returns `true`, or the reason why somebody else has ended it, where that is known
 */
export async function lookAgain(
  sessions: Sessions,
  sid: Sid,
  record: SessionRecord,
  isSameUser: (found: SessionRecord) => boolean,
): Promise<true | Partial<EndedSession>> {
  const knowsUsers = sessions.index !== undefined && !isUnderSid(record);
  if (knowsUsers) {
    const [facts] = await sessions.describe([record.handle]);
    if (facts !== undefined) return facts.userId === record.userId || {};
  }
  const found = await sessions.find(sid);
  if (found === undefined || isEnded(found)) return found ?? {};
  return !knowsUsers && isSameUser(found) ? true : {};
}
