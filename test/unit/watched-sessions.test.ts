import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import { SessionManager } from '../../src/session/session-manager.js';
import type { SessionRecord } from '../../src/session/session-record.js';
import { generateSid, newSid, type Sid } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { WatchedSessions, type WatchedSession } from '../../src/session/watched-sessions.js';
import { Barrier } from '../support/barrier.js';
import { failsWith, runsAfter, ScriptedStore } from '../support/scripted-store.js';

const SECOND = 1_000;
const BOUND = 15 * SECOND;
const OUTAGE = new SessionStoreUnavailableError('connection');

/** All clocks and timers stand still until a test moves them. */
beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

interface Watching {
  readonly sid: Sid;
  readonly watched: WatchedSession;
  /** What the watcher was told. */
  readonly told: unknown[];
  leave(): void;
}

class World {
  readonly store: ScriptedStore;
  readonly manager: SessionManager;
  readonly registry: WatchedSessions;

  constructor(options: StoreOptions = {}) {
    this.store = new ScriptedStore({ logErrors: false, ...options });
    this.manager = new SessionManager(this.store);
    this.registry = this.store.sessions.watched;
  }

  async signedIn(userId = 'ada', terms: { idle?: number } = {}): Promise<{ sid: Sid; record: SessionRecord }> {
    const sid = generateSid();
    const record = await this.store.sessions.create(sid, {
      entries: new Map([['identity', JSON.stringify({ id: userId })]]),
      terms: { idle: terms.idle, cookie: undefined, wholeCookie: {} },
      userId,
    });
    await this.store.index.refresh(userId, { handle: record.handle, indexedAt: record.createdAt }, Date.now() + 86_400_000);
    return { sid, record };
  }

  watch(sid: Sid, record: SessionRecord): Watching {
    const told: unknown[] = [];
    const watcher = {
      ended: (reason: string) => told.push(reason),
      changed: ({ entries }: SessionRecord) => told.push(Object.fromEntries(entries)),
    };
    const watched = this.registry.watch({ sid, record, at: performance.now() }, watcher);
    return { sid, watched, told, leave: () => watched.leave(watcher) };
  }

  async watching(userId?: string, terms?: { idle?: number }): Promise<Watching> {
    const { sid, record } = await this.signedIn(userId, terms);
    return this.watch(sid, record);
  }

  /** As another process would, of which this one hears nothing. */
  async endElsewhere(sid: Sid): Promise<void> {
    await this.store.destroy(sid);
  }

  looks(): number {
    return this.store.calls().filter((call) => call === 'reload').length;
  }
}

