import { describe, expect, it } from '@jest/globals';
import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import { generateSid, handleOf } from '../../src/session/sid.js';
import { TERMS, newSession } from '../contract/session-store.contract.js';
import { sessionsOf } from '../support/sessions-of.js';
import { TestClock } from '../support/test-clock.js';

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
