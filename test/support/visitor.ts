import { ActiveSession, type SessionHost } from '../../src/session/active-session.js';
import { isIdentity } from '../../src/session/identity.js';
import { Sessions } from '../../src/session/sessions.js';
import type { SessionStore } from '../../src/session/store/session-store.js';
import { generateSid, type Handle, type Sid } from '../../src/session/sid.js';

type Operation<T> = (session: ActiveSession) => T | Promise<T>;

/** Somebody with a browser, as far as a store and its sessions see one: keeps the sid that the last answer told. */
export class Visitor {
  readonly sessions: Sessions;

  constructor(
    store: SessionStore | Sessions,
    public sid?: Sid,
    /** What `session.genid` would make. */
    private readonly genid: () => Sid = generateSid,
  ) {
    this.sessions = Sessions.of(store);
  }

  /** Of the session that it has a cookie of. */
  get handle(): Handle {
    if (this.sid === undefined) throw new Error('This visitor has no session.');
    return this.sessions.handleOf(this.sid);
  }

  /** The same browser in another request. */
  clone(): Visitor {
    return new Visitor(this.sessions, this.sid, this.genid);
  }

  /** A request that has found its session, or begins a new one. */
  async arrive(): Promise<ActiveSession> {
    const host: SessionHost = {
      generateSid: () => this.genid(),
      terms: () => ({ idle: undefined, cookie: undefined, wholeCookie: {} }),
      areTermsChanged: false,
      isIdentityEntry: true,
      sidsBeside: [],
      identityOf: (entries) => {
        const identity = entries.get('identity');
        return isIdentity(identity) ? identity : undefined;
      },
    };
    const record = this.sid === undefined ? undefined : await this.sessions.load(this.sid);
    return new ActiveSession(this.sessions, host, record === undefined ? this.genid() : this.sid!, record);
  }

  /** Does it in a request, with the end that a request has: what changed is stored, and then the client is told the sid. */
  async request<T>(operation: Operation<T>): Promise<T> {
    const session = await this.arrive();
    const result = await operation(session);
    await this.depart(session);
    return result;
  }

  async depart(session: ActiveSession): Promise<void> {
    if (session.isChanged || session.isTouchDue) await session.save();
    if (session.isDestroyed) this.sid = undefined;
    else if (!session.isLost && session.record !== undefined) this.sid = session.sid;
  }

  async signIn(id: string | number = 'ada', more: object = {}): Promise<this> {
    await this.request((session) => session.login({ id, ...more }, true));
    return this;
  }

  /** Who the next request would find signed in. */
  async whoami(): Promise<unknown> {
    const session = await this.arrive();
    return session.entries.get('identity');
  }
}

/** A browser that has signed in. */
export function signedIn(store: SessionStore | Sessions, id: string | number = 'ada', more: object = {}): Promise<Visitor> {
  return new Visitor(store).signIn(id, more);
}
