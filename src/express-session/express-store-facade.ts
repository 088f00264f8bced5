import type { IncomingMessage } from 'node:http';
import { Store, type SessionData } from 'express-session';
import { answerWithin } from '../session/deadline.js';
import { ActiveSession, type SessionHost } from '../session/active-session.js';
import { IDENTITY_ENTRY } from '../session/identity.js';
import type { Sid } from '../session/sid.js';
import { behind, changeProbeOf } from './change-probe.js';
import { answerCall } from '../http/request/session-members.js';
import { SessionExchange } from '../http/request/session-exchange.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';

type CreateSession = Parameters<Store['createSession']>;
type Callback<T = void> = (error?: unknown, value?: T) => void;

/**
 * What express-session calls its store, over a `SessionStore`. The session on the request saves itself, by deltas, so express-session's
 * own `set` is not on that path; it is here for code that works on `req.sessionStore`.
 *
 * Never emits `disconnect`: express-session would let requests pass without a session.
 */
export class ExpressStoreFacade extends Store {
  #arriving: SessionExchange | undefined;
  #leaving: SessionExchange | undefined;

  constructor(private readonly runtime: SessionRuntime) {
    super();
  }

  /** Names the exchange whose session express-session is about to ask for, in the same turn of the event loop; then that none is. */
  arrive(exchange: SessionExchange | undefined): void {
    this.#arriving = exchange;
  }

  /** Names the exchange whose response express-session is about to end, as `arrive` does. */
  leave(exchange: SessionExchange | undefined): void {
    this.#leaving = exchange;
  }

  /** express-session assigns its own way to make a session; ours makes them with their rules. */
  get generate(): (request: IncomingMessage) => void {
    return (request) => SessionExchange.of(request)?.install();
  }

  set generate(_theirs: (request: IncomingMessage) => void) {
    // Not used, see the getter.
  }

  override get(sid: string, callback: Callback<SessionData | null>): void {
    const { current, loaded } = this.#arriving ?? {};
    if (this.#arriving === undefined) answer(this.#read(sid as Sid), callback);
    else callback(null, current === undefined || loaded === undefined ? null : (changeProbeOf(current) as SessionData));
  }

  override createSession(...[request, session]: CreateSession): ReturnType<Store['createSession']> {
    if (behind(session) !== undefined) SessionExchange.of(request)?.install();
    return session as ReturnType<Store['createSession']>;
  }

  override regenerate(request: IncomingMessage, callback: (error?: unknown) => unknown): void {
    const exchange = SessionExchange.of(request);
    const { current } = exchange ?? {};
    if (current === undefined) answer(startIn(exchange), (error) => void callback(error));
    else answerCall(current, current.regenerate(), callback);
  }

  override set(sid: string, data: SessionData, callback: Callback = () => undefined): void {
    answer(this.#write(sid as Sid, data), callback);
  }

  /** Called at the end of each request that changed nothing. Nobody waits for the touch. */
  override touch(_sid: string, session: SessionData, callback: () => void = () => undefined): void {
    this.#touch(behind(session)?.active).catch((error: unknown) => this.runtime.logError(error));
    callback();
  }

  async #touch(active: ActiveSession | undefined): Promise<void> {
    if (active?.isTouchDue === true) await active.save();
  }

  override destroy(sid: string, callback: Callback = () => undefined): void {
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
    const { store } = this.runtime;
    await answerWithin(this.#leaving?.timeLeft ?? store.settings.deadline, store.destroy(sid));
  }

  async #open(sid: Sid): Promise<ActiveSession | null> {
    const { store } = this.runtime;
    const record = await answerWithin(store.settings.deadline, store.load(sid));
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
    return new ActiveSession(store, host, sid, record);
  }
}

/** After its session was destroyed or unset, a request gets a new one; after a failed load, the error of that. */
async function startIn(exchange: SessionExchange | undefined): Promise<void> {
  if (exchange?.session === undefined || exchange.session === null) exchange?.start();
}

function answer<T>(result: Promise<T>, callback: Callback<T>): void {
  result.then(
    (value) => setImmediate(callback, null, value),
    (error: unknown) => setImmediate(callback, error),
  );
}
