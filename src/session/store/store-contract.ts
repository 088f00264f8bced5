import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EncodedEntries, EntryDelta, NewSession, SessionRecord, StoredTerms } from '../session-record.js';
import { generateSid, handleOf, hashedHandleOf, newSid, secretHashOf, type Handle, type Sid } from '../sid.js';
import type { SessionIndex } from './session-index.js';
import { STORE_PROBLEMS, type RotateOptions, type SessionStore } from './session-store.js';

/**
 * One case of what the comments of `SessionStore` and `SessionIndex` promise, for any test runner.
 *
 * @publicApi
 */
export interface StoreContractCase {
  readonly name: string;
  /** The optional member that the case is about: leave it out where the store does not have that. */
  readonly needs?: keyof SessionStore;
  /** Rejects with an `AssertionError` when the store does not keep the promise. Other sessions may be in the store. */
  run(store: SessionStore): Promise<void>;
}

const GRACE = 30_000;
const DAY = 86_400_000;
const HOLD = 50;
const REASON = 'password-changed';
/** In ms. A promise that is not kept by then is broken. */
const PATIENCE = 10_000;
const CUSTOM_SID = () => `a custom sid, ${generateSid()}` as Sid;

function terms(more: Partial<StoredTerms> = {}): StoredTerms {
  return { idle: DAY, grace: GRACE, cookie: undefined, wholeCookie: { originalMaxAge: DAY }, ...more };
}

function entriesOf(values: Record<string, unknown>): EncodedEntries {
  return new Map(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]));
}

function change(values: Record<string, unknown>, ...removed: string[]): EntryDelta {
  return { set: entriesOf(values), removed };
}

async function create(store: SessionStore, session: Partial<NewSession> = {}, sid = generateSid()) {
  const record = await store.create(sid, { entries: entriesOf({ n: 1 }), terms: terms(), absolute: undefined, ...session });
  assert.ok(typeof record === 'object', 'create() has not stored the session.');
  return { sid, record };
}

async function found(store: SessionStore, sid: Sid): Promise<SessionRecord> {
  const record = await store.find(sid);
  assert.ok(isRecord(record), 'find() has found no session.');
  return record;
}

async function isThere(store: SessionStore, sid: Sid): Promise<boolean> {
  return isRecord(await store.find(sid));
}

function isRecord(answer: Awaited<ReturnType<SessionStore['find']>>): answer is SessionRecord {
  return answer !== undefined && answer !== null && 'entries' in answer;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!(await isSo())) {
    assert.ok(performance.now() < end, `It is still not so that ${what}.`);
    await sleep(2);
  }
}

function ended(store: SessionStore, sid: Sid): Promise<void> {
  return until('the session has ended', async () => !(await isThere(store, sid)));
}

async function timeOf(store: SessionStore): Promise<number> {
  return store.clock.now() ?? (await store.clock.ask?.()) ?? assert.fail('The clock knows no time.');
}

/** Until its clock says another time, by which sessions under one handle are told apart. */
async function tick(store: SessionStore): Promise<void> {
  const before = await timeOf(store);
  await until('time has passed', async () => (await timeOf(store)) > before + 2);
}

/** Presents a secret: reads the session with it and touches. */
async function present(store: SessionStore, sid: Sid, more: Partial<StoredTerms> = {}): Promise<SessionRecord | undefined> {
  return store.touch(sid, await found(store, sid), terms(more));
}

async function rotate(store: SessionStore, sid: Sid, options: Partial<RotateOptions> = {}, record?: SessionRecord) {
  const loaded = record ?? (await found(store, sid));
  const next = newSid(loaded.handle);
  const rotation = await able(store).rotate(sid, loaded, next, { grace: GRACE, age: 0, reauthenticated: false, ...options });
  return { next, rotation };
}

/** A store that has what the case needs. */
function able(store: SessionStore) {
  return store as SessionStore &
    Required<Pick<SessionStore, 'reload' | 'rotate' | 'increment' | 'describe' | 'revoke' | 'compareAndSet' | 'endBefore'>> & {
      index: SessionIndex;
    };
}

function recordIn(answer: Awaited<ReturnType<SessionStore['find']>>): SessionRecord | undefined {
  return isRecord(answer) ? answer : undefined;
}

/** What a write has answered that must have found its session. */
function sure(record: SessionRecord | undefined): SessionRecord {
  assert.ok(record, 'The session was not found.');
  return record;
}

