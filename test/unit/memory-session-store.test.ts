import { describe, expect, it } from '@jest/globals';
import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import { generateSid, handleOf, newSid, type Sid } from '../../src/session/sid.js';
import type { NewSession, SessionRecord } from '../../src/session/session-record.js';
import { TERMS, created, deltaOf, entriesOf, newSession } from '../contract/session-store.contract.js';
import { sessionsOf } from '../support/sessions-of.js';
import { TestClock, TickingClock } from '../support/test-clock.js';

type Operation = (store: MemorySessionStore, sid: Sid, record: SessionRecord) => Promise<unknown>;

/** What a store and its index do with a session of "ada". */
const OPERATIONS: Record<string, Operation> = {
  find: (store, sid) => store.find(sid),
  create: (store) => store.create(generateSid(), NEW),
  'create under a taken handle': (store, sid) => store.create(sid, NEW),
  save: (store, sid, record) => store.save(sid, record, deltaOf({ n: 1 }), STORED_TERMS),
  touch: (store, sid, record) => store.touch(sid, record, STORED_TERMS),
  rotate: (store, sid, record) => store.rotate(sid, record, newSid(record.handle), { grace: 10, reauthenticated: false, age: 0 }),
  increment: (store, _sid, record) => store.increment(record, 'n', 1),
  destroy: (store, sid) => store.destroy(sid),
  'destroy of a copied session': (store, sid, record) => store.destroy(sid, record),
  describe: (store, sid) => store.describe([handleOf(sid), handleOf(sid)]),
  revoke: (store, sid) => store.revoke(handleOf(sid), { userId: 'ada', reason: 'x' }),
  'revoke of one that may come later': (store) => store.revoke(handleOf(generateSid()), { userId: 'ada', reason: 'x', mayComeLater: true }),
  compareAndSet: (store, sid) => store.compareAndSet(handleOf(sid), 'ada', 'n', () => '2'),
  endBefore: (store) => store.endBefore('ada'),
  'index.reserve': ({ index }) => index.reserve('ada', handleOf(generateSid()), { ms: 1_000 }),
  'index.confirm': ({ index }, _sid, { handle }) => index.confirm('ada', handle, { indexedAt: START + 100, endsAt: START + 60_000 }),
  'index.refresh': ({ index }, _sid, { handle }) => index.refresh('ada', { handle, indexedAt: START + 100 }, START + 60_000),
  'index.remove': ({ index }, _sid, { handle }) => index.remove('ada', [handle]),
  'index.leave': ({ index }, _sid, { handle }) => index.leave('ada', { handle, indexedAt: START }),
  'index.fence': ({ index }) => index.fence('ada', { ms: 60_000, reason: 'x' }),
  'index.page': ({ index }) => index.page('ada', { limit: 5 }),
  'index.nearest': ({ index }) => index.nearest('ada', { limit: 5 }),
};

const START = 1_800_000_000_000;
const STORED_TERMS = { ...TERMS, cookie: undefined, idle: 60_000, grace: 10 };
const NEW: NewSession = { entries: entriesOf({ n: 1 }), terms: STORED_TERMS, userId: 'ada', absolute: 60_000 };

describe('MemorySessionStore', () => {
  it('knows for five minutes why a session was ended', async () => {
    const clock = new TestClock();
    const store = sessionsOf(new MemorySessionStore({ ttl: 60 }, clock));
    const sid = await newSession(store, {}, TERMS, 'ada');
    await store.revoke(handleOf(sid), { userId: 'ada', reason: 'x' });
    clock.advance(299_000);
    // It drops what has ended when somebody comes.
    await newSession(store);
    expect(await store.find(sid)).toEqual({ endedReason: 'x' });
    clock.advance(1_100);
    expect(await store.find(sid)).toBeUndefined();
    expect(await store.create(sid, { entries: new Map(), terms: TERMS })).toMatchObject({ handle: handleOf(sid) });
  });

  it.each(Object.entries(OPERATIONS))(
    'reads its clock once in an operation, and goes by that time throughout: %s',
    async (_name, operate) => {
      const clock = new TickingClock(START);
      const store = new MemorySessionStore({ ttl: 60 }, clock);
      const sid = generateSid();
      const record = await store.create(sid, NEW);
      if (typeof record === 'string') throw new Error(record);
      await store.index.refresh('ada', { handle: record.handle, indexedAt: START }, START + 60_000);
      await store.index.fence('ada', { ms: 60_000, reason: 'x', except: { handle: record.handle, indexedAt: START } });
      const { readings } = clock;
      await operate(store, sid, record);
      expect(clock.readings).toBe(readings + 1);
    },
  );

  it('writes no time at which a session has ended, also when it is asked in the last millisecond', async () => {
    const clock = new TickingClock(START);
    const store = sessionsOf(new MemorySessionStore({ ttl: 60, absoluteTtl: 60 }, clock));
    const { sid, record } = await created(store);
    clock.readings += 59_998;
    const touched = await store.touch(sid, record, TERMS);
    expect(touched?.lastSeenAt).toBe(record.absoluteEndsAt! - 1);
    expect(await store.touch(sid, record, TERMS)).toBeUndefined();
    expect(await store.load(sid)).toBeUndefined();
  });

  it('drops names that have ended, and no other, when somebody comes', async () => {
    const clock = new TestClock();
    const store = sessionsOf(new MemorySessionStore({ ttl: 1 }, clock));
    const [short, long] = [handleOf(generateSid()), handleOf(generateSid())];
    await store.index.refresh('ada', { handle: short, indexedAt: undefined }, Date.now() + 5);
    await store.index.refresh('eve', { handle: long, indexedAt: undefined }, Date.now() + 600_000);
    clock.advance(2_000);
    await newSession(store);
    expect(await store.index.page('ada', { limit: 5 })).toEqual({ sessions: [] });
    expect((await store.index.page('eve', { limit: 5 })).sessions).toHaveLength(1);
  });
});
