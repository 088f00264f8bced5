import { describe, expect, it, jest } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import type { ActiveSession } from '../../src/session/active-session.js';
import type { SessionIndex } from '../../src/session/store/session-index.js';
import { SessionManager } from '../../src/session/session-manager.js';
import { generateSid, handleOf } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { passes } from '../contract/session-store.contract.js';
import { Barrier } from '../support/barrier.js';
import { refusal } from '../support/refusal.js';
import { TestClock } from '../support/test-clock.js';
import { until } from '../support/until.js';
import { signedIn, Visitor } from '../support/visitor.js';
import { failsWith, hangs, runsAfter, runsWithoutAnswer, ScriptedStore, type Course } from '../support/scripted-store.js';

const UNAVAILABLE = failsWith(new SessionStoreUnavailableError('OOM'));
const UNANSWERED = { code: 'SESSION_STORE_UNAVAILABLE' };
const ONE = { maxSessionsPerUser: { limit: 1, policy: 'reject' as const } };

type IndexCall = 'reserve' | 'confirm' | 'refresh' | 'remove' | 'leave' | 'fence' | 'page' | 'nearest';

/** A store with a short deadline, whose index can be told how its next calls go. */
function start(options: StoreOptions = {}) {
  const logged: Error[] = [];
  const clock = new TestClock();
  const store = new ScriptedStore({ deadline: 200, logErrors: (error) => void logged.push(error), ...options }, clock);
  const index: SessionIndex = store.index;
  const next = (name: IndexCall, ...courses: Course[]) => {
    const call = index[name].bind(index) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(index, {
      [name]: (...args: unknown[]) => {
        const course = courses.shift();
        return course === undefined ? call(...args) : course(() => call(...args));
      },
    });
  };
  const names = async () => (await index.page('ada', { limit: 500 })).sessions.map(({ handle }) => handle);
  return { store, clock, logged, next, names, manager: new SessionManager(store) };
}

/** As with express-session, which has told the sid before it saves. */
const IN_PLACE = { takesNewSid: () => false };
const COURSES: [string, Course][] = [
  ['hangs', hangs],
  ['runs without an answer', runsWithoutAnswer],
  ['is refused', UNAVAILABLE],
];

