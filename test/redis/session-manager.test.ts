import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { SessionManager } from '../../src/session/session-manager.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { PATIENT } from '../support/connections.js';
import { refusal } from '../support/refusal.js';
import { commandsDuring } from '../support/command-recorder.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';
import { signedIn, Visitor } from '../support/visitor.js';
import { watchScripts } from '../support/watched-scripts.js';
import { sessionsOf, type IndexedSessions } from '../support/sessions-of.js';

let server: RedisServer;
let redis: OpenRedis<OwnClient>;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis();
  // Fifty sign-ins at once are a lot for a busy machine.
  redis = await openRedis({ ...server.options, ...PATIENT }, () => undefined);
});

afterAll(async () => {
  await redis.close(1_000);
  await server.stop();
});

describe('SessionManager with Redis', () => {
  const open = (options: StoreOptions = {}) =>
    sessionsOf(new RedisSessionStore(redis.client, { prefix: `test${++prefixes}:`, deadline: 20_000, ...options }));

  it('names a session for as long as it lives by a save after store.ttl was raised, where there is no absolute timeout', async () => {
    const before = open({ ttl: 1, absoluteTtl: false });
    const after = sessionsOf(new RedisSessionStore(redis.client, { prefix: before.settings.prefix, ttl: 600, absoluteTtl: false }));
    const began = await after.now();
    const { sid } = await signedIn(before);
    await new Visitor(after, sid).request(({ entries }) => entries.set('n', 1));
    await until(async () => (await after.now()) > began + 1_500, 'it would have ended before');
    expect(await new SessionManager(after.store).revokeAll('ada')).toBe(1);
  });

  it('costs a sign-in two commands more than the session itself, a third one that nobody waits for, and a sign-out one', async () => {
    const store = open();
    // So that no script has to be sent as a text.
    const known = await signedIn(store);
    await known.signIn('grace');
    await known.request((session) => session.destroy());
    const scripts = (count: number) => Array.from({ length: count }, () => 'evalsha');

    const visitor = new Visitor(store);
    expect(await commandsDuring(server, store, () => visitor.signIn())).toEqual(scripts(3)); // reserve, create, confirm
    const guest = new Visitor(store);
    await guest.request(({ entries }) => entries.set('cart', ['tea']));
    const arrived = await guest.arrive();
    expect(await commandsDuring(server, store, () => arrived.login({ id: 'ada' }, true))).toEqual(scripts(4)); // and destroy
    const session = await visitor.arrive();
    expect(await commandsDuring(server, store, () => session.login({ id: 'ada' }, true))).toEqual(scripts(5)); // and forget
    expect(await commandsDuring(server, store, () => session.login({ id: 'grace' }, true))).toEqual(scripts(5));
    expect(await commandsDuring(server, store, () => session.destroy())).toEqual(scripts(2));
    expect(await commandsDuring(server, store, () => store.load(arrived.sid))).toEqual(['hgetall']);
  });

  it('costs a sign-in no more with a limit that is not reached', async () => {
    for (const policy of ['evict-oldest', 'reject'] as const) {
      const store = open({ maxSessionsPerUser: { limit: 3, policy } });
      await signedIn(store);
      expect(await commandsDuring(server, store, () => signedIn(store))).toEqual(['evalsha', 'evalsha', 'evalsha']);
    }
  });

  it('costs a visitor nothing', async () => {
    const store = open();
    const visitor = new Visitor(store);
    await visitor.request(({ entries }) => entries.set('cart', []));
    expect(await commandsDuring(server, store, () => visitor.request(({ entries }) => entries.set('cart', ['tea'])))).toEqual([
      'hgetall',
      'evalsha',
    ]);
  });

  it('gives the index of a user the time to live of the session that can live longest', async () => {
    const store = open({ ttl: 60, absoluteTtl: 3_600 });
    const key = `${store.settings.prefix}user:ada`;
    const visitor = await signedIn(store);
    expect(await server.client().pexpiretime(key)).toBe((await store.load(visitor.sid!))?.absoluteEndsAt);
    const other = new Visitor(store);
    await other.request((session) => session.login({ id: 'ada' }, true, 7_200_000));
    expect(await server.client().pexpiretime(key)).toBe((await store.load(other.sid!))?.absoluteEndsAt);
  });

  it('leaves no index where the last session has gone, and after revokeAll what tells of it, as long as a session could live', async () => {
    const store = open({ ttl: 60, absoluteTtl: 600 });
    const key = `${store.settings.prefix}user:ada`;
    await (await signedIn(store)).request((session) => session.destroy());
    expect(await server.client().exists(key)).toBe(0);
    await signedIn(store);
    await new SessionManager(store.store).revokeAll('ada');
    expect(await server.client().zrange(key, 0, '-1')).toEqual([expect.stringMatching(/^!\d+\.00\|\|revoked$/)]);
    expect(await server.client().pttl(key)).toBeGreaterThan(590_000);
    expect(await server.client().pttl(key)).toBeLessThanOrEqual(600_001);
  });

  describe('with 10,000 sessions of one user', () => {
    const MANY = 10_000;
    /** Copies of one session, made at once. */
    const COPY = `
      for n = 1, ARGV[2] do
        local handle = string.format('%022d', n)
        redis.call('COPY', KEYS[1], ARGV[1] .. handle)
        -- A little before the session that they are copies of, which is then the last to be evicted, whatever its handle.
        redis.call('ZADD', KEYS[2], ARGV[3] - 1, handle)
      end
      -- And places of sign-ins under way, which come first in the index and are taken away.
      local now = redis.call('TIME')[1]
      for n = 1, 60 do redis.call('ZADD', KEYS[2], now + 3600 .. '000.5', string.format('reserved%014d', n)) end
      redis.call('PEXPIREAT', KEYS[2], ARGV[3])`;

    async function withMany() {
      const replies: number[] = [];
      const client = watchScripts(redis.client, {
        after: (_key, reply) => replies.push(Array.isArray(reply) ? reply.length : 1),
      });
      const prefix = `test${++prefixes}:`;
      const store = sessionsOf(new RedisSessionStore(client, { prefix, deadline: 20_000 }));
      const visitor = await signedIn(store);
      const { absoluteEndsAt } = (await store.load(visitor.sid!))!;
      await server.client().eval(COPY, 2, prefix + visitor.handle, `${prefix}user:ada`, prefix, MANY - 1, absoluteEndsAt!);
      await store.drain();
      replies.length = 0;
      return { store, visitor, replies, manager: new SessionManager(store.store) };
    }

    async function countsOf(store: IndexedSessions, call: () => Promise<unknown>): Promise<Record<string, number>> {
      await store.drain();
      const before = await server.commandCounts();
      await call();
      await store.drain();
      const after = await server.commandCounts();
      const names = ['evalsha', 'hmget', 'hgetall', 'zrem'];
      return Object.fromEntries(names.map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)]));
    }

    it('lists a page of them by reading that page', async () => {
      const { store, manager, replies } = await withMany();
      const seen = new Set<string>();
      let cursor: string | undefined;
      const counts = await countsOf(store, async () => {
        for (let page = 0; page < 3; page++) {
          const listed = await manager.list('ada', { limit: 50, cursor });
          for (const { handle } of listed.sessions) seen.add(handle);
          ({ cursor } = listed);
        }
      });
      expect([seen.size, counts]).toEqual([150, { evalsha: 3, hmget: 150, hgetall: 0, zrem: 0 }]);
      expect(replies).toHaveLength(3);
      expect(Math.max(...replies)).toBeLessThanOrEqual(5 + 2 * 50);
    });

    it('counts them and ends all but one, a part at a time', async () => {
      const { store, visitor, manager, replies } = await withMany();
      expect(await manager.count('ada')).toBe(MANY);
      expect(replies.length).toBeGreaterThanOrEqual(MANY / 500);
      expect(Math.max(...replies)).toBeLessThanOrEqual(5 + 2 * 500);
      let mostAtOnce = 0;
      let now = 0;
      const revoke = store.revoke.bind(store);
      store.revoke = async (...call) => {
        mostAtOnce = Math.max(mostAtOnce, ++now);
        return revoke(...call).finally(() => now--);
      };
      let ended = 0;
      const counts = await countsOf(store, async () => {
        ended = await manager.revokeOthers('ada', visitor.handle);
      });
      expect([ended, mostAtOnce]).toEqual([MANY - 1, 100]);
      // Each by its script; found by the 500; names dropped by the 100; and the fence.
      expect(counts['evalsha']).toBeLessThanOrEqual(MANY + 60 + Math.ceil(MANY / 500) + 1 + Math.ceil(MANY / 100) + 1 + 1);
      expect(counts['zrem']).toBeLessThanOrEqual(MANY / 100 + 1);
      expect(Math.max(...replies)).toBeLessThanOrEqual(5 + 2 * 500);
      expect((await manager.list('ada')).sessions.map(({ handle }) => handle)).toEqual([visitor.handle]);
    });

    it.each(['evict-oldest', 'evict-least-recent'] as const)(
      'a sign-in does a bounded part of what a limit asks that was switched on, and makes progress each time, with %s',
      async (policy) => {
        const { store, visitor, replies } = await withMany();
        Object.assign(store.settings, { maxSessionsPerUser: { limit: 5, policy } });
        const names = () => server.client().zcard(`${store.settings.prefix}user:ada`);
        for (let nth = 1; nth <= 3; nth++) {
          const before = await names();
          const counts = await countsOf(store, async () => void (await signedIn(store)));
          expect(counts['hmget']).toBeLessThanOrEqual(100);
          expect(counts['evalsha']).toBeLessThanOrEqual(3 + 1 + 100 + 1);
          // The new one, and a hundred less.
          expect(await names()).toBeLessThanOrEqual(before + 1 - 100);
        }
        expect(Math.max(...replies)).toBeLessThanOrEqual(2 + 2 * 1_000);
        expect(await visitor.whoami()).toEqual({ id: 'ada' });
      },
    );

    it('a sign-in is refused without looking at all of them', async () => {
      const { store } = await withMany();
      Object.assign(store.settings, { maxSessionsPerUser: { limit: 5, policy: 'reject' } });
      const counts = await countsOf(store, async () =>
        expect(await refusal(() => signedIn(store))).toMatchObject({ code: 'SESSION_REFUSED' }),
      );
      expect(counts['hmget']).toBeLessThanOrEqual(1_000);
      expect(counts['evalsha']).toBeLessThanOrEqual(2 + 1 + 10);
    });
  });
});
