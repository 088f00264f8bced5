import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { distanceFindings } from '../../src/cli/doctor/connection-findings.js';
import type { Finding } from '../../src/cli/doctor/finding.js';
import { serverFindings } from '../../src/cli/doctor/server-findings.js';
import { EXIT } from '../../src/cli/exit-codes.js';
import { ServerInfo } from '../../src/redis/client/server-info.js';
import { openRedis } from '../../src/redis/client/redis-client.js';
import { NEEDED_IN_CLUSTER, NEEDED_RIGHTS } from '../../src/redis/inspection/needed-rights.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { PATIENT } from '../support/connections.js';
import { runProgram, type ProgramOptions } from '../support/run-program.js';
import { startCluster } from '../support/start-cluster.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';
import { signedIn, Visitor } from '../support/visitor.js';

let cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.toReversed()) await step();
  cleanUp = [];
});

/** A Redis with nothing to be found, but for what a test sets. */
const RIGHT = { appendonly: 'yes', maxmemory: '1gb', 'maxmemory-policy': 'noeviction', 'hash-max-listpack-value': '1024' };

async function start(config: Record<string, string> = {}): Promise<RedisServer> {
  const server = await startRedis({ config: { ...RIGHT, ...config } });
  cleanUp.push(() => server.stop());
  return server;
}

interface Diagnosis {
  readonly code: number | null;
  readonly findings: readonly Finding[];
}

async function diagnose(url: string, args: readonly string[] = [], { env, ...options }: ProgramOptions = {}): Promise<Diagnosis> {
  const { code, stdout, stderr } = await runProgram(['doctor', '--json', ...args], { ...options, env: { REDIS_URL: url, ...env } });
  if (stderr !== '') throw new Error(stderr);
  return { code, findings: (JSON.parse(stdout) as Diagnosis).findings };
}

/** It finds that and nothing else. */
async function expectOnly(id: string, diagnosis: Promise<Diagnosis>): Promise<Finding> {
  const { code, findings } = await diagnosis;
  expect(findings.map((finding) => finding.id)).toEqual([id]);
  const [finding] = findings;
  expect(code).toBe(finding!.severity === 'note' ? EXIT.fine : EXIT.findings);
  expect(finding!.type.length).toBeGreaterThan(0);
  return finding!;
}

/** Signs somebody in there. */
async function sessionAt(server: RedisServer): Promise<Visitor> {
  const redis = await openRedis({ ...server.options, ...PATIENT }, () => undefined);
  try {
    return await signedIn(new RedisSessionStore(redis.client, { deadline: 60_000 }));
  } finally {
    await redis.close(1_000);
  }
}

/** The rules of docs/redis-setup.md, for that prefix. */
async function rules(...names: string[]): Promise<string[][]> {
  const document = await readFile('docs/redis-setup.md', 'utf8');
  return names.flatMap((name) => {
    const [, block = ''] = new RegExp(`<!-- rules: ${name} -->\\s+\`\`\`\n([^\`]+)\`\`\``).exec(document) ?? [];
    return block
      .trim()
      .replaceAll('shop:sess:', 'sess:')
      .split('\n')
      .map((line) => line.split(' '));
  });
}

describe('doctor finds nothing', () => {
  test('at a Redis that is right, and its application user', async () => {
    const server = await start();
    for (const [command = '', ...args] of await rules('always')) await server.client().call(command, ...args);
    await sessionAt(server);
    const said = await runProgram(['doctor', '--app-user', 'shop'], { env: { REDIS_URL: server.url } });
    expect(said).toEqual({
      code: EXIT.fine,
      stderr: '',
      stdout: expect.stringMatching(/^Nothing to be seen to: \w+ [\d.]+, 2 keys looked at\.\n$/),
    });
    expect(await diagnose(server.url)).toEqual({ code: EXIT.fine, findings: [] });
  });

  test('at a Cluster that is right', async () => {
    const cluster = await startCluster({ config: RIGHT });
    cleanUp.push(() => cluster.stop());
    const [first] = cluster.nodes;
    expect(await diagnose(first!.url, ['--cluster'])).toEqual({ code: EXIT.fine, findings: [] });

    await expectOnly('cluster-unknown', diagnose(first!.url));
    await first!.client().cluster('DELSLOTS', 0, 1, 2);
    const { what } = await expectOnly('slots-missing', diagnose(first!.url, ['--cluster']));
    expect(what).toBe('3 of 16384 slots belong to no node.');
  });

  test('in what it leaves behind: it changes nothing', async () => {
    const server = await start();
    await sessionAt(server);
    const dump = async () => {
      const keys = (await server.client().keys('*')).toSorted();
      return Promise.all(keys.map(async (key) => [key, await server.client().dump(key), await server.client().pexpiretime(key)]));
    };
    const before = await dump();
    await diagnose(server.url);
    expect(await dump()).toEqual(before);
  });
});