const basics: StoreContractCase[] = [
  {
    name: 'find answers with what was created',
    async run(store) {
      const entries = entriesOf({ cart: ['tea'], 'né {}': '🍪', '@meta': 1, '': null });
      const { sid, record } = await create(store, { entries, absolute: 2 * DAY, terms: terms({ cookie: { path: '/shop' } }) });
      assert.deepEqual(await found(store, sid), record);
      assert.equal(record.handle, store.rotate === undefined ? hashedHandleOf(sid) : handleOf(sid));
      assert.deepEqual(record.entries, entries);
      assert.deepEqual([record.idle, record.cookie, record.secret], [DAY, { path: '/shop' }, 'current']);
      assert.equal(record.absoluteEndsAt, (record.createdAt ?? 0) + 2 * DAY);
    },
  },
  {
    name: 'find changes nothing, and finds nothing under a sid that nobody has stored',
    async run(store) {
      const { sid } = await create(store);
      assert.deepEqual(await found(store, sid), await found(store, sid));
      for (const unknown of [generateSid(), CUSTOM_SID()]) assert.equal(await store.find(unknown), undefined);
    },
  },
  {
    name: 'a session of a custom sid is found by that alone',
    async run(store) {
      const { sid } = await create(store, {}, CUSTOM_SID());
      assert.ok(await isThere(store, sid));
      assert.equal(await store.find(`${sid}!` as Sid), undefined);
    },
  },
  {
    name: 'a session ends by its idle timeout, and reading does not keep it alive',
    async run(store) {
      const { sid, record } = await create(store, { terms: terms({ idle: HOLD }) });
      await ended(store, sid);
      assert.equal(await store.save(sid, record, change({ n: 2 }), terms()), undefined);
      assert.equal(await store.touch(sid, record, terms()), undefined);
      assert.equal(await store.destroy(sid), 'gone');
      assert.equal(await store.find(sid), undefined);
    },
  },
  {
    name: 'a session ends at its absolute end, which no write moves',
    async run(store) {
      const { sid, record } = await create(store, { absolute: 150 });
      let latest: SessionRecord | undefined = record;
      while (latest !== undefined) {
        assert.equal(latest.absoluteEndsAt, record.absoluteEndsAt);
        latest = latest.lastSeenAt % 2 === 0 ? await store.touch(sid, latest, terms()) : await store.save(sid, latest, change({}), terms());
      }
      assert.equal(await store.find(sid), undefined);
    },
  },
  {
    name: 'a given absolute end wins, also one that is over',
    async run(store) {
      const now = Math.floor(await timeOf(store));
      const { record } = await create(store, { absolute: DAY, absoluteEndsAt: now + 2 * DAY });
      assert.equal(record.absoluteEndsAt, now + 2 * DAY);
      const { sid } = await create(store, { absolute: DAY, absoluteEndsAt: now - 1_000 });
      await ended(store, sid);
    },
  },
  {
    name: 'create answers a repetition with "exists", and leaves the session as it is',
    async run(store) {
      const { sid, record } = await create(store);
      await store.save(sid, record, change({ n: 2 }), terms());
      const before = await found(store, sid);
      const again = { entries: entriesOf({ n: 1 }), terms: terms(), absolute: undefined };
      assert.equal(await store.create(sid, again), 'exists');
      assert.deepEqual(await found(store, sid), before);
    },
  },
  {
    name: 'create takes the sid of a session that has ended',
    async run(store) {
      const { sid } = await create(store);
      await store.destroy(sid);
      await create(store, { entries: entriesOf({ m: 1 }) }, sid);
      assert.deepEqual((await found(store, sid)).entries, entriesOf({ m: 1 }));
    },
  },
  {
    name: 'a user and the time of the sign-in are kept, and change only with a save that says so',
    async run(store) {
      const { sid, record } = await create(store, { userId: 'ада|{}', indexedAt: 1_700_000_000_000 });
      assert.deepEqual([record.userId, record.authenticatedAt, record.indexedAt], ['ада|{}', record.createdAt, 1_700_000_000_000]);
      const saved = await store.save(sid, record, change({ n: 2 }), terms());
      assert.deepEqual([saved?.userId, saved?.authenticatedAt], [record.userId, record.authenticatedAt]);
      const nobody = await store.save(sid, sure(saved), { ...change({}), userId: null }, terms());
      assert.deepEqual([nobody?.userId, nobody?.authenticatedAt], [undefined, undefined]);
      const other = await store.save(sid, sure(nobody), { ...change({}), userId: 'eve' }, terms());
      assert.deepEqual([other?.userId, other?.authenticatedAt], ['eve', other?.lastSeenAt]);
      assert.deepEqual(await found(store, sid), sure(other));
    },
  },
  {
    name: 'a sign-in keeps the time that it is given',
    async run(store) {
      const { sid } = await create(store, { userId: 'ada', authenticatedAt: 1_700_000_000_000 });
      assert.equal((await found(store, sid)).authenticatedAt, 1_700_000_000_000);
    },
  },
  {
    name: 'the device is that of the latest write that names one',
    async run(store) {
      const { sid, record } = await create(store, { terms: terms({ device: { ip: '192.0.2.7', userAgent: 'A "browser"' } }) });
      const touched = await store.touch(sid, record, terms());
      assert.deepEqual(touched?.device, { ip: '192.0.2.7', userAgent: 'A "browser"' });
      await store.touch(sid, sure(touched), terms({ device: { ip: '2001:db8::1' } }));
      assert.deepEqual((await found(store, sid)).device, { ip: '2001:db8::1' });
    },
  },
  {
    name: 'save writes what changed and nothing else, and answers as a find after it would',
    async run(store) {
      const { sid, record } = await create(store, { entries: entriesOf({ kept: 1, changed: 1, removed: 1 }) });
      const saved = await store.save(sid, record, change({ changed: 2, added: 3 }, 'removed'), terms({ idle: DAY / 2 }));
      assert.deepEqual(saved?.entries, entriesOf({ kept: 1, changed: 2, added: 3 }));
      assert.equal(saved?.idle, DAY / 2);
      assert.deepEqual(await found(store, sid), sure(saved));
    },
  },
  {
    name: 'save leaves entries as they are that others changed meanwhile',
    async run(store) {
      const { sid, record } = await create(store, { entries: entriesOf({ theirs: 1, gone: 1, mine: 1 }) });
      await store.save(sid, record, change({ theirs: 2 }, 'gone'), terms());
      const saved = await store.save(sid, record, change({ mine: 2 }), terms());
      assert.deepEqual(saved?.entries, entriesOf({ theirs: 1, gone: 1, mine: 2 }));
      assert.deepEqual((await found(store, sid)).entries, entriesOf({ mine: 2, theirs: 2 }));
    },
  },
  {
    name: 'twenty saves at once all count',
    async run(store) {
      const { sid, record } = await create(store, { entries: new Map() });
      const names = Array.from({ length: 20 }, (_, n) => `e${n}`);
      await Promise.all(names.map((name) => store.save(sid, record, change({ [name]: name }), terms())));
      assert.deepEqual(new Set((await found(store, sid)).entries.keys()), new Set(names));
    },
  },
  {
    name: 'save and touch change nothing more when they are repeated',
    async run(store) {
      const { sid, record } = await create(store);
      for (let times = 0; times < 2; times++) await store.save(sid, record, change({ n: 2 }), terms());
      for (let times = 0; times < 2; times++) await store.touch(sid, record, terms());
      assert.deepEqual((await found(store, sid)).entries, entriesOf({ n: 2 }));
    },
  },
  {
    name: 'save and touch start the idle timeout anew, and take a shorter one at once',
    async run(store) {
      for (const write of ['save', 'touch'] as const) {
        const { sid, record } = await create(store, { terms: terms({ idle: 5_000 }) });
        const written = write === 'save' ? await store.save(sid, record, change({}), terms()) : await store.touch(sid, record, terms());
        assert.ok(written !== undefined && written.lastSeenAt >= record.lastSeenAt && written.idle === DAY);
        await store.touch(sid, written, terms({ idle: HOLD }));
        await ended(store, sid);
      }
    },
  },
  {
    name: 'nothing revives a session that was ended',
    async run(store) {
      const { sid, record } = await create(store);
      assert.deepEqual(await store.destroy(sid), { userId: undefined });
      assert.equal(await store.save(sid, record, change({ n: 2 }), terms()), undefined);
      assert.equal(await store.touch(sid, record, terms()), undefined);
      assert.equal(await store.find(sid), undefined);
    },
  },
  {
    name: 'nothing writes to a later session under the same handle',
    async run(store) {
      const { sid, record } = await create(store, {}, CUSTOM_SID());
      await tick(store);
      await store.destroy(sid);
      await create(store, { entries: entriesOf({ later: 1 }) }, sid);
      assert.equal(await store.save(sid, record, change({ n: 2 }), terms({ idle: HOLD })), undefined);
      assert.equal(await store.touch(sid, record, terms({ idle: HOLD })), undefined);
      assert.equal(await store.destroy(sid, record), 'gone');
      const later = await found(store, sid);
      assert.deepEqual([later.entries, later.idle], [entriesOf({ later: 1 }), DAY]);
    },
  },
  {
    name: 'cookie attributes that others changed meanwhile stay, with their idle timeout, unless a write names others',
    async run(store) {
      const { sid, record } = await create(store);
      await store.touch(sid, record, terms({ idle: 3 * DAY, cookie: { originalMaxAge: 3 * DAY } }));
      assert.equal((await store.save(sid, record, change({}), terms()))?.idle, 3 * DAY);
      assert.deepEqual((await found(store, sid)).cookie, { originalMaxAge: 3 * DAY });
      await store.touch(sid, record, terms({ idle: 4_000, cookie: { originalMaxAge: 4_000 } }));
      const after = await found(store, sid);
      assert.deepEqual([after.idle, after.cookie], [4_000, { originalMaxAge: 4_000 }]);
    },
  },
  {
    name: 'destroy says whose session it was, and whether it was there',
    async run(store) {
      const { sid } = await create(store, { userId: 'ada' });
      assert.deepEqual(await store.destroy(sid), { userId: 'ada' });
      assert.equal(await store.destroy(sid), 'gone');
      assert.equal(await store.destroy(generateSid()), 'gone');
    },
  },
  {
    name: 'destroy of a copied session ends it only as it was copied',
    async run(store) {
      const { sid, record } = await create(store, { userId: 'ada' });
      for (const delta of [change({ n: 2 }), change({ n: 1, added: 1 }), { ...change({}, 'added'), userId: 'eve' }]) {
        await store.save(sid, record, delta, terms());
        assert.equal(await store.destroy(sid, record), 'changed');
      }
      assert.deepEqual(await store.destroy(sid, await found(store, sid)), { userId: 'eve' });
    },
  },
  {
    name: 'destroy leaves nothing behind while other writes are under way',
    async run(store) {
      const { sid, record } = await create(store);
      const writes = Array.from({ length: 6 }, (_, n) => store.save(sid, record, change({ n }), terms()));
      const destroyed = store.destroy(sid);
      await Promise.all([...writes, store.touch(sid, record, terms()), destroyed]);
      assert.equal(await store.find(sid), undefined);
    },
  },
  {
    name: 'drain resolves when the writes begun so far were answered',
    async run(store) {
      const answered: string[] = [];
      const write = create(store).then(() => answered.push('create'));
      await store.drain();
      // What has been answered reaches its caller within this turn.
      await new Promise((resolve) => void setImmediate(resolve));
      assert.deepEqual(answered, ['create']);
      await write;
    },
  },
];

