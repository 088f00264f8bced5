import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EXIT } from '../../src/cli/exit-codes.js';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { SessionManager } from '../../src/session/session-manager.js';
import type { Handle, Sid } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { PATIENT } from '../support/connections.js';
import { runProgram, type Said } from '../support/run-program.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { signedIn, Visitor } from '../support/visitor.js';

let server: RedisServer;
let redis: OpenRedis<OwnClient>;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = await openRedis({ ...server.options, ...PATIENT }, () => undefined);
});
afterAll(async () => {
  await redis.close(1_000);
  await server.stop();
});

function open(options: StoreOptions = {}): RedisSessionStore {
  return new RedisSessionStore(redis.client, { prefix: `shop${++prefixes}:`, deadline: 60_000, ...options });
}

function run({ settings }: RedisSessionStore, ...args: string[]): Promise<Said> {
  return runProgram(args, { env: { REDIS_URL: server.url, SESSION_PREFIX: settings.prefix } });
}

/** What it prints with `--json`. */
async function ask(store: RedisSessionStore, ...args: string[]): Promise<unknown> {
  const { stdout, stderr } = await run(store, ...args, '--json');
  return stderr === '' ? JSON.parse(stdout) : { stderr };
}

const SECRETS = { cart: ['a secret of the cart'], token: 'another secret' };

/** Somebody who has put something into a session. */
async function withEntries(visitor: Visitor): Promise<Visitor> {
  await visitor.request(({ entries }) => {
    for (const [name, value] of Object.entries(SECRETS)) entries.set(name, value);
  });
  return visitor;
}

function expectNoSecret({ stdout, stderr }: Said, visitor: Visitor): void {
  expect(stdout + stderr).not.toContain(visitor.sid!.slice(22));
  expect(stdout + stderr).not.toContain('secret');
}