describe('doctor finds, and names', () => {
  test.each([['command-missing', { 'rename-command': 'EVALSHA ""' }]])('%s', async (id, config: Record<string, string>) => {
    await expectOnly(id, diagnose((await start(config)).url));
  });

  test.each([
    ['evicts', { 'maxmemory-policy': 'allkeys-lru' }],
    ['memory-full', { maxmemory: '500kb' }],
    ['memory-unlimited', { maxmemory: '0' }],
    ['not-persistent', { appendonly: 'no' }],
    ['snapshots-only', { appendonly: 'no', save: '3600 1' }],
    ['too-few-replicas', { 'min-replicas-to-write': '1' }],
    ['memory-layout', { 'hash-max-listpack-value': '64' }],
  ])('%s, and what it says to type heals it', async (id, config: Record<string, string>) => {
    const server = await start(config);
    const { type } = await expectOnly(id, diagnose(server.url));
    const lines = type.map((line) => line.split(' ')).filter(([, command, action]) => command === 'CONFIG' && action === 'SET');
    expect(lines).toHaveLength(1);
    for (const [, command = '', ...args] of lines) await server.client().call(command, ...args);
    expect(await diagnose(server.url)).toEqual({ code: EXIT.fine, findings: [] });
  });

  test('replica, and at its master that a failover may lose something', async () => {
    const master = await start({ 'repl-diskless-sync-delay': '0' });
    const replica = await start({ 'repl-diskless-sync-delay': '0', replicaof: `127.0.0.1 ${master.port}` });
    await until(async () => /slave0:.*state=online/.test(await master.client().info('replication')), 'the replica has its copy');
    await expectOnly('replica', diagnose(replica.url));
    await expectOnly('failover-loses', diagnose(master.url));
  });

  test('snapshot-failed', async () => {
    const server = await start({ save: '3600 1', 'enable-protected-configs': 'yes' });
    const folder = await mkdtemp(join(tmpdir(), 'doctor-'));
    await server.client().config('SET', 'dir', folder);
    await rm(folder, { recursive: true });
    await server.client().bgsave();
    await until(async () => (await server.client().info('persistence')).includes('rdb_last_bgsave_status:err'), 'the snapshot has failed');
    await expectOnly('snapshot-failed', diagnose(server.url));
  });

  test('unprotected, where Redis is on another machine', async () => {
    const server = await start({ 'protected-mode': 'no', bind: '0.0.0.0' });
    await expectOnly('unprotected', diagnose(server.url.replace('127.0.0.1', '0.0.0.0')));
  });

  test('clocks-apart', async () => {
    const { what } = await expectOnly('clocks-apart', diagnose((await start()).url, [], { preload: 'other-clock.mjs' }));
    expect(what).toMatch(/is 3\d{3} s behind/);
  });

  test('far, and old-version, connections-full, replica-behind, memory-low', () => {
    expect(distanceFindings({ latencyMs: 150, clockDifferenceMs: 0 }).map(({ id }) => id)).toEqual(['far']);
    const ids = (text: string) => serverFindings(new ServerInfo(text), new Map()).map(({ id }) => id);
    expect(ids('redis_version:6.0.16')).toEqual(['old-version']);
    expect(ids('redis_version:6.2.0')).toEqual([]);
    expect(ids('redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.1.0')).toEqual([]);
    expect(ids('connected_clients:95\nmaxclients:100')).toEqual(['connections-full']);
    expect(ids('connected_slaves:1\nslave0:ip=x,port=1,state=wait_bgsave,lag=0')).toEqual(['replica-behind']);
    expect(ids('connected_slaves:1\nslave0:ip=x,port=1,state=online,lag=60')).toEqual(['replica-behind']);
    expect(ids('maxmemory:1000\nmaxmemory_policy:noeviction\nused_memory:950')).toEqual(['memory-low']);
  });
});