const rotation: StoreContractCase[] = [
  {
    name: 'find says of a secret that is not good that it is unusable',
    needs: 'rotate',
    async run(store) {
      const { sid, record } = await create(store, { userId: 'ada' });
      assert.deepEqual(await store.find(newSid(record.handle)), { unusable: 'secret', userId: 'ada' });
      assert.equal(await store.create(newSid(record.handle), { entries: new Map(), terms: terms(), absolute: undefined }), 'taken');
      assert.ok(await isThere(store, sid));
    },
  },
  {
    name: 'rotate makes another secret good, keeps all else, and changes nothing more when it is repeated',
    needs: 'rotate',
    async run(store) {
      const { sid, record } = await create(store);
      const next = newSid(record.handle);
      const options = { grace: GRACE, age: 0, reauthenticated: false };
      const rotated = await able(store).rotate(sid, record, next, options);
      assert.equal(rotated?.rotated, true);
      assert.deepEqual(await able(store).rotate(sid, record, next, options), rotated);
      const [before, after] = [await found(store, sid), await found(store, next)];
      assert.deepEqual([before.secret, after.secret], ['previous', 'unconfirmed']);
      const { lastSeenAt, idle, entries } = record;
      assert.deepEqual([after.lastSeenAt, after.idle, after.entries], [lastSeenAt, idle, entries]);
    },
  },
  {
    name: 'the secret before ends a grace after a newer one is presented, by save or touch, and not before',
    needs: 'rotate',
    async run(store) {
      const { sid } = await create(store);
      const { next } = await rotate(store, sid);
      await store.save(sid, await found(store, sid), change({ n: 2 }), terms({ grace: 0 }));
      assert.ok(await isThere(store, sid));
      assert.equal((await present(store, next, { grace: HOLD }))?.secret, 'current');
      await ended(store, sid);
      assert.equal((await found(store, next)).secret, 'current');
    },
  },
  {
    name: 'within the grace the secret before reads and writes, and cannot prolong it',
    needs: 'rotate',
    async run(store) {
      const { sid } = await create(store);
      const { next } = await rotate(store, sid);
      await present(store, next);
      const late = await found(store, sid);
      assert.equal((await store.save(sid, late, change({ n: 2 }), terms()))?.secret, 'previous');
      assert.deepEqual((await found(store, next)).entries, entriesOf({ n: 2 }));
      assert.equal((await rotate(store, sid)).rotation?.rotated, false);
    },
  },
  {
    name: 'no rotation is made while the answer of one before may be on its way',
    needs: 'rotate',
    async run(store) {
      const { sid, record } = await create(store);
      await rotate(store, sid, {}, record);
      const { next, rotation: second } = await rotate(store, sid, {}, record);
      assert.deepEqual([second?.rotated, second?.record.secret], [false, 'previous']);
      assert.deepEqual(await store.find(next), { unusable: 'secret', userId: undefined });
    },
  },
  {
    name: 'four secrets besides the current one are remembered, and none is dropped',
    needs: 'rotate',
    async run(store) {
      const { sid } = await create(store);
      const told: Sid[] = [];
      for (let n = 0; n < 4; n++) told.push((await rotate(store, sid, { grace: 0 })).next);
      assert.equal((await rotate(store, sid, { grace: 0 })).rotation?.rotated, false);
      for (const secret of [sid, ...told]) assert.ok(await isThere(store, secret));
    },
  },
  {
    name: 'after a reauthentication none but the new secret is good, and others write no more',
    needs: 'rotate',
    async run(store) {
      const { sid, record } = await create(store, { userId: 'ada' });
      await tick(store);
      const { next, rotation: replaced } = await rotate(store, sid, { reauthenticated: true });
      assert.ok(replaced?.rotated === true && (replaced.record.authenticatedAt ?? 0) > (record.authenticatedAt ?? 0));
      assert.ok(!(await isThere(store, sid)));
      assert.equal(await store.save(sid, record, change({ n: 2 }), terms()), undefined);
      assert.equal(await store.touch(sid, record, terms()), undefined);
      assert.equal((await rotate(store, sid, {}, record)).rotation, undefined);
      assert.deepEqual((await found(store, next)).entries, entriesOf({ n: 1 }));
    },
  },
  {
    name: 'reload reads a session as it is now, whose secret was replaced meanwhile, and changes nothing',
    needs: 'reload',
    async run(store) {
      const { sid, record } = await create(store, { userId: 'ada' });
      assert.deepEqual(await able(store).reload(record), record);
      const { next } = await rotate(store, sid);
      assert.equal(recordIn(await able(store).reload(record))?.secret, 'previous');
      const presented = sure(await present(store, next, { grace: 0 }));
      assert.ok(!(await isThere(store, sid)));
      await store.save(next, presented, change({ n: 2 }), terms());
      const { lastSeenAt } = await found(store, next);
      const reloaded = recordIn(await able(store).reload(record));
      assert.deepEqual([reloaded?.entries, reloaded?.lastSeenAt, reloaded?.secret], [entriesOf({ n: 2 }), lastSeenAt, 'previous']);
      assert.equal((await found(store, next)).lastSeenAt, lastSeenAt);
      assert.ok(reloaded !== undefined && (await store.touch(sid, reloaded, terms())) !== undefined);
      await store.destroy(next);
      assert.equal(await able(store).reload(record), undefined);
    },
  },
  {
    name: 'reload of a session whose secret a reauthentication has ended finds it unusable, and of a later one under its handle none',
    needs: 'reload',
    async run(store) {
      const { sid, record } = await create(store, { userId: 'ada' });
      await tick(store);
      const { next, rotation: replaced } = await rotate(store, sid, { reauthenticated: true });
      assert.deepEqual(await able(store).reload(record), { unusable: 'secret', userId: 'ada' });
      assert.ok(
        replaced !== undefined && recordIn(await able(store).reload({ ...replaced.record, presented: secretHashOf(next) })) !== undefined,
      );
      await store.destroy(next);
      await tick(store);
      await create(store, { userId: 'ada' }, sid);
      assert.equal(await able(store).reload(record), undefined);
    },
  },
  {
    name: 'destroy ends a session whose secret was replaced meanwhile, and rotate finds none then',
    needs: 'rotate',
    async run(store) {
      const { sid, record } = await create(store);
      const { next } = await rotate(store, sid);
      await present(store, next, { grace: 0 });
      assert.deepEqual(await store.destroy(sid), { userId: undefined });
      assert.equal(await store.find(next), undefined);
      assert.equal((await rotate(store, sid, {}, record)).rotation, undefined);
    },
  },
  {
    name: 'a change of the user ends the grace',
    needs: 'rotate',
    async run(store) {
      const { sid } = await create(store);
      const { next } = await rotate(store, sid);
      await present(store, next);
      await store.save(next, await found(store, next), { ...change({}), userId: 'ada' }, terms());
      assert.ok(!(await isThere(store, sid)));
    },
  },
  {
    name: 'increment adds, counts an absent entry as 0, and all of many at once',
    needs: 'increment',
    async run(store) {
      const { sid, record } = await create(store, { entries: entriesOf({ n: 40, text: 'x', big: Number.MAX_SAFE_INTEGER }) });
      assert.equal(await able(store).increment(record, 'n', 2), 42);
      assert.equal(await able(store).increment(record, 'new', -1), -1);
      await Promise.all(Array.from({ length: 20 }, () => able(store).increment(record, 'n', 1)));
      assert.equal((await found(store, sid)).entries.get('n'), '62');
      assert.equal(await able(store).increment(record, 'text', 1), 'no integer');
      assert.equal(await able(store).increment(record, 'big', 1), 'no integer');
      await store.destroy(sid);
      assert.equal(await able(store).increment(record, 'n', 1), undefined);
    },
  },
];

