import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { EXIT } from '../../src/cli/exit-codes.js';
import { openRedis, type RedisConnection } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { PATIENT } from '../support/connections.js';
import { freeClusterPort } from '../support/free-port.js';
import { runProgram } from '../support/run-program.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { startRedis, type RedisServer, type StartRedisOptions } from '../support/start-redis.js';
import { startSentinel } from '../support/start-sentinel.js';
import { signedIn } from '../support/visitor.js';

let cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.toReversed()) await step();
  cleanUp = [];
});

async function start(options?: StartRedisOptions): Promise<RedisServer> {
  const server = await startRedis(options);
  cleanUp.push(() => server.stop());
  return server;
}

/** Signs that many users in. */
async function signIn(connection: RedisConnection, users: number): Promise<void> {
  const redis = await openRedis(connection, () => undefined);
  cleanUp.push(() => redis.close(1_000));
  const store = new RedisSessionStore(redis.client, { deadline: 60_000 });
  for (let n = 0; n < users; n++) await signedIn(store, `user${n}`);
}

const COUNT = ['count', '--json'];
const sessions = (count: number) => ({ code: EXIT.fine, stderr: '', stdout: expect.stringContaining(`"sessions": ${count},`) });

describe('Redis is reached', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cli-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('by TLS, whose authority is named', async () => {
    const server = await start({ tls: true });
    const ca = join(folder, 'ca.pem');
    await writeFile(ca, (server.options.tls as { ca: string }).ca);
    await signIn({ ...server.options, ...PATIENT }, 1);
    const { url } = server;
    expect(await runProgram([...COUNT, '--ca', ca], { env: { REDIS_URL: url } })).toMatchObject(sessions(1));
    expect(await runProgram(COUNT, { env: { REDIS_URL: url.replace('rediss', 'redis'), REDIS_CA: ca } })).toMatchObject(sessions(1));
    const unknown = await runProgram(['count'], { env: { REDIS_URL: url } });
    expect(unknown).toMatchObject({ code: EXIT.unavailable, stderr: expect.stringMatching(/_CERT.*Give the authority .*: --ca FILE/) });
    const plain = await runProgram(['count'], { env: { REDIS_URL: url.replace('rediss', 'redis') } });
    expect(plain).toMatchObject({ code: EXIT.unavailable, stderr: expect.stringContaining('use rediss:// or --tls') });
  });

  test('with a user and a password from the environment, or from a file', async () => {
    const server = await start();
    await signIn({ ...server.options, ...PATIENT }, 1);
    await server.client().call('ACL', 'SETUSER', 'admin', 'on', '>hunter2', '~*', '+@all');
    await server.client().call('ACL', 'SETUSER', 'default', 'off');
    const REDIS_URL = server.url;
    const file = join(folder, 'password');
    await writeFile(file, 'hunter2\n');
    expect(await runProgram(COUNT, { env: { REDIS_URL, REDIS_USERNAME: 'admin', REDIS_PASSWORD: 'hunter2' } })).toMatchObject(sessions(1));
    const username = ['--username', 'admin'];
    expect(await runProgram([...COUNT, ...username], { env: { REDIS_URL, REDIS_PASSWORD_FILE: file } })).toMatchObject(sessions(1));
    const inUrl = REDIS_URL.replace('//', '//admin:hunter2@');
    expect(await runProgram(COUNT, { env: { REDIS_URL: inUrl } })).toMatchObject(sessions(1));
    await server.client().call('ACL', 'SETUSER', 'admin', '>hunter,4');
    const withComma = REDIS_URL.replace('//', '//admin:hunter,4@');
    expect(await runProgram(COUNT, { env: { REDIS_URL: withComma } })).toMatchObject(sessions(1));

    const none = await runProgram(['count'], { env: { REDIS_URL } });
    expect(none).toMatchObject({
      code: EXIT.unavailable,
      stderr: expect.stringMatching(/\(NOAUTH\).*Set REDIS_USERNAME and REDIS_PASSWORD/),
    });
    const wrong = await runProgram(['count', ...username], { env: { REDIS_URL, REDIS_PASSWORD: 'hunter3' } });
    expect(wrong).toMatchObject({ code: EXIT.unavailable, stderr: expect.stringMatching(/\(WRONGPASS\)|\(NOAUTH\)/) });
    for (const { stdout, stderr } of [none, wrong]) expect(stdout + stderr).not.toContain('hunter');
  });

  test('by a socket, in another database, under another prefix', async () => {
    const server = await start({ unixSocket: true });
    await signIn({ ...server.options, ...PATIENT, db: 3 }, 2);
    expect(await runProgram([...COUNT, '--url', `${server.unixUrl}?db=3`])).toMatchObject(sessions(2));
    expect(await runProgram([...COUNT, '--url', `${server.url}/3`])).toMatchObject(sessions(2));
    expect(await runProgram([...COUNT, '--url', `${server.url}/3`, '--prefix', 'shop:'])).toMatchObject(sessions(0));
  });

  test('as a Cluster, all of whose masters are looked at', async () => {
    const cluster = await startCluster();
    cleanUp.push(() => cluster.stop());
    await signIn({ cluster: cluster.startupNodes, options: { redisOptions: PATIENT } }, 12);
    const REDIS_URL = cluster.startupNodes.map((node) => `redis://127.0.0.1:${(node as { port: number }).port}`).join(',');
    expect(await runProgram([...COUNT, '--cluster'], { env: { REDIS_URL } })).toMatchObject(sessions(12));
    const [first = ''] = REDIS_URL.split(',');
    expect(await runProgram(COUNT, { env: { REDIS_URL: first, REDIS_CLUSTER: 'true' } })).toMatchObject(sessions(12));
    const stats = await runProgram(['stats', '--json', '--cluster', '--url', first]);
    expect(JSON.parse(stats.stdout)).toMatchObject({ sessions: 12, users: 12, bytes: { sampled: 12 } });
    const revoked = await runProgram(['revoke-all', 'user3', '--yes', '--json', '--cluster', '--url', first]);
    expect(JSON.parse(revoked.stdout)).toMatchObject({ revoked: 1 });
    const alone = await runProgram(['list', 'user4'], { env: { REDIS_URL: await elsewhere(cluster.nodes, 'sess:user:user4') } });
    expect(alone).toMatchObject({ code: EXIT.unavailable, stderr: expect.stringContaining('(MOVED') });
    expect(alone.stderr).toContain('Add --cluster.');
    expect(alone.stderr).not.toContain('user4');
  });

  test('by its sentinels', async () => {
    const sentinel = await startSentinel();
    cleanUp.push(() => sentinel.stop());
    await signIn({ ...sentinel.options, ...PATIENT }, 1);
    const places = sentinel.options.sentinels.map(({ host, port }) => `${host}:${port}`);
    const args = places.flatMap((place) => ['--sentinel', place]);
    expect(await runProgram([...COUNT, ...args, '--master', sentinel.options.name])).toMatchObject(sessions(1));
    const env = { REDIS_SENTINELS: places.join(','), REDIS_MASTER: sentinel.options.name };
    expect(await runProgram(COUNT, { env })).toMatchObject(sessions(1));
  });
});