describe('a watched session', () => {
  test.each<[string, (world: World, one: Watching) => Promise<unknown>, string]>([
    ['destroyed', (world, { sid }) => world.store.sessions.destroy(sid), 'ended'],
    ['revoked', (world, { watched }) => world.manager.revoke('ada', watched.handle), 'revoked'],
    ['revoked for a reason', (world, { watched }) => world.manager.revoke('ada', watched.handle, 'stolen'), 'stolen'],
    [
      'evicted',
      (world, { watched }) => world.store.sessions.revoke(watched.handle, { userId: 'ada', reason: 'evicted' }, 'evicted'),
      'evicted',
    ],
    [
      'left with an ended secret by a reauthentication',
      (world, { sid, watched }) => reauthenticate(world, sid, watched.record),
      'reauthenticated',
    ],
  ])('is over at once when it is %s here', async (_, end, reason) => {
    const world = new World();
    const one = await world.watching();
    await pass(1);
    await end(world, one);
    await pass(1);
    expect([one.told, one.watched.reason, world.registry.size]).toEqual([[reason], reason, 0]);
  });

  test('is over at once when another process tells of it, if the store says so too', async () => {
    const world = new World();
    const [one, other] = [await world.watching(), await world.watching()];
    await pass(1);
    await world.endElsewhere(one.sid);
    for (const { watched } of [one, other])
      world.store.sessions.events.emit('destroyed', { handle: watched.handle, userId: 'ada', remote: true });
    await pass(1);
    expect([one.told, other.told]).toEqual([['ended'], []]);
  });

  test.each([
    ['15 s by default', {}, BOUND],
    ['what "recheckAfter" says', { recheckAfter: 40 }, 40 * SECOND],
    ['15 s where each message asks', { recheckAfter: 0 }, BOUND],
  ])('is over within %s when nobody tells of it', async (_, options, bound) => {
    const world = new World(options);
    const all = await Promise.all(Array.from({ length: 250 }, () => world.watching()));
    await pass(bound * 1.3);
    for (const { sid } of all) await world.endElsewhere(sid);
    expect(all.every(({ told }) => told.length === 0)).toBe(true);
    await pass(bound - SECOND);
    expect(all.map(({ told }) => told)).toEqual(all.map(() => ['ended']));
    expect(world.registry.size).toBe(0);
  });

  test('is over when its time is, and the looking does not keep it alive', async () => {
    const world = new World();
    const one = await world.watching('ada', { idle: 61 * SECOND });
    await pass(61 * SECOND - 1);
    expect(one.told).toEqual([]);
    await pass(2);
    expect(one.told).toEqual(['expired']);
  });

  test('goes on when somebody touches it', async () => {
    const world = new World();
    const one = await world.watching('ada', { idle: 61 * SECOND });
    for (let n = 0; n < 3; n++) {
      await pass(30 * SECOND);
      await world.store.touch(one.sid, one.watched.record, { idle: 61 * SECOND, grace: 0, cookie: undefined, wholeCookie: {} });
    }
    expect(one.told).toEqual([]);
    await pass(62 * SECOND);
    expect(one.told).toEqual(['expired']);
  });

  test('stays while the store does not answer, and is over within the bound from when it does', async () => {
    const world = new World();
    const one = await world.watching();
    await pass(1);
    const reload = world.store.reload.bind(world.store);
    Object.assign(world.store, { reload: () => Promise.reject(OUTAGE) });
    await world.endElsewhere(one.sid);
    world.store.sessions.events.emit('destroyed', { handle: one.watched.handle });
    await pass(20 * BOUND);
    expect(one.told).toEqual([]);
    Object.assign(world.store, { reload });
    await pass(BOUND);
    expect(one.told).toEqual(['ended']);
  });

  test('keeps through a rotation, and what is written with the new secret is seen', async () => {
    const world = new World({ rotationGrace: 10 });
    const one = await world.watching();
    const next = newSid(one.watched.handle);
    await world.store.sessions.rotate(one.sid, one.watched.record, next);
    const record = (await world.store.sessions.load(next)) as SessionRecord;
    const change = { set: new Map([['cart', '["tea"]']]), removed: [] };
    await world.store.sessions.save(next, record, change, { idle: undefined, cookie: undefined, wholeCookie: {} });
    await pass(60 * SECOND);
    expect(await world.store.sessions.load(one.sid)).toBeUndefined();
    expect([one.watched.reason, one.watched.record.entries.get('cart')]).toEqual([undefined, '["tea"]']);
  });

  test('shows a changed identity within the bound, and to whoever asks at once when it was changed here', async () => {
    const world = new World();
    const one = await world.watching();
    await pass(SECOND);
    await world.manager.updateIdentity('ada', { roles: ['admin'] });
    await one.watched.freshen(BOUND);
    const identity = { identity: '{"id":"ada","roles":["admin"]}' };
    expect(one.told).toEqual([identity]);
    const other = new SessionManager(world.store);
    await other.updateIdentity('ada', { roles: [] });
    await pass(BOUND);
    expect(one.told).toEqual([identity, { identity: '{"id":"ada","roles":[]}' }]);
  });

  test('of an express store, which cannot read by handle, is looked up by its sid', async () => {
    const world = new World();
    Object.assign(world.store, { reload: undefined });
    const one = await world.watching();
    await world.endElsewhere(one.sid);
    await pass(BOUND);
    expect(one.told).toEqual(['ended']);
  });
});