describe('a sign-in', () => {
  describe.each(COURSES)('when its place cannot be reserved in time: the call %s', (_, course) => {
    it('rejects, stores nothing, and leaves the session before as it was', async () => {
      const { store, next, names } = start(ONE);
      const visitor = await signedIn(store);
      const before = visitor.handle;
      next('reserve', course);
      store.calls();
      const session = await visitor.arrive();
      expect(await refusal(() => session.login({ id: 'ada' }, true))).toMatchObject(UNANSWERED);
      expect(store.calls()).toEqual(['load']);
      expect([await visitor.whoami(), session.isLost]).toEqual([{ id: 'ada' }, false]);
      await until(async () => (await names()).join() === before, 'nothing but the session before is named');
      await session.login({ id: 'ada' }, true);
      expect(session.isLost).toBe(false);
    });

    it('does not count against the next try', async () => {
      const { store, next } = start(ONE);
      next('reserve', course);
      const visitor = new Visitor(store);
      expect(await refusal(() => visitor.signIn())).toMatchObject(UNANSWERED);
      await visitor.signIn();
      expect(await visitor.whoami()).toEqual({ id: 'ada' });
    });
  });

  it('that has ended the session before can be tried again, but not once somebody else has ended all', async () => {
    const { store, next, manager } = start();
    const session = await (await signedIn(store)).arrive();
    const afterRevokeAll: Course = async (run) => {
      await manager.revokeAll('ada');
      return run();
    };
    next('confirm', UNAVAILABLE, afterRevokeAll);
    const login = () => session.login({ id: 'ada' }, true);
    expect([await refusal(login), await refusal(login), await refusal(login)]).toMatchObject([
      UNANSWERED,
      { code: 'SESSION_GONE' },
      { code: 'SESSION_GONE' },
    ]);
    await until(async () => (await manager.count('ada')) === 0, 'nobody is signed in');
  });

  describe.each(COURSES)('when its place cannot be taken in time: the call %s', (_, course) => {
    it('rejects, and leaves neither session nor name', async () => {
      const { store, next, names, manager } = start();
      next('confirm', course);
      const visitor = new Visitor(store);
      expect(await refusal(() => visitor.signIn())).toMatchObject(UNANSWERED);
      await until(async () => (await names()).length === 0, 'nothing is named');
      expect(await manager.count('ada')).toBe(0);
    });

    it('by a first save can be tried again', async () => {
      const { store, next, manager } = start(ONE);
      next('confirm', course);
      const session = await new Visitor(store).arrive();
      session.entries.set('identity', { id: 'ada' });
      expect(await refusal(() => session.save())).toMatchObject(UNANSWERED);
      await session.save();
      expect((await manager.list('ada')).sessions.map(({ handle }) => handle)).toEqual([session.handle]);
      expect((await store.index.page('ada', { limit: 10 })).sessions).toMatchObject([{ isReserved: false }]);
    });

    it('by a first save rejects once somebody else has ended it', async () => {
      const { store, next, names, manager } = start();
      next('confirm', course);
      const session = await new Visitor(store).arrive();
      session.entries.set('identity', { id: 'ada' });
      expect(await refusal(() => session.save())).toMatchObject(UNANSWERED);
      expect(await manager.revokeAll('ada')).toBe(1);
      expect(await refusal(() => session.save())).toMatchObject({ code: 'SESSION_GONE' });
      expect([session.isLost, await names()]).toEqual([true, []]);
    });

    it('by a later save can be tried again', async () => {
      const { store, next, manager } = start(ONE);
      const visitor = new Visitor(store);
      await visitor.request(({ entries }) => entries.set('cart', ['tea']));
      next('confirm', course);
      const session = await visitor.arrive();
      session.entries.set('identity', { id: 'ada' });
      expect(await refusal(() => session.save(IN_PLACE))).toMatchObject(UNANSWERED);
      await session.save(IN_PLACE);
      expect((await manager.list('ada')).sessions.map(({ handle }) => handle)).toEqual([visitor.handle]);
      expect((await store.index.page('ada', { limit: 10 })).sessions).toMatchObject([{ isReserved: false }]);
    });
  });

  it.each([
    ['save', runsWithoutAnswer],
    ['confirm', hangs],
    ['confirm', UNAVAILABLE],
  ] as const)('by a later save whose %s is not answered is found by whoever ends all sessions', async (call, course) => {
    const { store, next, manager } = start({ deadline: 20 });
    const visitor = new Visitor(store);
    await visitor.request(({ entries }) => entries.set('cart', ['tea']));
    if (call === 'save') store.next(call, course);
    else next(call, course);
    const session = await visitor.arrive();
    session.entries.set('identity', { id: 'ada' });
    expect(await refusal(() => session.save(IN_PLACE))).toMatchObject(UNANSWERED);
    expect(await visitor.whoami()).toEqual({ id: 'ada' });
    await passes(store.sessions, 100); // For as long as the place was reserved, and longer.
    expect(await manager.revokeAll('ada')).toBe(1);
    expect(await visitor.whoami()).toBeUndefined();
  });

  it('by a later save that did not run leaves no name that counts', async () => {
    const { store, manager } = start({ ...ONE, deadline: 20 });
    const visitor = new Visitor(store);
    await visitor.request(({ entries }) => entries.set('cart', ['tea']));
    store.next('save', hangs);
    const session = await visitor.arrive();
    session.entries.set('identity', { id: 'ada' });
    expect(await refusal(() => session.save(IN_PLACE))).toMatchObject(UNANSWERED);
    const other = await signedIn(store);
    expect((await manager.list('ada')).sessions.map(({ handle }) => handle)).toEqual([other.handle]);
  });

  it.each([hangs, runsWithoutAnswer])('whose create is not answered leaves no new session and no name of one', async (course) => {
    const { store, names } = start();
    const visitor = await signedIn(store);
    const before = visitor.handle;
    const session = await visitor.arrive();
    store.next('create', course);
    expect(await refusal(() => session.login({ id: 'ada' }, true))).toMatchObject(UNANSWERED);
    await until(async () => (await names()).every((name) => name === before), 'no new session is named');
    expect(await new SessionManager(store).count('ada')).toBe(1);
  });

  it.each([hangs, runsWithoutAnswer])('whose destroy is not answered leaves the new session and its name', async (course) => {
    const { store, names } = start();
    const visitor = await signedIn(store);
    const session = await visitor.arrive();
    store.next('destroy', course);
    await session.login({ id: 'ada' }, true);
    await until(async () => (await names()).join() === session.handle, 'nothing but the new session is named');
    expect(await new SessionManager(store).count('ada')).toBe(1);
  });

  it('waits for nobody to drop the name of the session before', async () => {
    const { store, next } = start();
    for (const id of ['ada', 'grace']) {
      const visitor = await signedIn(store);
      next('remove', hangs);
      await visitor.signIn(id);
      expect(await visitor.whoami()).toEqual({ id });
    }
  });

  it('whose create runs when nobody waits any more is undone', async () => {
    const { store, names, manager } = start();
    let run: () => void = () => undefined;
    store.next('create', runsAfter(new Promise<void>((resolve) => (run = resolve))));
    const session = await new Visitor(store).arrive();
    expect(await refusal(() => session.login({ id: 'ada' }, true))).toMatchObject(UNANSWERED);
    run();
    await until(async () => store.sessions.events.count('destroyed') === 1 && (await names()).length === 0, 'it is undone');
    expect(await manager.count('ada')).toBe(0);
  });

  it.each(['create', 'destroy'] as const)('of a process that dies before %s is answered frees its place in a while', async (call) => {
    const { store, clock, names } = start({ ...ONE, deadline: 1_000 });
    const visitor = call === 'destroy' ? await new Visitor(store).signIn('grace') : new Visitor(store);
    // From here on the process does nothing any more: no call of it begins, and none is answered.
    const dead: ActiveSession = await visitor.arrive();
    store.next(call, hangs);
    store.next('destroy', hangs); // Nor does it undo anything when its deadline is over.
    store.index.remove = () => new Promise<never>(() => undefined);
    void dead.login({ id: 'ada' }, true).catch(() => undefined);
    await until(() => store.log.includes(call), 'the sign-in is under way');
    Reflect.deleteProperty(store.index, 'remove');
    if (call === 'create') {
      expect(await refusal(() => signedIn(store))).toMatchObject({ code: 'SESSION_REFUSED' });
      clock.advance(3_001);
      expect(await names()).toEqual([]);
      await signedIn(store);
      expect((await names()).length).toBe(1);
    } else {
      // The session is there, though nobody knows its sid; its user can end it.
      const manager = new SessionManager(store);
      expect(await manager.revokeAll('ada')).toBe(1);
      await signedIn(store);
    }
  });

  it('waits no longer than the deadline when the names of others cannot be read', async () => {
    const { store, next } = start(ONE);
    await signedIn(store);
    next('nearest', hangs);
    expect(await refusal(() => signedIn(store))).toMatchObject(UNANSWERED);
  });

  it('is not refused when another one drops the names of dead sessions just before it looks for them', async () => {
    const { store, next } = start({ maxSessionsPerUser: { limit: 2, policy: 'reject' } });
    const dead = await signedIn(store);
    await signedIn(store);
    await store.destroy(dead.sid!);
    next('nearest', async (run) => {
      await store.index.remove('ada', [dead.handle]);
      return run();
    });
    await signedIn(store);
  });

  it('in the same browser is not refused for the name of a dead session', async () => {
    const { store } = start(ONE);
    const visitor = await signedIn(store);
    const dead = store.sessions.handleOf(generateSid());
    await store.index.refresh('ada', { handle: dead, indexedAt: Date.now() }, Date.now() + 60_000);
    await visitor.signIn();
    expect(await visitor.whoami()).toEqual({ id: 'ada' });
  });

  it('beyond the limit rejects when the other session cannot be ended, so that there are never more', async () => {
    const { store, manager } = start({ maxSessionsPerUser: 1 });
    const visitor = await signedIn(store);
    await passes(store.sessions, 1);
    const revoke = store.revoke.bind(store);
    store.revoke = () => UNAVAILABLE(() => Promise.resolve(false));
    expect(await refusal(() => signedIn(store))).toMatchObject(UNANSWERED);
    store.revoke = revoke;
    await until(async () => (await manager.count('ada')) === 1, 'one is left');
    expect(await visitor.whoami()).toEqual({ id: 'ada' });
  });

  it('beyond the limit does not end itself for a session that is seen while it is under way', async () => {
    const { store, next } = start({ maxSessionsPerUser: { limit: 1, policy: 'evict-least-recent' } });
    const other = await signedIn(store);
    await passes(store.sessions, 1);
    next('confirm', async (run) => {
      await passes(store.sessions, 1);
      await other.request((session) => session.touch());
      return run();
    });
    const visitor = await signedIn(store);
    expect([await visitor.whoami(), await other.whoami()]).toEqual([{ id: 'ada' }, undefined]);
  });

  it('beyond the limit succeeds when the name of the ended session stays', async () => {
    const { store, next, logged } = start({ maxSessionsPerUser: 1 });
    const before = await signedIn(store);
    await passes(store.sessions, 1);
    next('remove', UNAVAILABLE);
    const visitor = await signedIn(store);
    expect([await visitor.whoami(), await before.whoami()]).toEqual([{ id: 'ada' }, undefined]);
    expect(logged).toHaveLength(1);
  });

  it('as another user succeeds when the name of the session before stays', async () => {
    const { store, next, logged } = start();
    const visitor = await signedIn(store);
    next('remove', UNAVAILABLE);
    await visitor.signIn('grace');
    expect([await visitor.whoami(), logged.length]).toEqual([{ id: 'grace' }, 1]);
  });
});

