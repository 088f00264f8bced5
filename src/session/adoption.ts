import { SessionMisuseError, SessionRefusedError } from '../redis-session.errors.js';
import type { Deadline } from './deadline.js';
import { endOne } from './indexed-sessions.js';
import { absoluteOf, idleOf } from './lifetime.js';
import { isEnded, type SessionDraft, type SessionRecord } from './session-record.js';
import type { Sessions } from './sessions.js';
import { SignIns } from './sign-ins.js';
import type { Sid } from './sid.js';

/** A session that is to be made from a credential. */
export interface AdoptedDraft extends SessionDraft {
  readonly userId: string;
  readonly authenticatedAt: number;
  readonly adoptedUntil: number;
}

/** What becomes of a credential. */
export type Adoption = Adopted | Refused;

/** The session of a credential. */
interface Adopted {
  readonly sid: Sid;
  readonly record: SessionRecord;
  /** Whether it was not there before. */
  readonly isNew: boolean;
}

/** `refusedReason`: why, as whoever has the credential may know; `undefined` where nobody has said why. */
interface Refused {
  readonly refusedReason: string | undefined;
}

/** Why a credential is refused whose user has as many sessions as they may. */
const TOO_MANY = 'too-many-sessions';
const REFUSED: Refused = { refusedReason: undefined };

/**
 * The session of a credential: the one that was made from it, else one that is made now. Requests with the same credential come to the same session,
 * however many at once, since its sid is made of the credential. Refused where such a session was ended, or the user revoked since they signed in.
 *
 * Whoever has the credential may use the session from the moment it is stored. So it is named before that, for as long as it can live, and nothing that
 * fails later undoes it: another request may have it already.
 *
 * @param sids by each of the secrets. The first makes a new session
 */
export async function adoptSession(
  sessions: Sessions,
  sids: readonly [Sid, ...Sid[]],
  draft: AdoptedDraft,
  deadline: Deadline,
): Promise<Adoption> {
  return (await findSession(sessions, sids, draft, deadline)) ?? makeSession(sessions, sids[0], draft, deadline);
}

async function findSession(
  sessions: Sessions,
  sids: readonly Sid[],
  draft: AdoptedDraft,
  deadline: Deadline,
): Promise<Adoption | undefined> {
  const found = await deadline.wait(Promise.all(sids.map(async (sid) => ({ sid, seen: await sessions.findAdopted(sid) }))));
  let adopted: Adopted | undefined;
  // One that has ended counts, whatever another secret finds.
  for (const { sid, seen } of found) {
    if (seen === 'left') return REFUSED;
    if (seen !== undefined && isEnded(seen)) return { refusedReason: seen.endedReason };
    if (seen !== undefined) adopted ??= { sid, record: seen, isNew: false };
  }
  if (adopted === undefined) return undefined;
  return isOf(adopted.record, draft) ? adopted : REFUSED;
}

/** Whether the session is still what was made from the credential: not another user's by now, nor one whose user has proved again who they are. */
function isOf({ userId, authenticatedAt = 0 }: SessionRecord, draft: AdoptedDraft): boolean {
  if (userId === draft.userId && authenticatedAt < draft.authenticatedAt) throw sameKey();
  return userId === draft.userId && authenticatedAt === draft.authenticatedAt;
}

async function makeSession(sessions: Sessions, sid: Sid, draft: AdoptedDraft, deadline: Deadline): Promise<Adoption> {
  const { userId, authenticatedAt: since } = draft;
  const signIns = new SignIns(sessions);
  const handle = sessions.handleOf(sid);
  const begun = signIns.beginAdopted(userId, handle, { since, ms: lifeOf(sessions, draft) }).catch((error: unknown) => {
    if (error instanceof SessionRefusedError) return { endedReason: TOO_MANY };
    throw error;
  });
  const indexedAt = await deadline.wait(begun);
  if (typeof indexedAt !== 'number') return { refusedReason: indexedAt.endedReason };

  const made = await deadline.wait(sessions.adopt(sid, { ...draft, indexedAt }));
  const adoption = made === undefined ? await findSession(sessions, [sid], draft, deadline) : { sid, record: made, isNew: true };
  // What lies there instead is no session, and stays where it is.
  if (adoption === undefined || 'refusedReason' in adoption) return adoption ?? REFUSED;

  const excess = await deadline.wait(signIns.confirmAdopted(userId, adoption.record));
  if (typeof excess !== 'number') {
    await deadline.wait(endOne(sessions, userId, { handle, indexedAt: since }, excess.endedReason));
    return { refusedReason: excess.endedReason };
  }
  await deadline.wait(signIns.evict(userId, excess, adoption.record));
  const isLeft = excess === 0 && !sessions.settings.revokeBefore;
  const present = isLeft ? adoption : ((await findSession(sessions, [sid], draft, deadline)) ?? REFUSED);
  if ('refusedReason' in present) return present;
  if (adoption.isNew) sessions.events.emit('adopted', { handle, userId });
  return adoption;
}

/** How long it can live at most, or without an absolute end until a due touch names it again; in ms. */
function lifeOf({ settings }: Sessions, { terms, absolute }: AdoptedDraft): number {
  return absoluteOf(terms, settings, absolute) ?? Math.ceil(idleOf(terms, settings) * 1.1);
}

function sameKey(): SessionMisuseError {
  return new SessionMisuseError(
    'The option "adopt" has returned the same "key" with a later "authenticatedAt": a key must name one credential, given out by one sign-in. Make the key of what only that credential has (the id of a token, or the token itself), and "authenticatedAt" of when it was given out.',
  );
}