const byHandle: StoreContractCase[] = [
  {
    name: 'describe tells of each session in the order asked for',
    needs: 'describe',
    async run(store) {
      const from = handleOf(generateSid());
      const { sid, record } = await create(store, { userId: 'ada', from, indexedAt: 5, terms: terms({ device: { ip: '::1' } }) });
      const { handle, createdAt, authenticatedAt, lastSeenAt } = record;
      const facts = { handle, userId: 'ada', createdAt, authenticatedAt, indexedAt: 5, from, lastSeenAt, absoluteEndsAt: undefined };
      const other = handleOf(generateSid());
      assert.deepEqual(await able(store).describe([other, handle]), [undefined, { ...facts, idle: DAY, device: { ip: '::1' } }]);
      await store.touch(sid, record, terms());
      assert.equal((await able(store).describe([handle]))[0]?.from, undefined);
    },
  },
  {
    name: 'revoke ends a session of that user alone, and its holder alone learns why',
    needs: 'revoke',
    async run(store) {
      const { sid, record } = await create(store, { userId: 'ada' });
      assert.equal(await able(store).revoke(record.handle, { userId: 'eve', reason: REASON }), false);
      assert.equal(await able(store).revoke(record.handle, { userId: 'ada', reason: REASON }), true);
      assert.equal(await able(store).revoke(record.handle, { userId: 'ada', reason: 'other' }), false);
      assert.deepEqual(await store.find(sid), { endedReason: REASON });
      if (store.reload !== undefined) assert.deepEqual(await store.reload(record), { endedReason: REASON });
      assert.equal(await store.find(newSid(record.handle)), undefined);
      assert.equal(await store.save(sid, record, change({ n: 2 }), terms()), undefined);
      assert.equal(await store.destroy(sid), 'gone');
      assert.equal(await store.create(sid, { entries: new Map(), terms: terms(), absolute: undefined }), 'taken');
      assert.deepEqual(await store.find(sid), { endedReason: REASON });
    },
  },
  {
    name: 'revoke spares a session that began or was indexed later',
    needs: 'revoke',
    async run(store) {
      const { sid, record } = await create(store, { userId: 'ada', indexedAt: 1_000 });
      const revocation = { userId: 'ada', reason: REASON };
      assert.equal(await able(store).revoke(record.handle, { ...revocation, createdBefore: record.createdAt }), false);
      assert.equal(await able(store).revoke(record.handle, { ...revocation, indexedUpTo: 999 }), false);
      assert.ok(await isThere(store, sid));
      assert.equal(await able(store).revoke(record.handle, { ...revocation, indexedUpTo: 1_000 }), true);
    },
  },
  {
    name: 'revoke of a session that may come later lets nobody store it',
    needs: 'revoke',
    async run(store) {
      const sid = generateSid();
      assert.equal(await able(store).revoke(handleOf(sid), { userId: 'ada', reason: REASON, mayComeLater: true }), false);
      assert.equal(await store.create(sid, { entries: new Map(), terms: terms(), absolute: undefined, userId: 'ada' }), 'gone');
    },
  },
  {
    name: 'compareAndSet changes an entry of a session of that user, whoever else is writing',
    needs: 'compareAndSet',
    async run(store) {
      const { sid, record } = await create(store, { userId: 'ada', entries: entriesOf({ n: 0 }) });
      const add = (text: string | undefined) => (text === undefined ? '"absent"' : String(Number(text) + 1));
      assert.equal(await able(store).compareAndSet(record.handle, 'eve', 'n', add), false);
      assert.equal(await able(store).compareAndSet(record.handle, 'ada', 'other', add), true);
      const all = await Promise.all(Array.from({ length: 5 }, () => able(store).compareAndSet(record.handle, 'ada', 'n', add)));
      assert.deepEqual(all, [true, true, true, true, true]);
      assert.deepEqual((await found(store, sid)).entries, entriesOf({ n: 5 }));
      await store.destroy(sid);
      assert.equal(await able(store).compareAndSet(record.handle, 'ada', 'n', add), false);
    },
  },
  {
    name: 'endBefore hides the sessions of that user that are there, and no later one (with store.revokeBefore)',
    needs: 'endBefore',
    async run(store) {
      const userId = generateSid();
      const { sid, record } = await create(store, { userId });
      const counts = await able(store).endBefore(userId);
      assert.ok(counts > (record.createdAt ?? 0));
      assert.equal(await store.find(sid), undefined);
      assert.equal(await store.reload?.(record), undefined);
      assert.equal(await store.destroy(sid), 'gone');
      assert.ok(await isThere(store, (await create(store, { userId })).sid));
    },
  },
];