describe('the end of a session', () => {
  it.each<[string, (session: ActiveSession) => Promise<void>]>([
    ['destroy', (session) => session.destroy()],
    ['supersede', (session) => session.supersede()],
  ])('by %s succeeds within the deadline, whatever happens to the name', async (_, end) => {
    for (const [, course] of COURSES) {
      const { store, next, logged, manager } = start();
      const visitor = await signedIn(store);
      next('leave', course);
      const session = await visitor.arrive();
      await end(session);
      expect([session.isDestroyed, await store.sessions.load(visitor.sid!), logged.length]).toEqual([true, undefined, 1]);
      expect(await manager.list('ada')).toEqual({ sessions: [] });
    }
  });

  it('by a sign-out that only saves succeeds, whatever happens to the name', async () => {
    for (const [, course] of COURSES) {
      const { store, next, manager } = start();
      const visitor = await signedIn(store);
      next('leave', course);
      await visitor.request(({ entries }) => entries.remove('identity'));
      expect([await visitor.whoami(), await manager.count('ada')]).toEqual([undefined, 0]);
    }
  });
});

describe('a touch', () => {
  it('that is due waits for no name, and a save neither', async () => {
    for (const course of [hangs, UNAVAILABLE]) {
      const { store, next, logged } = start({ touchAfter: 0 });
      const visitor = await signedIn(store);
      next('refresh', course, course);
      await visitor.request((session) => session.touch());
      await visitor.request(({ entries }) => entries.set('n', 1));
      expect(logged.length).toBe(course === hangs ? 0 : 2);
    }
  });
});

