import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EXIT } from '../../src/cli/exit-codes.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { hashedHandleOf, type Sid } from '../../src/session/sid.js';
import { runProgram, type Said } from '../support/run-program.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

function run(prefix: string, ...args: string[]): Promise<Said> {
  return runProgram(['migration', ...args], { env: { REDIS_URL: server.url, SESSION_PREFIX: prefix } });
}

/** As connect-redis keeps it. */
async function keep(prefix: string, sid: string, entries: object): Promise<void> {
  const cookie = { originalMaxAge: null, expires: null, httpOnly: true, path: '/' };
  await server.client().set(`${prefix}${sid}`, JSON.stringify({ cookie, ...entries }), 'EX', 600);
}

test('migration --convert brings back no session that revokeBefore() has ended, by whatever it was used since', async () => {
  const prefix = 'ended:sess:';
  const [ada, grace] = ['a', 'b'].map((letter) => letter.repeat(32) as Sid);
  const store = new RedisSessionStore(server.client(), { prefix, revokeBefore: true, deadline: 60_000 });
  await store.endBefore('ada');
  await keep(prefix, ada!, { identity: { id: 'ada' } });
  await keep(prefix, grace!, { identity: { id: 'grace' } });
  const { code, stdout } = await run(prefix, '--convert', '--yes', '--rate', '1000', '--ttl', '600');
  expect([code, stdout]).toEqual([
    EXIT.fine,
    '1 session converted; 1 ended or converted by a request meanwhile, 0 failed, 0 strings are no sessions.\n',
  ]);
  expect(await store.find(ada!)).toBeUndefined();
  expect(await store.find(grace!)).toMatchObject({ userId: 'grace' });
});

test('migration counts the strings that are left, and --convert makes sessions of them, with their users', async () => {
  const prefix = 'shop:sess:';
  const sids = ['a', 'b', 'c'].map((letter) => letter.repeat(32) as Sid);
  for (const sid of sids) await keep(prefix, sid, { passport: { user: 'ada' } });
  await server.client().set(`${prefix}${'d'.repeat(32)}`, 'no session', 'EX', 600);
  expect(JSON.parse((await run(prefix, '--json')).stdout)).toEqual({ command: 'migration', left: 3, sealed: 0, unreadable: 1 });
  expect(await run(prefix)).toMatchObject({ stdout: '3 sessions of connect-redis left. Strings that are no sessions: 1.\n', stderr: '' });

  const unasked = await run(prefix, '--convert');
  expect(unasked).toMatchObject({ code: EXIT.usage, stderr: expect.stringContaining('Add --yes if you mean it.') });
  const { code, stdout } = await run(prefix, '--convert', '--yes', '--rate', '1000', '--identity', 'passport.user', '--json');
  expect([code, JSON.parse(stdout)]).toEqual([EXIT.fine, { command: 'migration', converted: 3, unreadable: 1, gone: 0, failed: 0 }]);
  for (const sid of sids) expect(await server.client().type(`${prefix}${hashedHandleOf(sid)}`)).toBe('hash');
  const list = await runProgram(['list', 'ada', '--json'], { env: { REDIS_URL: server.url, SESSION_PREFIX: prefix } });
  expect((JSON.parse(list.stdout) as { sessions: object[] }).sessions).toHaveLength(3);
  expect(JSON.parse((await run(prefix, '--json')).stdout)).toMatchObject({ left: 0 });
});

test('migration --convert lets sessions live as the application does, also without an absolute timeout', async () => {
  const prefix = 'long:sess:';
  const sid = 'a'.repeat(32) as Sid;
  await keep(prefix, sid, { identity: { id: 'ada' } });
  expect(await run(prefix, '--convert', '--yes', '--absolute-ttl', 'never')).toMatchObject({
    code: EXIT.usage,
    stderr: expect.stringContaining('--absolute-ttl must be a whole number from 1 to 3155760000, or false.'),
  });
  await run(prefix, '--convert', '--yes', '--ttl', '86400', '--absolute-ttl', 'false');
  const said = await runProgram(['show', hashedHandleOf(sid), '--json'], { env: { REDIS_URL: server.url, SESSION_PREFIX: prefix } });
  expect(JSON.parse(said.stdout)).toMatchObject({ session: { idleTimeout: 86_400, absoluteEndsAt: null } });
});

test('show says of a converted session that nobody knows when its user signed in', async () => {
  const prefix = 'since:sess:';
  const sid = 'a'.repeat(32) as Sid;
  await keep(prefix, sid, { identity: { id: 'ada' } });
  await run(prefix, '--convert', '--yes');
  const show = (...more: string[]) =>
    runProgram(['show', hashedHandleOf(sid), ...more], { env: { REDIS_URL: server.url, SESSION_PREFIX: prefix } });
  expect((await show()).stdout).toMatch(/^signed in +not known/m);
  expect(JSON.parse((await show('--json')).stdout)).toMatchObject({ session: { user: 'ada', authenticatedAt: null } });
});
