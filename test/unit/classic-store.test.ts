import { describe, expect, test } from '@jest/globals';
import { ClassicSessionStore, type ExpressSessionStoreLike } from '../../src/express-session/classic-session-store.js';
import { generateSid } from '../../src/session/sid.js';

const never = () => undefined;
const SILENT = { get: never, set: never, destroy: never, touch: never } as unknown as ExpressSessionStoreLike;

describe('a wrapped store that never calls back', () => {
  test('keeps nobody waiting for longer than the deadline', async () => {
    const store = new ClassicSessionStore(SILENT, { deadline: 20 });
    const lease = { idle: undefined, cookie: undefined, wholeCookie: {} };
    const calls = [store.find(generateSid()), store.create(generateSid(), { entries: new Map(), lease }), store.destroy(generateSid())];
    const reasons = await Promise.all(calls.map((call) => call.catch((error: { reason: string }) => error.reason)));
    expect(reasons).toEqual(['timeout', 'timeout', 'timeout']);
    expect(await store.settled()).toBeUndefined();
  });
});
