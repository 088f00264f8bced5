import { describe, expect, it } from '@jest/globals';
import { SessionGoneError, SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import { ActiveSession, type SessionHost } from '../../src/session/active-session.js';
import { isIdentity } from '../../src/session/identity.js';
import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import { SessionManager } from '../../src/session/session-manager.js';
import type { Terms } from '../../src/session/session-record.js';
import { generateSid, handleOf, type Sid } from '../../src/session/sid.js';
import { until } from '../support/until.js';
import { Sessions } from '../../src/session/sessions.js';

const ADA = { id: 'ada' };
const TERMS: Terms = { idle: undefined, cookie: undefined, wholeCookie: {} };

/** As an application with the option `identity` has it: in an entry of its own, where a save can put it. */
const HOST: SessionHost = {
  generateSid,
  terms: () => TERMS,
  areTermsChanged: false,
  isIdentityEntry: false,
  sidsBeside: [],
  identityOf: (entries) => [entries.get('identity'), entries.get('passport')].find((found) => isIdentity(found)),
};

/** As with express-session, which has told the sid before it saves. */
const IN_PLACE = { takesNewSid: () => false };

const open = async (store: MemorySessionStore, sid: Sid) =>
  new ActiveSession(Sessions.of(store), HOST, sid, await Sessions.of(store).load(sid));

async function visitor(store: MemorySessionStore): Promise<Sid> {
  const sid = generateSid();
  await Sessions.of(store).create(sid, { entries: new Map(), terms: TERMS });
  return sid;
}

async function signedIn(store: MemorySessionStore): Promise<Sid> {
  const session = new ActiveSession(Sessions.of(store), HOST, generateSid());
  await session.login(ADA, []);
  return session.sid;
}

async function signInBySave(store: MemorySessionStore, sid: Sid): Promise<void> {
  const session = await open(store, sid);
  session.entries.set('passport', ADA);
  await session.save(IN_PLACE);
}

describe('the user of a session', () => {
  it('stays when a request that cannot make out the identity saves something else', async () => {
    const store = new MemorySessionStore();
    const sid = await signedIn(store);
    const before = await Sessions.of(store).load(sid);
    await store.compareAndSet(handleOf(sid), 'ada', 'identity', () => 'not as this version writes it');

    const session = await open(store, sid);
    session.entries.set('note', 1);
    await session.save();
    expect(await Sessions.of(store).load(sid)).toMatchObject({ userId: 'ada', authenticatedAt: before?.authenticatedAt });
    expect(await new SessionManager(store).count('ada')).toBe(1);
  });

  it('has none of the entries of one whose identity cannot be made out', async () => {
    const store = new MemorySessionStore();
    const sid = await signedIn(store);
    const first = await open(store, sid);
    first.entries.set('cart', 1);
    await first.save();
    await store.compareAndSet(handleOf(sid), 'ada', 'identity', () => 'not as this version writes it');

    const session = await open(store, sid);
    await session.login({ id: 'grace' }, true);
    expect(session.entries.names()).toEqual(['identity']);
  });

  it('must be the same once the identity is stored', async () => {
    const store = new MemorySessionStore();
    const documents = [
      { id: 'ada', toJSON: () => ({ _id: 'ada' }) },
      { id: 'ada', toJSON: () => ({ id: 'grace' }) },
    ];
    for (const document of documents) {
      const session = new ActiveSession(Sessions.of(store), HOST, generateSid());
      await expect(session.login(document, [])).rejects.toMatchObject({ code: 'SESSION_MISUSE' });
      expect(session.record).toBeUndefined();
    }
  });
});

describe('a sign-in by a save', () => {
  it('that is made twice at once leaves the session named, also when the second one fails', async () => {
    const store = new MemorySessionStore();
    const sid = await visitor(store);
    const second = await open(store, sid);
    await signInBySave(store, sid);

    second.entries.set('passport', ADA);
    store.save = () => Promise.reject(new SessionStoreUnavailableError('connection'));
    await expect(second.save(IN_PLACE)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
    expect((await store.index.page('ada', { limit: 10 })).sessions).toMatchObject([{ handle: handleOf(sid), isReserved: false }]);
    expect(await new SessionManager(store).revokeAll('ada')).toBe(1);
    expect(await Sessions.of(store).load(sid)).toBeUndefined();
  });

  it('that is overtaken by the end of all sessions ends its session, also when that is known too late', async () => {
    const store = new MemorySessionStore({ deadline: 20 });
    const sid = await visitor(store);
    let overtake: () => void = () => undefined;
    const overtaken = new Promise<void>((resolve) => (overtake = resolve));
    store.index.confirm = async () => {
      await overtaken;
      return { endedReason: 'revoked' };
    };
    await expect(signInBySave(store, sid)).rejects.toMatchObject({ reason: 'timeout' });
    overtake();
    await until(async () => (await Sessions.of(store).load(sid)) === undefined, 'the session has ended');
  });
});

describe('a session that is over', () => {
  it('cannot be regenerated', async () => {
    const store = new MemorySessionStore();
    const session = await open(store, await signedIn(store));
    await store.index.fence('ada', { ms: 60_000, reason: 'revoked' });
    await expect(session.supersede()).rejects.toBeInstanceOf(SessionGoneError);
  });

  it('cannot be added to', async () => {
    const store = new MemorySessionStore();
    const sid = await signedIn(store);
    const session = await open(store, sid);
    await store.destroy(sid);
    for (let attempt = 1; attempt <= 2; attempt++) await expect(session.increment('n', 1)).rejects.toBeInstanceOf(SessionGoneError);
    expect(await Sessions.of(store).load(sid)).toBeUndefined();
  });
});

describe('a sign-in whose entry cannot be confirmed', () => {
  it('can be made again', async () => {
    const store = new MemorySessionStore();
    const session = await open(store, await signedIn(store));
    const { confirm } = store.index;
    store.index.confirm = () => Promise.reject(new SessionStoreUnavailableError('connection'));
    await expect(session.login(ADA, [])).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
    store.index.confirm = confirm.bind(store.index);
    await session.login(ADA, []);
    expect(await Sessions.of(store).load(session.sid)).toMatchObject({ userId: 'ada' });
    expect(await new SessionManager(store).count('ada')).toBe(1);
  });
});

it('no name is dropped by the clock of another node', async () => {
  const store = new MemorySessionStore({ ttl: 60 });
  const sid = await signedIn(store);
  const manager = new SessionManager(store);
  Sessions.of(store).now = async () => Date.now() + 120_000;
  expect(await manager.count('ada')).toBe(0);
  Sessions.of(store).now = async () => Date.now();
  expect(await manager.count('ada')).toBe(1);
  expect(await manager.revokeAll('ada')).toBe(1);
  expect(await Sessions.of(store).load(sid)).toBeUndefined();
});
