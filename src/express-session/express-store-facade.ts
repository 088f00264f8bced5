import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { SessionData, Store } from 'express-session';
import { timeLeft } from '../http/request/load-session.js';
import { currentSession, startSession, statusOf } from '../http/request/session-access.js';
import { stateOf, type RequestState } from '../http/request/request-state.js';
import { regenerateSession } from '../http/request/session-calls.js';
import { answerCall } from '../http/request/session-members.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import { ActiveSession, type SessionHost } from '../session/active-session.js';
import { answerWithin } from '../session/deadline.js';
import { IDENTITY_ENTRY } from '../session/identity.js';
import type { Sid } from '../session/sid.js';
import { changeProbeOf, probedSession } from './change-probe.js';

/** What `req.sessionStore` is: the store that the application has given, where that was made for express-session. */
export function sessionStoreOf(runtime: SessionRuntime): object {
  return runtime.sessionStore ?? new ExpressStoreFacade(runtime);
}

type Callback<T = void> = (error?: unknown, value?: T) => void;

/**
 * A `SessionStore` as express-session, and code that works on `req.sessionStore`, knows stores. The session on the request saves itself, by deltas, so
 * express-session's own `set` is not on that path.
 *
 * It has the methods of that package's class, and does not load the package. It never emits `disconnect`: express-session would let requests pass
 * without a session.
 */
export class ExpressStoreFacade extends EventEmitter implements Pick<Store, 'get' | 'set' | 'destroy' | 'touch' | 'regenerate' | 'load'> {
  #asking: RequestState | undefined;
  #ending: RequestState | undefined;

  constructor(private readonly runtime: SessionRuntime) {
    super();
  }

  /** Names the request whose session express-session is about to ask for, in the same turn of the event loop; then that none is. */
  ask(state: RequestState | undefined): void {
    this.#asking = state;
  }

  /** Names the request whose response express-session is about to end, as `ask` does. */
  end(state: RequestState | undefined): void {
    this.#ending = state;
  }

  /** express-session assigns its own way to make a session; ours makes them with their rules. */
  get generate(): (request: IncomingMessage) => void {
    return (request) => stateOf(request)?.transport.expose();
  }

  set generate(_theirs: (request: IncomingMessage) => void) {
    // Not used, see the getter.
  }

  get(sid: string, callback: Callback<SessionData | null>): void {
    if (this.#asking === undefined) return answer(this.#read(sid as Sid), callback);
    const session = this.#asking.loaded === undefined ? undefined : currentSession(this.#asking);
    callback(null, session === undefined ? null : (changeProbeOf(session) as SessionData));
  }

  load(sid: string, callback: Callback<SessionData>): void {
    this.get(sid, (error, data) => callback(error, data ?? undefined));
  }

  createSession(request: IncomingMessage, session: object): object {
    if (probedSession(session) !== undefined) stateOf(request)?.transport.expose();
    return session;
  }

  regenerate(request: IncomingMessage, callback: (error?: unknown) => unknown): void {
    const state = stateOf(request);
    const session = state && currentSession(state);
    if (session === undefined) answer(startIn(state), (error) => void callback(error));
    else answerCall(session, regenerateSession(session), callback);
  }

  set(sid: string, data: SessionData, callback: Callback = () => undefined): void {
    answer(this.#write(sid as Sid, data), callback);
  }

  /** Called at the end of each request that changed nothing. Nobody waits for the touch. */
  touch(_sid: string, session: SessionData, callback: () => void = () => undefined): void {
    const probed = probedSession(session);
    const isPassive = probed !== undefined && stateOf(probed.request)?.isPassive === true;
    this.#touch(isPassive ? undefined : probed?.active).catch((error: unknown) => this.runtime.logError(error));
    callback();
  }

  async #touch(active: ActiveSession | undefined): Promise<void> {
    if (active?.isTouchDue === true) await active.save();
  }

  destroy(sid: string, callback: Callback = () => undefined): void {
    answer(this.#end(sid as Sid), callback);
  }

  async #read(sid: Sid): Promise<SessionData | null> {
    const session = await this.#open(sid);
    return session && this.#data(session);
  }

  #data({ entries, record }: ActiveSession): SessionData {
    return { cookie: record?.cookie ?? {}, ...entries.values() } as unknown as SessionData;
  }

  /** Sets and removes entries of an existing session; one that has ended stays ended. */
  async #write(sid: Sid, data: SessionData): Promise<void> {
    const session = await this.#open(sid);
    if (session === null) return;
    const isOurs = (name: string) => name === 'cookie' || (name === IDENTITY_ENTRY && this.runtime.isIdentityEntry);
    for (const name of session.entries.names()) if (!Object.hasOwn(data, name) && !isOurs(name)) session.entries.remove(name);
    for (const [name, value] of Object.entries(data)) if (!isOurs(name)) session.entries.set(name, value);
    await session.save({
      takesNewSid: () => {
        this.runtime.warnOfKeptSid();
        return false;
      },
    });
  }

  async #end(sid: Sid): Promise<void> {
    const { sessions } = this.runtime;
    const ms = this.#ending === undefined ? sessions.settings.deadline : timeLeft(this.#ending);
    await answerWithin(ms, sessions.destroy(sid));
  }

  async #open(sid: Sid): Promise<ActiveSession | null> {
    const { sessions } = this.runtime;
    const record = await answerWithin(sessions.settings.deadline, sessions.load(sid));
    if (record === undefined) return null;
    const host: SessionHost = {
      generateSid: () => sid,
      terms: () => ({ idle: record.idle, cookie: record.cookie, wholeCookie: record.cookie ?? {} }),
      areTermsChanged: false,
      // It stays its user's, who could not end it otherwise. Where applications keep the identity, they look at entries.
      identityOf: (entries) => this.runtime.identityOf(entries, () => entries.values()),
      isIdentityEntry: this.runtime.isIdentityEntry,
      sidsBeside: [],
    };
    return new ActiveSession(sessions, host, sid, record);
  }
}

/** After its session was destroyed or unset, a request gets a new one; after a failed load, the error of that. */
async function startIn(state: RequestState | undefined): Promise<void> {
  if (state === undefined) return;
  if (statusOf(state) === 'failed') throw state.transport.errorFor(state.failure);
  startSession(state);
}

function answer<T>(result: Promise<T>, callback: Callback<T>): void {
  result.then(
    (value) => setImmediate(callback, null, value),
    (error: unknown) => setImmediate(callback, error),
  );
}
