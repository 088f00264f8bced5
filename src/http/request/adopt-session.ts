import { SessionMisuseError, SessionStoreUnavailableError } from '../../redis-session.errors.js';
import { adoptSession, type AdoptedDraft, type Adoption } from '../../session/adoption.js';
import { within, type Deadline } from '../../session/deadline.js';
import { Entries } from '../../session/entries.js';
import { IDENTITY_ENTRY } from '../../session/identity.js';
import { TOMBSTONE_MS } from '../../session/store/session-store.js';
import { checkCredential, isOver, type Adopter, type CheckedCredential } from './adopter.js';
import { RequestSession } from './request-session.js';
import type { RequestState } from './request-state.js';
import { expressSessionOf } from './session-proxy.js';

/** The reason of the 503 where the adopter has failed. */
const ADOPT = 'adopt';
const SECOND = 1_000;

/** What a request without a session leads to. */
interface AdoptCallbacks {
  /** `undefined` where the request has brought no credential. */
  readonly onAnswer: (adoption: Adoption | undefined) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Asks the application for the credential of a request that has no session, and makes its session, all of it within `ms`. Where the application answers at
 * once that there is none, so does this.
 */
export function adoptForRequest(state: RequestState, adopt: Adopter, ms: number, { onAnswer, onError }: AdoptCallbacks): void {
  let asked: ReturnType<Adopter>;
  try {
    if (isOver(adopt, Date.now())) return onAnswer(undefined);
    asked = adopt(state.transport.request);
  } catch (error) {
    return onError(adopterFailed(state, error));
  }
  if (asked === undefined || asked === null) return onAnswer(undefined);
  within(ms, async (deadline) => {
    const found = await credentialOf(state, asked, deadline);
    return found === undefined || found === null ? undefined : adoptBy(state, found, adopt, deadline);
  }).then(onAnswer, onError);
}

async function credentialOf(state: RequestState, asked: ReturnType<Adopter>, deadline: Deadline): Promise<unknown> {
  try {
    return await deadline.wait(Promise.resolve(asked));
  } catch (error) {
    throw adopterFailed(state, error);
  }
}

async function adoptBy(state: RequestState, found: unknown, adopt: Adopter, deadline: Deadline): Promise<Adoption> {
  const { runtime } = state.transport;
  const now = await deadline.wait(runtime.sessions.now());
  const credential = checkCredential(found, adopt, now);
  if (credential.endsAt <= now) {
    runtime.warnOfExpiredCredential();
    return { refusedReason: undefined };
  }
  return adoptSession(runtime.sessions, runtime.credentialSids.of(credential.key), draftOf(state, credential), deadline);
}

function draftOf(state: RequestState, credential: CheckedCredential): AdoptedDraft {
  const { identity, authenticatedAt, endsAt, ttl, absoluteTtl } = credential;
  const userId = String(identity.id);
  // For the cookie that it is about to get, as at a sign-in.
  const session = new RequestSession(state.transport, expressSessionOf, { sidsBeside: [] });
  if (ttl !== undefined) session.requestCookie.beginSignIn(ttl * SECOND);
  return {
    entries: encoded(session, credential, userId),
    terms: session.terms(),
    absolute: typeof absoluteTtl === 'number' ? absoluteTtl * SECOND : absoluteTtl,
    userId,
    authenticatedAt,
    // Nodes of a Cluster have clocks of their own.
    adoptedUntil: endsAt + TOMBSTONE_MS,
  };
}

function encoded(session: RequestSession, { identity, data }: CheckedCredential, userId: string): Map<string, string> {
  const { serializer } = session.transport.runtime.sessions.settings;
  const entries = new Entries(new Map(), serializer, () => undefined);
  for (const [name, value] of Object.entries(data)) entries.set(name, value);
  entries.set(IDENTITY_ENTRY, identity);
  const stored = new Entries(entries.encoded(entries.names()), serializer, () => undefined);
  const found = session.identityOf(stored);
  if (found === undefined || String(found.id) !== userId) throw notFoundAgain();
  return stored.encoded(stored.names());
}

/** What was thrown is the application's, and may hold a credential: of that only the kind and the place are logged. */
function adopterFailed({ transport: { runtime } }: RequestState, error: unknown): Error {
  // One of ours says what is wrong, and holds nothing.
  if (error instanceof SessionMisuseError) return error;
  runtime.warnOfFailedAdopter(error);
  return new SessionStoreUnavailableError(ADOPT);
}

function notFoundAgain(): SessionMisuseError {
  return new SessionMisuseError(
    'The option "adopt" returned an "identity" that is not found again in the session: it must be plain data with the same "id"; and where the option "identity" looks elsewhere, "data" must have what that finds, such as { passport: { user } }.',
  );
}