describe('doctor finds at the Redis user', () => {
  test('rights-missing and keys-refused, by ACL DRYRUN, with the rule to type', async () => {
    const server = await start();
    const admin = server.client();
    for (const [command = '', ...args] of await rules('always')) await admin.call(command, ...args);
    await admin.call('ACL', 'SETUSER', 'shop', '-hset', '-zadd');
    const { type } = await expectOnly('rights-missing', diagnose(server.url, ['--app-user', 'shop']));
    expect(type).toEqual(['redis-cli ACL SETUSER shop +hset +zadd']);
    // The cure heals.
    await admin.call('ACL', ...type[0]!.split(' ').slice(2));
    expect(await diagnose(server.url, ['--app-user', 'shop'])).toEqual({ code: EXIT.fine, findings: [] });
    await expectOnly('keys-refused', diagnose(server.url, ['--app-user', 'shop', '--prefix', 'other:']));
    await expectOnly('user-missing', diagnose(server.url, ['--app-user', 'nobody']));
  });

  test('rights-missing as that user itself, who may not ask and so tries', async () => {
    const server = await start();
    const admin = server.client();
    for (const [command = '', ...args] of await rules('always')) await admin.call(command, ...args);
    await admin.call('ACL', 'SETUSER', 'shop', '-zadd', '-pttl');
    const env = { REDIS_USERNAME: 'shop', REDIS_PASSWORD: 'a-long-random-password' };
    const { code, findings } = await diagnose(server.url, [], { env });
    expect([code, findings.map(({ id }) => id)]).toEqual([EXIT.findings, ['rights-missing', 'sessions-unseen']]);
    expect(findings[0]!.what).toMatch(/has no right to PTTL, ZADD\.$/);
    await admin.call('ACL', 'SETUSER', 'shop', '+zadd', '+pttl');
    expect((await diagnose(server.url, [], { env })).findings.map(({ id }) => id)).toEqual(['sessions-unseen']);
  });

  test.each(['type', 'pttl', 'getrange', 'memory'])(
    'that what %s would tell is not known, where that is refused, and all the rest',
    async (command) => {
      const server = await start();
      const admin = server.client();
      const { handle } = await sessionAt(server);
      await admin.hset(`sess:${handle}`, { report: JSON.stringify('x'.repeat(100_000)) });
      await admin.set('sess:a-string', '{"cookie":{}}', 'EX', 600);
      await admin.call('ACL', 'SETUSER', 'looker', 'on', '>a-long-random-password', '~*', '&*', '+@all', `-${command}`);
      const env = { REDIS_USERNAME: 'looker', REDIS_PASSWORD: 'a-long-random-password' };
      const { findings } = await diagnose(server.url, [], { env });
      const unseen = findings.find(({ id }) => id === 'sessions-unseen');
      expect(unseen?.what).toMatch(new RegExp(`NOPERM: ${command}`, 'i'));
      const told = {
        type: [],
        pttl: ['rights-missing', 'large', 'connect-redis'],
        getrange: ['large', 'foreign-keys'],
        memory: ['connect-redis'],
      }[command];
      expect(
        findings
          .map(({ id }) => id)
          .filter((id) => id !== 'sessions-unseen')
          .toSorted(),
      ).toEqual(told?.toSorted());
    },
  );

  test('what docs/redis-setup.md lists, and nothing else', async () => {
    const granted = (lines: string[][]) =>
      lines
        .flat()
        .flatMap((rule) => /^\+(.+)/.exec(rule)?.[1] ?? [])
        .toSorted();
    const named = (rights: typeof NEEDED_RIGHTS) => rights.map(({ command }) => command).toSorted();
    expect(named(NEEDED_RIGHTS)).toEqual(granted(await rules('always')));
    expect(named(NEEDED_IN_CLUSTER)).toEqual(granted(await rules('cluster')));
  });
});

describe('doctor finds among the sessions', () => {
  test('no-ttl', async () => {
    const server = await start();
    const { handle } = await sessionAt(server);
    await server.client().persist(`sess:${handle}`);
    const { type } = await expectOnly('no-ttl', diagnose(server.url));
    expect(type).toEqual([`redis-cli EXPIRE 'sess:${handle}' 1800`]);
  });

  test('no-ttl at the index of a user whose id would move the cursor, as it is typed in a shell', async () => {
    const server = await start();
    await server.client().zadd("sess:user:ada\u001B[2J\n'", 1, 'x'.repeat(22));
    const { type } = await expectOnly('no-ttl', diagnose(server.url));
    expect(type).toEqual([String.raw`redis-cli EXPIRE $'sess:user:ada\U0000001b[2J\U0000000a\'' 1800`]);
  });

  test('unreadable', async () => {
    const server = await start();
    await server.client().hset(`sess:${'x'.repeat(22)}`, { '@meta': '9|of a later version' });
    await server.client().expire(`sess:${'x'.repeat(22)}`, 600);
    await expectOnly('unreadable', diagnose(server.url));
  });

  test('large', async () => {
    const server = await start();
    const { handle } = await sessionAt(server);
    await server.client().hset(`sess:${handle}`, { report: JSON.stringify('x'.repeat(100_000)) });
    const { type } = await expectOnly('large', diagnose(server.url));
    expect(type[0]).toContain(handle);
    expect(await diagnose(server.url, ['--max-bytes', '1000000'])).toMatchObject({ findings: [] });
  });

  test('foreign-keys and connect-redis, whose names it tells nobody', async () => {
    const server = await start();
    await server.client().set('sess:a-sid-of-connect-redis', '{"cookie":{},"secret":"of a session"}', 'EX', 600);
    await server.client().set('sess:a-secret', 'x', 'EX', 600);
    await server.client().rpush('sess:a-secret-queue', 'x');
    await server.client().rpush('sess:another-secret-queue', 'x');
    for (const name of ['a', 'b']) await server.client().hset(`sess:a-secret-hash-${name}`, { a: 'x' });
    const said = await runProgram(['doctor'], { env: { REDIS_URL: server.url } });
    expect(said.stdout).toContain('WARNING foreign-keys: 2 hashes, 2 lists, 1 string of 6 keys looked at are not ours.');
    expect(said.stdout).toContain('NOTE connect-redis: 1 of 6 keys looked at are sessions of connect-redis.');
    expect(said.stdout).not.toMatch(/a-sid|secret/);
  });

  test('nothing wrong with one that was revoked', async () => {
    const server = await start();
    const { handle } = await sessionAt(server);
    await runProgram(['revoke', handle], { env: { REDIS_URL: server.url } });
    expect(await diagnose(server.url)).toEqual({ code: EXIT.fine, findings: [] });
  });
});
