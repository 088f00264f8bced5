import { describe, expect, test } from '@jest/globals';
import expressSession from 'express-session';
import { ExpressStoreAdapter, type ExpressStore } from '../../src/express-session/express-store-adapter.js';
import type { SessionRecord } from '../../src/session/session-record.js';
import { generateSid } from '../../src/session/sid.js';
import { Sessions } from '../../src/session/sessions.js';
import { TickingClock } from '../support/test-clock.js';

const SID = generateSid();
const never = () => undefined;
const SILENT = { get: never, set: never, destroy: never, touch: never } as unknown as ExpressStore;

describe('a wrapped store that never calls back', () => {
  test('keeps nobody waiting for longer than the deadline', async () => {
    const store = Sessions.of(new ExpressStoreAdapter(SILENT, { deadline: 20 }));
    const terms = { idle: undefined, cookie: undefined, wholeCookie: {} };
    const calls = [
      store.find(generateSid()),
      store.create(generateSid(), { entries: new Map(), terms, absolute: undefined }),
      store.destroy(generateSid()),
    ];
    const reasons = await Promise.all(calls.map((call) => call.catch((error: { reason: string }) => error.reason)));
    expect(reasons).toEqual(['timeout', 'timeout', 'timeout']);
    expect(await store.drain()).toBeUndefined();
  });
});

describe('a wrapped store', () => {
  const terms = { idle: 60_000, grace: 0, cookie: undefined, wholeCookie: { originalMaxAge: 60_000 } };

  test.each<[string, (store: ExpressStoreAdapter) => Promise<SessionRecord>]>([
    ['create', (store) => store.create(SID, { entries: new Map(), terms, absolute: undefined })],
    ['save', async (store) => store.save(SID, await created(store), { set: new Map(), removed: [] }, terms)],
    ['touch', async (store) => store.touch(SID, await created(store), terms)],
  ])('says a session to be last seen when it was by what is stored, however long the store takes: %s', async (_name, write) => {
    const store = new ExpressStoreAdapter(new expressSession.MemoryStore());
    Object.assign(store, { clock: new TickingClock(Date.now()) });
    const { lastSeenAt } = await write(store);
    expect(await store.find(SID)).toMatchObject({ lastSeenAt });
  });

  function created(store: ExpressStoreAdapter): Promise<SessionRecord> {
    return store.create(SID, { entries: new Map(), terms, absolute: undefined });
  }
});