describe('when things happen at the same time', () => {
  test('a session that ends while it is looked at is looked at again', async () => {
    const world = new World();
    const one = await world.watching();
    await pass(1);
    const barrier = new Barrier(1);
    world.store.next('reload', async (run) => {
      const before = await run();
      await barrier.pass();
      return before;
    });
    const look = one.watched.look();
    await world.store.sessions.destroy(one.sid);
    await pass(1);
    barrier.open();
    await look;
    expect(one.told).toEqual([]);
    await pass(1);
    expect(one.told).toEqual(['ended']);
  });

  test('a session that has ended between its load and now is over at once', async () => {
    const world = new World();
    const { sid, record } = await world.signedIn();
    await world.manager.revoke('ada', record.handle);
    const one = world.watch(sid, record);
    await pass(1);
    expect(one.told).toEqual(['revoked']);
  });

  test('who has left while it was looked at is told nothing', async () => {
    const world = new World();
    const [one, other] = [await world.watching(), await world.watching()];
    await pass(1);
    const barrier = new Barrier(1);
    world.store.next('reload', runsAfter(barrier.pass()), runsAfter(barrier.pass()));
    const looks = [one.watched.look(), other.watched.look()];
    await world.endElsewhere(one.sid);
    one.leave();
    barrier.open();
    await Promise.all(looks);
    await pass(BOUND);
    expect([one.told, other.told, world.registry.size]).toEqual([[], [], 1]);
  });

  test('who asks during a look gets a later one, and all who ask the same', async () => {
    const world = new World();
    const one = await world.watching();
    await pass(1);
    world.looks();
    const barrier = new Barrier(1);
    world.store.next('reload', runsAfter(barrier.pass()));
    const asking = [one.watched.look(), one.watched.look(), Promise.resolve(one.watched.freshen(0))];
    await pass(0);
    expect(world.looks()).toBe(1);
    barrier.open();
    await Promise.all(asking);
    expect(world.looks()).toBe(1);
  });

  test('a look that fails does not keep the next from being made', async () => {
    const world = new World();
    const one = await world.watching();
    await pass(1);
    world.store.next('reload', failsWith(OUTAGE));
    const [first, second] = [one.watched.look(), one.watched.look()];
    await expect(first).rejects.toBe(OUTAGE);
    await expect(second).resolves.toBeUndefined();
  });

  test('several who watch one session share its looks, and each is told', async () => {
    const world = new World();
    const { sid, record } = await world.signedIn();
    const all = Array.from({ length: 20 }, () => world.watch(sid, record));
    await pass(1);
    expect([world.looks(), world.registry.size]).toEqual([1, 1]);
    all[0]?.leave();
    await world.store.sessions.destroy(sid);
    await pass(1);
    expect(all.map(({ told }) => told)).toEqual([[], ...all.slice(1).map(() => ['ended'])]);
  });

  test('a watcher that throws harms no other', async () => {
    const world = new World();
    const { sid, record } = await world.signedIn();
    const throwing = {
      ended: () => {
        throw new Error('of the application');
      },
    };
    world.registry.watch({ sid, record, at: performance.now() }, throwing);
    const one = world.watch(sid, record);
    await world.store.sessions.destroy(sid);
    await pass(1);
    expect(one.told).toEqual(['ended']);
  });
});

describe('the looking', () => {
  test('is spread over the interval, in parts of at most 100', async () => {
    const world = new World();
    await Promise.all(Array.from({ length: 1_200 }, () => world.watching()));
    await pass(BOUND);
    world.looks();
    const parts: number[] = [];
    for (let n = 0; n < 60; n++) {
      await pass(200);
      parts.push(world.looks());
    }
    const total = parts.reduce((sum, part) => sum + part, 0);
    expect(Math.max(...parts)).toBeLessThanOrEqual(100);
    expect(parts.filter((part) => part > 0).length).toBeGreaterThan(10);
    expect(total).toBeGreaterThanOrEqual(1_200);
    expect(total).toBeLessThan(1_500);
  });

  test('of all that events tell of at once is done in parts of at most 100', async () => {
    const world = new World();
    const all = await Promise.all(Array.from({ length: 250 }, () => world.watching()));
    await pass(BOUND);
    world.looks();
    for (const { watched } of all) world.store.sessions.events.emit('destroyed', { handle: watched.handle });
    const parts: number[] = [];
    while (parts.reduce((sum, part) => sum + part, 0) < all.length) {
      await jest.advanceTimersToNextTimerAsync();
      parts.push(world.looks());
    }
    expect(Math.max(...parts)).toBe(100);
  });

  test('of one session happens once in an interval', async () => {
    const world = new World();
    await world.watching();
    await pass(1);
    world.looks();
    await pass(10 * BOUND);
    expect(world.looks()).toBeLessThanOrEqual(13);
  });

  test('takes one timer for all, and none and no listener when nobody watches any more', async () => {
    const world = new World();
    const before = jest.getTimerCount();
    const all = await Promise.all(Array.from({ length: 300 }, () => world.watching()));
    await pass(BOUND);
    // And that of the deadline, while an answer is waited for.
    expect(jest.getTimerCount() - before).toBeLessThanOrEqual(2);
    for (const { leave } of all) leave();
    await pass(2 * SECOND);
    expect([jest.getTimerCount() - before, world.registry.size]).toEqual([0, 0]);
    const on = jest.spyOn(world.store.sessions.events, 'on');
    await world.watching();
    expect(on).toHaveBeenCalledWith('destroyed', expect.any(Function));
  });

  test('costs nothing while what is known is fresh, and is waited for where it is not', async () => {
    const world = new World();
    const one = await world.watching();
    await pass(1);
    expect(one.watched.freshen(SECOND)).toBeUndefined();
    await pass(2 * SECOND);
    world.looks();
    await one.watched.freshen(SECOND);
    expect(world.looks()).toBe(1);
    expect(one.watched.freshen(SECOND)).toBeUndefined();
    await one.watched.freshen(0);
    expect(world.looks()).toBe(1);
    world.store.next('reload', failsWith(OUTAGE));
    await pass(2 * SECOND);
    await expect(one.watched.freshen(SECOND)).rejects.toBe(OUTAGE);
  });
});

async function reauthenticate({ store }: World, sid: Sid, record: SessionRecord): Promise<void> {
  await pass(5);
  await store.sessions.rotate(sid, record, newSid(record.handle), { reauthenticated: true });
}
