import { describe, expect, it, jest } from '@jest/globals';
import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import { generateSid, handleOf } from '../../src/session/sid.js';
import { TERMS, newSession } from '../contract/session-store.contract.js';

describe('MemorySessionStore', () => {
  it('knows for five minutes why a session was ended', async () => {
    const store = new MemorySessionStore({ ttl: 60 });
    const sid = await newSession(store, {}, TERMS, 'ada');
    await store.revoke(handleOf(sid), { userId: 'ada', reason: 'x' });
    const now = Date.now();
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => now + 299_000);
    try {
      // It drops what has ended when somebody comes.
      await newSession(store);
      expect(await store.find(sid)).toEqual({ endedReason: 'x' });
      clock.mockImplementation(() => now + 300_100);
      expect(await store.find(sid)).toBeUndefined();
      expect(await store.create(sid, { entries: new Map(), terms: TERMS })).toMatchObject({ handle: handleOf(sid) });
    } finally {
      clock.mockRestore();
    }
  });

  it('drops names that have ended, and no other, when somebody comes', async () => {
    const store = new MemorySessionStore({ ttl: 1 });
    const [short, long] = [handleOf(generateSid()), handleOf(generateSid())];
    await store.index.refresh('ada', { handle: short, indexedAt: undefined }, Date.now() + 5);
    await store.index.refresh('eve', { handle: long, indexedAt: undefined }, Date.now() + 600_000);
    const now = Date.now();
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => now + 2_000);
    try {
      await newSession(store);
      expect(await store.index.page('ada', { limit: 5 })).toEqual({ sessions: [] });
      expect((await store.index.page('eve', { limit: 5 })).sessions).toHaveLength(1);
    } finally {
      clock.mockRestore();
    }
  });
});