/** A session that is made from a credential, which could come again for a day. */
async function createAdopted(store: SessionStore, session: Partial<NewSession> = {}) {
  const adoptedUntil = Math.ceil(await timeOf(store)) + DAY;
  return create(store, {
    userId: 'ada',
    authenticatedAt: 1_000_000,
    indexedAt: 1_000_000,
    adoptedUntil,
    terms: terms({ idle: 60_000 }),
    ...session,
  });
}

async function findAdopted(store: SessionStore, sid: Sid): Promise<Awaited<ReturnType<SessionStore['find']>>> {
  assert.ok(store.findAdopted !== undefined, 'The store has no findAdopted().');
  return store.findAdopted(sid);
}

const LEFT = { unusable: 'left' };

const adopted: StoreContractCase[] = [
  {
    name: 'findAdopted reads the session of a credential, whichever secret it has by now',
    needs: 'findAdopted',
    async run(store) {
      const { sid, record } = await createAdopted(store);
      assert.deepEqual(await findAdopted(store, sid), record);
      assert.deepEqual([record.authenticatedAt, record.indexedAt], [1_000_000, 1_000_000]);
      const next = newSid(record.handle);
      await store.rotate?.(sid, record, next, { grace: 0, reauthenticated: true, age: 0 });
      const later = await findAdopted(store, sid);
      assert.ok(isRecord(later) && later.secret === 'previous');
      assert.ok(await isThere(store, next));
      assert.deepEqual(await store.find(sid), { unusable: 'secret', userId: 'ada' });
      assert.equal(await findAdopted(store, generateSid()), undefined);
    },
  },
  {
    name: 'destroy of a session that was made from a credential leaves word, and nobody makes it again',
    needs: 'findAdopted',
    async run(store) {
      const { sid, record } = await createAdopted(store);
      assert.deepEqual(await store.destroy(sid), { userId: 'ada' });
      assert.deepEqual(await findAdopted(store, sid), LEFT);
      assert.deepEqual(await store.find(sid), LEFT);
      assert.equal(await store.find(newSid(record.handle)), undefined);
      assert.equal(await store.create(sid, { entries: new Map(), terms: terms(), absolute: undefined, userId: 'ada' }), 'taken');
      assert.equal(await store.destroy(sid), 'gone');
      assert.equal(await store.save(sid, record, change({ n: 2 }), terms()), undefined);
      assert.deepEqual(await able(store).describe([record.handle]), [undefined]);
    },
  },
  {
    name: 'revoke of a session that was made from a credential leaves word of the reason',
    needs: 'findAdopted',
    async run(store) {
      const { sid, record } = await createAdopted(store);
      assert.equal(await able(store).revoke(record.handle, { userId: 'ada', reason: REASON }), true);
      assert.deepEqual(await findAdopted(store, sid), { endedReason: REASON });
      assert.deepEqual(await store.find(sid), { endedReason: REASON });
      assert.equal(await able(store).revoke(record.handle, { userId: 'ada', reason: 'again' }), false);
      assert.deepEqual(await findAdopted(store, sid), { endedReason: REASON });
    },
  },
  {
    name: 'a session that has expired, or whose credential could not come again, leaves no word',
    needs: 'findAdopted',
    async run(store) {
      const { sid } = await createAdopted(store, { terms: terms({ idle: 1 }) });
      await ended(store, sid);
      assert.equal(await findAdopted(store, sid), undefined);
      const { sid: other } = await createAdopted(store, { adoptedUntil: 1_000_000 });
      await store.destroy(other);
      assert.equal(await findAdopted(store, other), undefined);
    },
  },
  {
    name: 'destroy and revoke with leavesWord tell the holder, and nobody else, for as long as the session could have lived',
    needs: 'findAdopted',
    async run(store) {
      const { sid, record } = await create(store, { userId: 'ada' });
      assert.deepEqual(await store.destroy(sid, undefined, { leavesWord: true }), { userId: 'ada' });
      assert.deepEqual(await store.find(sid), LEFT);
      assert.equal(await store.find(newSid(record.handle)), undefined);
      assert.deepEqual(await store.reload?.(record), LEFT);
      const { sid: short } = await create(store, { userId: 'ada', terms: terms({ idle: 5 }) });
      await store.destroy(short, undefined, { leavesWord: true });
      await until('the word has run out', async () => (await store.find(short)) === undefined);
      const { sid: revoked, record: other } = await create(store, { userId: 'ada' });
      await able(store).revoke(other.handle, { userId: 'ada', reason: REASON, leavesWord: true });
      assert.deepEqual(await store.find(revoked), { endedReason: REASON });
    },
  },
  {
    name: 'endBefore hides a session that was made from an earlier credential (with store.revokeBefore)',
    needs: 'findAdopted',
    async run(store) {
      if (store.endBefore === undefined || store.settings?.revokeBefore !== true) return;
      const userId = generateSid();
      const counts = await store.endBefore(userId);
      const early = await createAdopted(store, { userId, authenticatedAt: counts - 1, indexedAt: counts - 1 });
      assert.deepEqual(await findAdopted(store, early.sid), { endedReason: 'revoked' });
      assert.equal(await store.find(early.sid), undefined);
      assert.deepEqual(await able(store).describe([early.record.handle]), [undefined]);
      assert.equal(await able(store).revoke(early.record.handle, { userId, reason: REASON, createdBefore: counts }), true);
      const late = await createAdopted(store, { userId, authenticatedAt: counts, indexedAt: counts });
      assert.ok(isRecord(await findAdopted(store, late.sid)));
      assert.equal(await able(store).revoke(late.record.handle, { userId, reason: REASON, createdBefore: counts }), false);
    },
  },
];