describe('of a Cluster, one of whose nodes is down', () => {
  const AWAY = 'A node of the Cluster cannot be reached. See which: nestjs-redis-session doctor --cluster\n';
  let cluster: RedisCluster;
  let env: Record<string, string>;
  beforeAll(async () => {
    cluster = await startCluster();
    // Else all the others refuse, too, as soon as they have noticed.
    await Promise.all(cluster.nodes.map((node) => node.client().config('SET', 'cluster-require-full-coverage', 'no')));
    env = { REDIS_URL: cluster.nodes[0]!.url, REDIS_CLUSTER: 'true' };
    await signIn({ cluster: cluster.startupNodes, options: { redisOptions: PATIENT } }, 12);
    await cluster.nodes[2]!.kill();
  });
  afterAll(() => cluster.stop());

  test.each([['count'], ['stats'], ['migration']])('%s tells no number that leaves out what lies there', async (command) => {
    const { code, stdout, stderr } = await runProgram([command], { env });
    expect([code, stdout]).toEqual([EXIT.unavailable, '']);
    expect(stderr.endsWith(AWAY)).toBe(true);
  });

  test('doctor names it, and goes on with the others', async () => {
    const { code, stdout, stderr } = await runProgram(['doctor', '--json'], { env });
    const { findings, server } = JSON.parse(stdout) as { findings: { id: string; what: string }[]; server: { nodes: number } };
    expect([code, stderr, server.nodes]).toEqual([EXIT.findings, '', 2]);
    expect(findings.map(({ id }) => id)).toContain('node-unreachable');
    const down = findings.find(({ id }) => id === 'node-down');
    if (down !== undefined) expect(down.what).toBe('1 node of the Cluster has failed.');
  });

  test('it alone is told as any Redis that is not there', async () => {
    const { code, stderr } = await runProgram(['doctor'], { env: { ...env, REDIS_URL: cluster.nodes[2]!.url } });
    expect([code, stderr]).toEqual([EXIT.unavailable, expect.stringContaining('None of the nodes that you name answers.')]);
  });
});

test('a Cluster that serves no slots is told to be down', async () => {
  const server = await start({ config: { 'cluster-enabled': 'yes' }, choosePort: freeClusterPort });
  const { code, stderr } = await runProgram(['list', 'ada'], { env: { REDIS_URL: server.url } });
  expect([code, stderr]).toEqual([
    EXIT.unavailable,
    expect.stringMatching(/^Redis does not answer \(CLUSTERDOWN.*The Cluster is down\. Type: redis-cli CLUSTER INFO\n$/),
  ]);
});

/** A node of the Cluster that does not have this key. */
async function elsewhere(nodes: readonly RedisServer[], key: string): Promise<string> {
  for (const node of nodes)
    if (
      await node
        .client()
        .exists(key)
        .catch(() => true)
        .then((answer) => answer === true)
    )
      return node.url;
  throw new Error('Every node has that key.');
}

test('a Redis that does not answer is given up after --timeout', async () => {
  const server = await start();
  server.pause();
  cleanUp.push(() => server.resume());
  const { code, stderr } = await runProgram(['count', '--timeout', '300'], { env: { REDIS_URL: server.url } });
  expect([code, stderr]).toEqual([EXIT.unavailable, expect.stringMatching(/wait longer with --timeout/i)]);
});

test('a user who lacks a right is told which command it was', async () => {
  const server = await start();
  await server.client().call('ACL', 'SETUSER', 'few', 'on', 'nopass', '~*', '+@all', '-scan');
  const { code, stderr } = await runProgram(['count', '--username', 'few'], { env: { REDIS_URL: server.url, REDIS_PASSWORD: 'any' } });
  expect([code, stderr]).toEqual([EXIT.unavailable, expect.stringContaining('(NOPERM: SCAN). The Redis user lacks a right.')]);
});
