import { access, mkdtemp, rm } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis } from '../../test/support/start-redis.js';
import { until } from '../../test/support/until.js';
import { inRedis, startDemo, startDemoWithoutWaiting } from './start-sample.js';

const LOCAL = Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));
/** Not every machine has IPv6. */
const LOOPBACK = ['127.0.0.1', '::1'].filter((address) => LOCAL.includes(address));

const LOVELACE = { username: 'ada', password: 'lovelace' };

describe('npm run demo', () => {
  const cleanups: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  async function emptyRedis() {
    const redis = await startRedis();
    cleanups.push(() => redis.stop());
    return redis;
  }

  test('brings a Redis of its own, says how to see the sessions, and takes it away at Ctrl-C', async () => {
    const demo = await startDemo();
    const port = Number(await demo.says(/^Sessions live in Redis at redis:\/\/127\.0\.0\.1:(\d+)$/m));
    expect(demo.output()).toContain(`\nSee them: redis-cli -p ${port} `);

    const browser = demo.browser();
    await browser.post('/auth/login', LOVELACE);
    const { command } = (await browser.get('/page/session')).json;
    const client = new Redis(port);
    expect(JSON.parse((await client.hget(command.split(' HGETALL ')[1], 'identity'))!)).toMatchObject({ name: 'ada' });
    const [, directory] = await client.config('GET', 'dir');
    client.disconnect();

    expect(await demo.end('SIGINT')).toBe(0);
    await until(() => isClosed(port), 'the private Redis has ended');
    await expect(access(directory!)).rejects.toThrow('ENOENT');
  });

  test('leaves no Redis behind when it is killed', async () => {
    const demo = await startDemo();
    const port = Number(await demo.says(/^Sessions live in Redis at redis:\/\/127\.0\.0\.1:(\d+)$/m));
    expect(await demo.end('SIGKILL')).toBe('SIGKILL');
    await until(() => isClosed(port), 'the private Redis has ended');
  });

  test('uses the Redis of REDIS_URL, and prints no password', async () => {
    const redis = await startRedis({ password: 'open-sesame' });
    cleanups.push(() => redis.stop());
    const demo = await startDemo(inRedis(redis));
    expect(demo.output()).toContain(`Sessions live in Redis at redis://127.0.0.1:${redis.port}\n`);
    await demo.browser().post('/auth/login', LOVELACE);
    expect(await redis.client().keys('sess:*')).toHaveLength(2);
    expect(await demo.end('SIGTERM')).toBe(0);
    expect(demo.output()).not.toContain('open-sesame');
  });

  test('says plainly that sessions live in memory where there is no redis-server', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'empty-'));
    cleanups.push(() => rm(empty, { recursive: true }));
    const demo = await startDemo({ PATH: empty });
    expect(demo.output()).toContain('There is no REDIS_URL and no redis-server on this machine.');
    expect(demo.output()).toContain('Sessions live in the memory of this process, not in Redis');
    expect(await demo.browser().post('/auth/login', LOVELACE)).toMatchObject({ status: 200 });
    expect(await demo.end('SIGINT')).toBe(0);
  });

  test('has a new secret at each start, unless SESSION_SECRET is set', async () => {
    const redis = await startRedis();
    cleanups.push(() => redis.stop());
    const identityAfterRestart = async (env: Record<string, string>) => {
      const first = await startDemo({ ...inRedis(redis), ...env });
      const before = first.browser();
      await before.post('/auth/login', LOVELACE);
      const cookie = (await before.cookie('sid'))!.cookieString();
      await first.end('SIGINT');
      const second = await startDemo({ ...inRedis(redis), ...env });
      const { status } = await second.browser().get('/account/me', { cookie });
      await second.end('SIGINT');
      return status;
    };
    expect(await identityAfterRestart({})).toBe(401);
    expect(await identityAfterRestart({ SESSION_SECRET: 'kept from one start to the next one' })).toBe(200);
  });

  test('with --migrate, takes over the sessions of an application with connect-redis, and shows how many are left', async () => {
    const demo = await startDemo(inRedis(await emptyRedis()), ['--migrate']);
    expect(Number(await demo.says(/^Sessions of connect-redis that are left: (\d+)$/m))).toBe(20);
    const cookie = await demo.says(/^ada's old cookie still works: curl -b '(sid=\S+)' /m);
    const browser = demo.browser();
    const get = async (path: string) => (await browser.get(path, { cookie })).json;

    expect(await get('/account/me')).toMatchObject({ name: 'ada' });
    expect(await get('/cart')).toEqual({ items: [{ sku: 'analytical-engine', quantity: 1 }] });
    expect(await get('/page/move')).toEqual({ phase: 'convert', left: 19 });
    expect((await browser.post('/page/move/rest')).json).toEqual({ converted: 19 });
    expect(await get('/page/move')).toEqual({ phase: 'convert', left: 0 });
    expect((await get('/sessions')).sessions).toHaveLength(1);
  });

  test('has nothing to tell of a move where there is none', async () => {
    const demo = await startDemo(inRedis(await emptyRedis()));
    expect(demo.output()).not.toContain('connect-redis');
    expect((await demo.browser().get('/page/move')).json).toEqual({});
  });

  test('listens on 127.0.0.1 only', async () => {
    const demo = await startDemo();
    const port = Number(new URL(demo.origin).port);
    expect(await isClosed(port, '127.0.0.1')).toBe(false);
    expect(await isClosed(port, '127.0.0.2')).toBe(true);
  });

  test.each(LOOPBACK)('listens on %s and nowhere else where HOST says so', async (HOST) => {
    const demo = await startDemo({ HOST });
    const port = Number(new URL(demo.origin).port);
    for (const host of LOOPBACK) expect([host, await isClosed(port, host)]).toEqual([host, host !== HOST]);
  });

  // RFC 5737 keeps the first for documents. The second is longer than a name may be: no name server is asked, of which one that does not answer
  // takes its time.
  test.each(['192.0.2.1', 'x'.repeat(64)])('says that HOST=%s is not of this machine', async (HOST) => {
    const demo = startDemoWithoutWaiting({ HOST });
    expect(await demo.end()).toBe(1);
    expect(demo.output()).toBe(`HOST=${HOST} is no address of this machine.\n`);
  });

  test.each(LOOPBACK)('says that its port is taken, on %s too', async (host) => {
    const other = createServer().listen(0, host);
    await once(other, 'listening');
    cleanups.push(async () => other.close());
    const { port } = other.address() as { port: number };
    const demo = startDemoWithoutWaiting({ PORT: String(port) });
    expect(await demo.end()).toBe(1);
    expect(demo.output()).toBe(`Port ${port} of ${host} is taken. End what listens there, or choose another: PORT=3001 npm run demo\n`);
  });
});

async function isClosed(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, 'connect');
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}