describe('a save', () => {
  it.each([false, 10_000] as const)('that is never due for a touch keeps the session named, with absoluteTtl: %p', async (absoluteTtl) => {
    const { store, clock, names } = start({ ttl: 1_000, absoluteTtl, touchAfter: 100 });
    const visitor = await signedIn(store);
    // As after a failover: with an absolute timeout, only a name that was lost has to come back.
    if (absoluteTtl !== false) await store.index.remove('ada', [visitor.handle]);
    for (let ms = 0; ms <= 3_000_000; ms += 40_000, clock.advance(40_000)) {
      const session = await visitor.arrive();
      expect(session.isTouchDue).toBe(false);
      session.entries.set('ms', ms);
      await session.save();
      if (absoluteTtl === false || ms > 200_000) expect(await names()).toEqual([visitor.handle]);
    }
  });

  it('needs no more than one command in each period for that', async () => {
    const { store, clock } = start({ ttl: 10_000, touchAfter: 500 });
    const visitor = await signedIn(store);
    const refresh = jest.spyOn(store.index, 'refresh');
    for (let ms = 0; ms < 2_000_000; ms += 100_000, clock.advance(100_000)) await visitor.request(({ entries }) => entries.set('ms', ms));
    expect(refresh).toHaveBeenCalledTimes(3);
  });
});

