import type { Cookie, SessionData } from 'express-session';
import { kindOf } from '../session/option-checks.js';
import { IDENTITY_ENTRY } from '../session/identity.js';
import { SessionMisuseError } from '../redis-session.errors.js';
import type { SessionCallback, SessionEntries } from '../http/request/http-session.js';
import type { RequestSession } from '../http/request/request-session.js';
import { requireState } from '../http/request/request-state.js';
import { currentSession } from '../http/request/session-access.js';
import { destroySession, regenerateSession, reloadSession, saveSession } from '../http/request/session-calls.js';
import { answerCall, checkEntryName, EXPRESS_NAMES } from '../http/request/session-members.js';
import { ExpressSessionTraps, targetOf } from '../http/request/session-proxy.js';

const COOKIE = 'cookie';

/** Attributes of the session's cookie, as `request.session.options()` takes them. */
export type FastifyCookieAttributes = Partial<
  Pick<Cookie, 'expires' | 'httpOnly' | 'path' | 'sameSite' | 'secure'> & { maxAge: number; domain: string; partitioned: boolean }
>;

/** What `request.session` has besides your entries: the names of `@fastify/session`. Methods without a callback return a promise. */
export interface FastifySessionMembers {
  /** The session id. Whoever has it has the session, so never log it. */
  readonly sessionId: string;
  /** The cookie of this session. Its `maxAge` (ms) is the idle timeout too. */
  cookie: Cookie;
  /** Gives you an entry. */
  get<Name extends keyof SessionData>(name: Name): SessionEntries[Name];
  get(name: string): unknown;
  /** Changes an entry. It is stored before the reply leaves. */
  set<Name extends keyof SessionData>(name: Name, value: SessionEntries[Name]): void;
  set(name: string, value: unknown): void;
  /** Changes attributes of this session's cookie. */
  options(attributes: FastifyCookieAttributes): void;
  /** Moves the expiry of the cookie to its `maxAge` from now. */
  touch(): void;
  /** Ends this session and puts a new one on the request, with those entries of the old one that you name. The identity goes with the old one. */
  regenerate(keep?: readonly string[]): Promise<void>;
  regenerate(callback: SessionCallback): void;
  regenerate(keep: readonly string[], callback: SessionCallback): void;
  /** Drops changes that are not stored and reads the session again. Rejects if it has ended. */
  reload(): Promise<void>;
  reload(callback: SessionCallback): void;
  /** Stores now what changed so far. Otherwise it is stored before the reply leaves. */
  save(): Promise<void>;
  save(callback: SessionCallback): void;
  /** Ends this session and clears the cookie. */
  destroy(): Promise<void>;
  destroy(callback: SessionCallback): void;
  /** Whether something changed that is not stored yet. */
  isModified(): boolean;
  /** Whether the session is stored, with all that changed. */
  isSaved(): boolean;
}

/**
 * What `request.session` is on Fastify's request: your entries as plain properties, declared on express-session's `SessionData`, and the
 * names of `@fastify/session` 11. What this package adds is on `sessionOf(request)`.
 *
 * @publicApi
 */
export type FastifySession = FastifySessionMembers & Omit<SessionEntries, keyof FastifySessionMembers>;

type MemberName = Exclude<keyof FastifySessionMembers, 'cookie'>;

/** What each member is, given the session. */
const MEMBERS: Readonly<Record<MemberName, (session: RequestSession) => unknown>> = {
  sessionId: ({ active }) => active.sid,
  get: (session) => (name: string) => (name === COOKIE ? session.shownCookie : entryOf(session, name)),
  set: (session) => (name: string, value: unknown) => setEntry(session, name, value),
  options: (session) => (attributes: object) => void Object.assign(session.shownCookie, attributes),
  touch: (session) => () => session.requestCookie.restartMaxAge(),
  regenerate: (session) => (keep?: readonly string[] | SessionCallback, callback?: SessionCallback) =>
    typeof keep === 'function'
      ? answerCall(session, regenerateKeeping(session, undefined), keep)
      : answerCall(session, regenerateKeeping(session, keep), callback),
  reload: (session) => (callback?: SessionCallback) => answerCall(session, reloadSession(session), callback),
  save: (session) => (callback?: SessionCallback) => answerCall(session, saveSession(session), callback),
  destroy: (session) => (callback?: SessionCallback) => answerCall(session, destroySession(session), callback),
  isModified:
    ({ active }) =>
    () =>
      active.isChanged,
  isSaved:
    ({ active }) =>
    () =>
      active.record !== undefined && !active.isChanged,
};

function isMember(name: string): name is MemberName {
  return Object.hasOwn(MEMBERS, name);
}

function entryOf({ active: { entries } }: RequestSession, name: string): unknown {
  return entries.has(name) ? entries.get(name) : undefined;
}

/** As `request.session[name] = value` does, and for a name that a member has too. */
function setEntry(session: RequestSession, name: string, value: unknown): void {
  if (typeof name !== 'string') throw new SessionMisuseError(`session.set() needs the name of an entry, received ${kindOf(name)}.`);
  if (name === COOKIE) return session.setCookie(value);
  checkEntryName(session, name);
  session.active.entries.set(name, value);
}

/** Libraries keep all keys of the session, which are the cookie's and the identity's too: those go with the session that they belong to. */
async function regenerateKeeping(session: RequestSession, keep: readonly string[] = []): Promise<void> {
  const { entries } = session.active;
  const isKept = (name: string) => name !== COOKIE && entries.has(name) && !(name === IDENTITY_ENTRY && session.isIdentityEntry);
  const kept = keep.filter(isKept).map((name) => [name, entries.get(name)] as const);
  await regenerateSession(session);
  const next = currentSession(requireState(session.request));
  for (const [name, value] of kept) next?.active.entries.set(name, value);
}

/** `request.session` of Fastify's request. */
export function fastifySessionOf(session: RequestSession): FastifySession {
  session.fastifySession ??= new Proxy(targetOf(session), new FastifySessionTraps(session));
  return session.fastifySession as FastifySession;
}

class FastifySessionTraps extends ExpressSessionTraps {
  override get(target: object, name: string | symbol, receiver: unknown): unknown {
    if (typeof name === 'symbol') return super.get(target, name, receiver);
    if (isMember(name)) return MEMBERS[name](this.session);
    return EXPRESS_NAMES.has(name) ? undefined : super.get(target, name, receiver);
  }

  override has(target: object, name: string | symbol): boolean {
    if (typeof name === 'symbol') return super.has(target, name);
    return isMember(name) || this.isVisible(name);
  }

  protected override get hiddenNames(): readonly string[] {
    return [];
  }

  protected override isVisible(name: string): boolean {
    return !isMember(name) && super.isVisible(name);
  }

  protected override checkWritable(name: string): void {
    super.checkWritable(name);
    if (isMember(name))
      throw new SessionMisuseError(
        `request.session has a member ${JSON.stringify(name)}, which cannot be changed. Choose another name, or write the entry by request.session.set().`,
      );
  }
}