/** A user whom no other case knows, and handles of sessions. */
function named(store: SessionStore, count: number): { index: SessionIndex; user: string; handles: Handle[] } {
  return { index: able(store).index, user: generateSid(), handles: Array.from({ length: count }, () => handleOf(generateSid())) };
}

async function confirmed(index: SessionIndex, user: string, handle: Handle, endsAt: number): Promise<number> {
  const indexedAt = await index.reserve(user, handle, { ms: 60_000 });
  assert.ok(typeof indexedAt === 'number');
  assert.equal(typeof (await index.confirm(user, handle, { indexedAt, endsAt })), 'number');
  return indexedAt;
}

const index: StoreContractCase[] = [
  {
    name: 'an entry is reserved and then confirmed, and named with the latest end first',
    needs: 'index',
    async run(store) {
      const { index: names, user, handles } = named(store, 2);
      const [first, second] = handles as [Handle, Handle];
      const now = Math.ceil(await timeOf(store));
      await confirmed(names, user, first, now + 60_000);
      await names.reserve(user, second, { ms: 600_000 });
      const { sessions, fence } = await names.page(user, { limit: 10 });
      assert.deepEqual(
        sessions.map(({ handle, isReserved }) => [handle, isReserved]),
        [
          [second, true],
          [first, false],
        ],
      );
      assert.equal(fence, undefined);
      assert.equal((await names.nearest(user, { limit: 1 }))[0]?.handle, first);
    },
  },
  {
    name: 'reserve refuses at the limit, without those that do not count',
    needs: 'index',
    async run(store) {
      const { index: names, user, handles } = named(store, 3);
      const [first, second, third] = handles as [Handle, Handle, Handle];
      await names.reserve(user, first, { ms: 60_000, limit: 1 });
      assert.equal(await names.reserve(user, second, { ms: 60_000, limit: 1 }), 'full');
      assert.equal(typeof (await names.reserve(user, first, { ms: 60_000, limit: 1 })), 'number');
      assert.equal(typeof (await names.reserve(user, second, { ms: 60_000, limit: 1, uncounted: [first] })), 'number');
      const replaces = { handle: second, indexedAt: 1 };
      assert.equal(typeof (await names.reserve(user, third, { ms: 60_000, limit: 2, replaces })), 'number');
    },
  },
  {
    name: 'a reserved entry runs out, and cannot be confirmed then',
    needs: 'index',
    async run(store) {
      const { index: names, user, handles } = named(store, 1);
      const [handle] = handles as [Handle];
      const indexedAt = Number(await names.reserve(user, handle, { ms: 5 }));
      await until('the entry has run out', async () => (await names.page(user, { limit: 1 })).sessions.length === 0);
      assert.equal(await names.confirm(user, handle, { indexedAt, endsAt: indexedAt + DAY }), 'lapsed');
    },
  },
  {
    name: 'names are refreshed and removed',
    needs: 'index',
    async run(store) {
      const { index: names, user, handles } = named(store, 2);
      const [first, second] = handles as [Handle, Handle];
      const now = Math.ceil(await timeOf(store));
      for (const handle of handles) assert.equal(await names.refresh(user, { handle, indexedAt: now }, now + 60_000), undefined);
      await names.remove(user, [first]);
      assert.equal(await names.leave(user, { handle: second, indexedAt: now }), true);
      assert.deepEqual((await names.page(user, { limit: 10 })).sessions, []);
    },
  },
  {
    name: 'a fence ends what was indexed so far, but for one, and nothing that comes later',
    needs: 'index',
    async run(store) {
      const { index: names, user, handles } = named(store, 3);
      const [old, spared, later] = handles as [Handle, Handle, Handle];
      const now = Math.ceil(await timeOf(store));
      const indexedAt = await confirmed(names, user, old, now + 60_000);
      const sparedAt = await confirmed(names, user, spared, now + 60_000);
      const fence = await names.fence(user, { ms: 60_000, reason: REASON, except: { handle: spared, indexedAt: sparedAt } });
      assert.ok(fence !== undefined && fence.indexedUpTo >= sparedAt && fence.reason === REASON);
      assert.deepEqual(await names.refresh(user, { handle: old, indexedAt }, now + 60_000), { endedReason: REASON });
      assert.equal(await names.refresh(user, { handle: spared, indexedAt: sparedAt }, now + 60_000), undefined);
      assert.deepEqual(await names.reserve(user, later, { ms: 60_000, replaces: { handle: old, indexedAt } }), { endedReason: REASON });
      assert.ok((await confirmed(names, user, later, now + 60_000)) > fence.indexedUpTo);
      const behind = await names.nearest(user, { limit: 10, fence });
      assert.deepEqual(
        behind.map(({ handle }) => handle),
        [old],
      );
      assert.equal(await names.fence(user, { ms: 60_000, reason: REASON, except: { handle: old, indexedAt } }), undefined);
      assert.equal(await names.leave(user, { handle: old, indexedAt }), false);
    },
  },
  {
    name: 'a session is indexed as of the credential that it is made from, and refused when a fence was put up since',
    needs: 'index',
    async run(store) {
      const { index: names, user, handles } = named(store, 2);
      const [early, late] = handles as [Handle, Handle];
      const fence = await names.fence(user, { ms: 60_000, reason: REASON });
      assert.ok(fence !== undefined);
      assert.deepEqual(await names.reserve(user, early, { ms: 60_000, since: fence.indexedUpTo }), { endedReason: REASON });
      assert.equal(await names.reserve(user, late, { ms: 60_000, since: fence.indexedUpTo + 1 }), fence.indexedUpTo + 1);
      await names.fence(user, { ms: 60_000, reason: REASON });
      const confirmation = { indexedAt: fence.indexedUpTo + 1, endsAt: fence.indexedUpTo + DAY };
      assert.deepEqual(await names.confirm(user, late, confirmation), { endedReason: REASON });
    },
  },
  {
    name: 'pages follow one another without a gap',
    needs: 'index',
    async run(store) {
      const { index: names, user, handles } = named(store, 5);
      const now = Math.ceil(await timeOf(store));
      for (const [n, handle] of handles.entries()) await confirmed(names, user, handle, now + 60_000 + n);
      const seen: Handle[] = [];
      let after: Parameters<SessionIndex['page']>[1]['after'];
      do {
        const { sessions } = await names.page(user, { limit: 2, after });
        seen.push(...sessions.map(({ handle }) => handle));
        after = sessions.at(-1);
      } while (after !== undefined);
      assert.deepEqual(seen, handles.toReversed());
    },
  },
];

const inspection: StoreContractCase[] = [
  {
    name: 'inspect() answers with problems that there are names for, and changes nothing',
    needs: 'inspect',
    async run(store) {
      const { sid } = await create(store);
      const problems = (await store.inspect?.()) ?? [];
      assert.deepEqual(
        problems.filter((problem) => !STORE_PROBLEMS.includes(problem)),
        [],
      );
      assert.ok(await isThere(store, sid));
    },
  },
];

/**
 * What the comments of `SessionStore` and `SessionIndex` promise, case by case:
 *
 * ```ts
 * for (const { name, needs, run } of storeContract)
 *   if (needs === undefined || needs in new MapStore()) test(name, () => run(new MapStore()));
 * ```
 *
 * @publicApi
 */
export const storeContract: readonly StoreContractCase[] = [...basics, ...rotation, ...byHandle, ...adopted, ...index, ...inspection];