describe('SessionManager', () => {
  it.each<[string, IndexCall, (manager: SessionManager, visitor: Visitor) => Promise<unknown>]>([
    ['list', 'page', (manager) => manager.list('ada')],
    ['count', 'page', (manager) => manager.count('ada')],
    ['revokeAll', 'fence', (manager) => manager.revokeAll('ada')],
    ['revokeOthers', 'fence', (manager, { handle }) => manager.revokeOthers('ada', handle)],
    ['revokeBefore', 'page', (manager) => manager.revokeBefore('ada', 1)],
    ['updateIdentity', 'page', (manager) => manager.updateIdentity('ada', { roles: [] })],
  ])('%s waits no longer than the deadline when %s is not answered', async (_, name, call) => {
    const { store, next, manager } = start({ revokeBefore: true });
    const visitor = await signedIn(store);
    for (const [, course] of COURSES) {
      next(name, course);
      expect(await refusal(() => call(manager, visitor))).toMatchObject(UNANSWERED);
    }
  });

  it.each(['describe', 'now', 'revoke', 'compareAndSet', 'endBefore'] as const)(
    'waits no longer than the deadline when the store does not answer %s',
    async (name) => {
      const { store, manager } = start({ revokeBefore: true });
      const { handle } = await signedIn(store);
      const hangs = () => new Promise<never>(() => undefined);
      if (name === 'now') Object.assign(store.clock, { now: () => undefined, ask: hangs });
      else store[name] = hangs;
      const calls = {
        describe: [() => manager.list('ada'), () => manager.get('ada', handle), () => manager.revokeOthers('ada', handle)],
        now: [() => manager.list('ada'), () => manager.revokeBefore('ada', 1)],
        revoke: [() => manager.revoke('ada', handle), () => manager.revokeAll('ada')],
        compareAndSet: [() => manager.updateIdentity('ada', { roles: [] })],
        endBefore: [() => manager.revokeBefore('ada', 1)],
      };
      for (const call of calls[name]) expect(await refusal(call)).toMatchObject(UNANSWERED);
    },
  );

  it('shows no session that has ended by the clock, though the store still has it, and leaves its name', async () => {
    const { store, manager, names } = start({ ttl: 60 });
    const { handle } = await signedIn(store);
    // As another node of a Cluster may tell.
    store.sessions.now = async () => Date.now() + 60_001;
    expect([await manager.list('ada'), await manager.get('ada', handle), await manager.count('ada')]).toEqual([
      { sessions: [] },
      undefined,
      0,
    ]);
    expect(await names()).toEqual([handle]);
  });

  it('says that a session was ended, though its name stays', async () => {
    for (const [, course] of COURSES) {
      const { store, next, manager, logged } = start();
      const [one, two] = [await signedIn(store), await signedIn(store)];
      next('remove', course);
      expect(await manager.revoke('ada', one.handle)).toBe(true);
      next('remove', course);
      expect(await manager.revokeAll('ada')).toBe(1);
      expect([await two.whoami(), logged.length, (await manager.list('ada')).sessions]).toEqual([undefined, 2, []]);
    }
  });

  it('tells of a session that was ended also when the answer comes after the deadline', async () => {
    const { store, manager } = start();
    const { handle } = await signedIn(store);
    const told: unknown[] = [];
    store.sessions.events.on('revoked', (event) => told.push(event));
    const barrier = new Barrier(1);
    const revoke = store.revoke.bind(store);
    store.revoke = async (...call) => {
      const isEnded = await revoke(...call);
      await barrier.pass();
      return isEnded;
    };
    expect(await refusal(() => manager.revoke('ada', handle, 'stolen'))).toMatchObject(UNANSWERED);
    expect(told).toEqual([]);
    barrier.open();
    await until(() => told.length > 0, 'it is told');
    expect(told).toEqual([{ handle, userId: 'ada', reason: 'stolen' }]);
    // Nothing is left to end.
    expect([await manager.revoke('ada', handle), told.length]).toEqual([false, 1]);
  });

  it('ends more sessions than one command names, while sign-ins under way give up their places', async () => {
    const { store, manager, names } = start({ deadline: 20_000 });
    for (let n = 0; n < 550; n++) await signedIn(store);
    // They end first, so they are first in the index, and all others move on when they go.
    for (let n = 0; n < 60; n++) await store.index.reserve('ada', handleOf(generateSid()), { ms: 60_000 });
    expect(await manager.count('ada')).toBe(550);
    expect(await manager.revokeAll('ada')).toBe(550);
    expect([await names(), await manager.count('ada')]).toEqual([[], 0]);
  });

  it('passes over no session that moves up in the index meanwhile, as one in use does without an absolute timeout', async () => {
    const { store, manager } = start({ absoluteTtl: false, deadline: 20_000 });
    const used = await signedIn(store);
    for (let n = 0; n < 520; n++) await signedIn(store);
    const { index } = store;
    const page = index.page.bind(index);
    let pages = 0;
    index.page = async (...call) => {
      const places = await page(...call);
      // It was on the second page.
      if (++pages === 1) await index.refresh('ada', (await store.sessions.load(used.sid!))!, Date.now() + 86_400_000);
      return places;
    };
    expect(await manager.updateIdentity('ada', { roles: [] })).toBe(521);
    expect(await used.whoami()).toEqual({ id: 'ada', roles: [] });
    pages = 0;
    expect(await manager.count('ada')).toBe(521);
  });

  it('ends the rest when it is called again after some could not be ended', async () => {
    const { store, manager } = start();
    const visitors = [await signedIn(store), await signedIn(store), await signedIn(store)];
    const revoke = store.revoke.bind(store);
    let calls = 0;
    store.revoke = (...call) => (++calls === 2 ? UNAVAILABLE(() => revoke(...call)) : revoke(...call));
    expect(await refusal(() => manager.revokeAll('ada'))).toMatchObject(UNANSWERED);
    expect(await manager.revokeAll('ada')).toBe(1);
    for (const visitor of visitors) expect(await visitor.whoami()).toBeUndefined();
  });

  it('updates what it can decode with the serializer of the store, and leaves the rest', async () => {
    const parse = (text: string): unknown => {
      if (text.includes('odd')) throw new Error('odd');
      return JSON.parse(text);
    };
    const { store, manager } = start({ serializer: { stringify: JSON.stringify, parse } });
    const visitor = await signedIn(store);
    const sid = generateSid();
    const entries = new Map([['identity', '{"id":"ada","odd":1}']]);
    await store.sessions.create(sid, { entries, terms: { idle: undefined, cookie: undefined, wholeCookie: {} }, userId: 'ada' });
    await store.index.reserve('ada', store.sessions.handleOf(sid), { ms: 60_000 });
    expect(await manager.updateIdentity('ada', { roles: [] })).toBe(1);
    expect(await visitor.whoami()).toEqual({ id: 'ada', roles: [] });
    expect((await store.sessions.load(sid))?.entries).toEqual(entries);
  });
});