describe('list', () => {
  test('shows the sessions of a user as SessionManager does, the newest first', async () => {
    const store = open({ track: { ip: true, userAgent: true } });
    const [first, second] = [await signedIn(store), await signedIn(store)];
    await signedIn(store, 'grace');
    const { sessions } = await new SessionManager(store).list('ada');
    const document = await ask(store, 'list', 'ada');
    expect(document).toEqual({
      command: 'list',
      user: 'ada',
      sessions: sessions.map(({ handle, createdAt, lastSeenAt, expiresAt }) => ({
        handle,
        user: 'ada',
        createdAt: createdAt.toISOString(),
        lastSeenAt: lastSeenAt.toISOString(),
        expiresAt: expiresAt.toISOString(),
        ip: null,
        userAgent: null,
      })),
      cursor: null,
    });
    const said = await run(store, 'list', 'ada');
    expect(said.code).toBe(EXIT.fine);
    for (const { handle } of [first, second]) expect(said.stdout).toContain(handle);
    for (const visitor of [first, second]) expectNoSecret(said, visitor);
    expect((await run(store, 'list', 'nobody')).stdout).toBe(`nobody has no sessions under the prefix "${store.settings.prefix}".\n`);
  });

  test('goes on where the page before ended', async () => {
    const store = open();
    const handles = new Set<string>();
    for (let n = 0; n < 3; n++) handles.add((await signedIn(store)).handle);
    const said = await run(store, 'list', 'ada', '--limit', '2');
    const [, cursor] = /There are more: add --cursor (\S+)\n$/.exec(said.stdout) ?? [];
    const first = (await ask(store, 'list', 'ada', '--limit', '2')) as { sessions: { handle: string }[]; cursor: string };
    expect(first).toMatchObject({ cursor });
    const second = (await ask(store, 'list', 'ada', '--cursor', first.cursor)) as typeof first;
    expect(second.cursor).toBeNull();
    expect(new Set([...first.sessions, ...second.sessions].map(({ handle }) => handle))).toEqual(handles);
  });

  test('shows what a user or a browser says, and lets it do nothing to the terminal', async () => {
    const store = open();
    const user = 'ada\u001B[2J\u202E\n';
    await signedIn(store, user);
    const { stdout } = await run(store, 'list', `${user}x`);
    expect(stdout).toMatch(/^ada\\u\{1b\}\[2J\\u\{202e\}\\u\{a\}x has no sessions /);
  });

  test('refuses a cursor that it has not given', async () => {
    const { code, stderr } = await run(open(), 'list', 'ada', '--cursor', 'elsewhere');
    expect([code, stderr]).toEqual([EXIT.usage, expect.stringContaining('"cursor"')]);
  });

  test('with --revoke-before, leaves out what revokeBefore() has ended', async () => {
    const store = open({ revokeBefore: true });
    const { handle } = await signedIn(store);
    // As a failover leaves one: ended by the time, and still there.
    await store.endBefore('ada');
    expect(await ask(store, 'show', handle)).toMatchObject({ session: { handle } });
    expect(await ask(store, 'show', handle, '--revoke-before')).toMatchObject({ session: null });
    expect(await ask(store, 'list', 'ada', '--revoke-before')).toMatchObject({ sessions: [] });
  });
});

describe('show', () => {
  test('tells user, times, and names and sizes of the entries, and no value', async () => {
    const store = open();
    const visitor = await withEntries(await signedIn(store));
    const record = await store.find(visitor.sid!);
    const expected = [...(record as { entries: ReadonlyMap<string, string> }).entries].map(([name, text]) => ({
      name,
      bytes: name.length + text.length,
    }));
    const said = await run(store, 'show', visitor.handle, '--json');
    const document = JSON.parse(said.stdout) as { session: { entries: unknown[] } };
    expect(document).toMatchObject({
      command: 'show',
      session: { handle: visitor.handle, user: 'ada', idleTimeout: 1_800, ip: null, userAgent: null },
      endedReason: null,
    });
    expect(new Set(document.session.entries)).toEqual(new Set(expected));
    const text = await run(store, 'show', visitor.handle);
    for (const name of Object.keys(SECRETS)) expect(text.stdout).toContain(name);
    for (const one of [said, text]) expectNoSecret(one, visitor);
  });

  test('knows the session of a visitor, and one whose handle begins with a dash', async () => {
    const store = open();
    const visitor = await withEntries(new Visitor(store, undefined, () => `-${'x'.repeat(53)}` as Sid));
    expect(visitor.handle).toMatch(/^-/);
    expect(await ask(store, 'show', visitor.handle)).toMatchObject({ session: { handle: visitor.handle, user: null } });
    expect((await run(store, 'show', visitor.handle)).stdout).toContain('nobody has signed in');
    expect(await ask(store, 'revoke', visitor.handle)).toEqual({ command: 'revoke', revoked: true });
  });

  test('tells why a session was ended, and of none that it is not there', async () => {
    const store = open();
    const { handle } = await signedIn(store);
    await new SessionManager(store).revoke('ada', handle, 'stolen');
    const ended = await run(store, 'show', handle);
    expect([ended.code, ended.stdout]).toEqual([EXIT.notFound, expect.stringContaining('Its holder is told: stolen')]);
    expect(await ask(store, 'show', handle)).toEqual({ command: 'show', session: null, endedReason: 'stolen' });
    const none = await run(store, 'show', 'x'.repeat(22));
    expect([none.code, none.stdout]).toEqual([EXIT.notFound, 'There is no such session, or it has ended.\n']);
  });

  test('says of something else under that name that it is no session', async () => {
    const store = open();
    const handle = 'y'.repeat(43) as Handle;
    await redis.client.set(`${store.settings.prefix}${handle}`, '{"cookie":{}}');
    expect(await ask(store, 'show', handle)).toEqual({ command: 'show', session: null, endedReason: null });
  });
});

describe('revoke', () => {
  test('ends a session, whose holder learns the reason, and leaves the others', async () => {
    const store = open();
    const [one, other] = [await signedIn(store), await signedIn(store)];
    const said = await run(store, 'revoke', one.handle, '--reason', 'stolen');
    expect([said.code, said.stdout]).toEqual([EXIT.fine, `The session ${one.handle} has ended.\n`]);
    expect(await store.find(one.sid!)).toEqual({ endedReason: 'stolen' });
    expect(await new SessionManager(store).list('ada')).toMatchObject({ sessions: [{ handle: other.handle }] });
    const again = await run(store, 'revoke', one.handle);
    expect([again.code, again.stdout]).toEqual([EXIT.notFound, 'There is no such session, or it has ended.\n']);
  });

  test('refuses a reason that is no word', async () => {
    const store = open();
    const { handle, sid } = await signedIn(store);
    const { code, stderr } = await run(store, 'revoke', handle, '--reason', 'because I say so');
    expect([code, stderr]).toEqual([EXIT.usage, expect.stringContaining('must be a word')]);
    expect(await store.find(sid!)).toMatchObject({ userId: 'ada' });
    const visitor = await withEntries(new Visitor(store));
    const ofVisitor = await run(store, 'revoke', '--reason', 'because|I say so', '--', visitor.handle);
    expect([ofVisitor.code, ofVisitor.stderr]).toEqual([EXIT.usage, expect.stringContaining('must be a word')]);
    expect(await store.find(visitor.sid!)).toMatchObject({ userId: undefined });
  });
});

describe('revoke-all', () => {
  test('ends all sessions of a user, with --yes', async () => {
    const store = open();
    const visitors = [await signedIn(store), await signedIn(store), await signedIn(store, 'grace')] as const;
    expect(await ask(store, 'revoke-all', 'ada', '--yes', '--reason', 'stolen')).toEqual({
      command: 'revoke-all',
      user: 'ada',
      revoked: 2,
    });
    expect(await store.find(visitors[0].sid!)).toEqual({ endedReason: 'stolen' });
    expect(await store.find(visitors[2].sid!)).toMatchObject({ userId: 'grace' });
    expect((await run(store, 'revoke-all', 'grace', '-y')).stdout).toBe('1 of 1 sessions ended now.\n');
  });

  test('refuses without --yes where nobody can be asked, and ends nothing', async () => {
    const store = open();
    const { sid } = await signedIn(store);
    const { code, stderr } = await run(store, 'revoke-all', 'ada');
    expect([code, stderr]).toEqual([EXIT.usage, 'End 1 session of ada? Nobody can be asked here. Add --yes if you mean it.\n']);
    expect(await store.find(sid!)).toMatchObject({ userId: 'ada' });
  });
});

describe('count and stats', () => {
  test('count tells how many sessions a user has, or all have', async () => {
    const store = open();
    await signedIn(store);
    await signedIn(store, 'grace');
    const gone = await signedIn(store, 'grace');
    await withEntries(new Visitor(store));
    await new SessionManager(store).revoke('grace', gone.handle);
    await redis.client.set(`${store.settings.prefix}foreign`, 'x');
    await redis.client.set(`${store.settings.prefix}${'z'.repeat(22)}`, 'x');
    await redis.client.hset(`${store.settings.prefix}${'w'.repeat(22)}`, { a: 'x' });
    expect(await ask(store, 'count', 'grace')).toEqual({ command: 'count', user: 'grace', sessions: 1 });
    expect(await ask(store, 'count')).toEqual({ command: 'count', user: null, sessions: 3, signedIn: 2, visitors: 1 });
    expect((await run(store, 'count', 'ada')).stdout).toBe('ada has 1 session.\n');
    expect((await run(store, 'count')).stdout).toBe('3 sessions: 2 of users who have signed in, 1 of visitors.\n');
  });

  test('count takes a prefix for what it is, and not for a pattern', async () => {
    const store = open();
    await signedIn(store);
    expect(await ask({ settings: { prefix: 'shop?:' } } as RedisSessionStore, 'count')).toMatchObject({ stderr: expect.any(String) });
    expect(await ask({ settings: { prefix: 'sho' } } as RedisSessionStore, 'count')).toMatchObject({ sessions: 0 });
  });

  test('nothing found names the prefix under which it was looked for, which may be the wrong one', async () => {
    const { settings } = open();
    const nowhere = { settings: { prefix: `${settings.prefix}\u001B:` } } as RedisSessionStore;
    const named = `under the prefix "${settings.prefix}\\u{1b}:"`;
    for (const command of [
      ['list', 'ada'],
      ['count', 'ada'],
      ['count'],
      ['stats'],
      ['migration'],
      ['doctor'],
      ['revoke-all', 'ada', '--yes'],
    ])
      expect([command, (await run(nowhere, ...command)).stdout]).toEqual([command, expect.stringContaining(named)]);
    expect((await run(nowhere, 'revoke-all', 'ada')).stderr).toContain(`End 0 sessions ${named} of ada?`);
  });

  test('stats tells how many there are, how large they are, how idle, and when they end', async () => {
    const store = open({ ttl: 7_200 });
    await signedIn(store);
    await signedIn(store, 'grace');
    await withEntries(new Visitor(store));
    const large = new Visitor(store);
    await large.request(({ entries }) => entries.set('large', 'x'.repeat(10_000)));
    const document = await ask(store, 'stats');
    expect(document).toMatchObject({
      command: 'stats',
      sessions: 4,
      signedIn: 2,
      visitors: 2,
      users: 2,
      bytes: { sampled: 4 },
      endsIn: { '1 to 24 h': 4, 'over 7 d': 0 },
    });
    const { bytes, notUsedFor } = document as { bytes: Record<string, number>; notUsedFor: Record<string, number> };
    expect(bytes['largest']).toBeGreaterThan(10_000);
    expect(bytes['median']).toBeLessThan(10_000);
    expect(bytes['total']).toBeGreaterThan(bytes['largest']!);
    expect(Object.values(notUsedFor).reduce((sum, part) => sum + part)).toBe(4);
    const { stdout } = await run(store, 'stats', '--sample', '1');
    expect(stdout).toMatch(/^sessions +4$/m);
    expect(stdout).toMatch(/^ +asked +1 session$/m);
    expect(await ask(store, 'stats', '--sample', '0')).toMatchObject({ sessions: 4, bytes: null });
  });
});
