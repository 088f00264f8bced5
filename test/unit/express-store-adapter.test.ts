import { describe, expect, test } from '@jest/globals';
import { ExpressStoreAdapter, type ExpressStore } from '../../src/express-session/express-store-adapter.js';
import { generateSid } from '../../src/session/sid.js';
import { Sessions } from '../../src/session/sessions.js';

const never = () => undefined;
const SILENT = { get: never, set: never, destroy: never, touch: never } as unknown as ExpressStore;

describe('a wrapped store that never calls back', () => {
  test('keeps nobody waiting for longer than the deadline', async () => {
    const store = Sessions.of(new ExpressStoreAdapter(SILENT, { deadline: 20 }));
    const terms = { idle: undefined, cookie: undefined, wholeCookie: {} };
    const calls = [store.find(generateSid()), store.create(generateSid(), { entries: new Map(), terms }), store.destroy(generateSid())];
    const reasons = await Promise.all(calls.map((call) => call.catch((error: { reason: string }) => error.reason)));
    expect(reasons).toEqual(['timeout', 'timeout', 'timeout']);
    expect(await store.drain()).toBeUndefined();
  });
});
