import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LUA } from '../../src/redis/scripts/lua.generated.js';
import { RedisBatch } from '../../src/redis/client/redis-batch.js';
import type { RedisClient } from '../../src/redis/client/redis-client.js';
import { redisPortOf } from '../../src/redis/client/redis-clients.js';
import { toStoreError } from '../../src/redis/client/redis-errors.js';
import { RedisScripts, type RawReply, type ScriptName } from '../../src/redis/scripts/redis-scripts.js';
import { Connections, outcomeOf, PATIENT } from '../support/connections.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

/** Scripts in the place of the real ones, which are tested with the store. */
const TABLE: Record<ScriptName, string> = {
  ...LUA,
  create: "return redis.call('INCR', KEYS[1])",
  save: "redis.call('SET', KEYS[1], ARGV[1]); return {1, 2, #ARGV}",
  touch: "return {redis.call('HSET', KEYS[1], 'field', ARGV[1])}",
  rotate: "return redis.error_reply('ODD ' .. KEYS[1] .. ARGV[1])",
};

function scriptsOn(client: RedisClient, texts = TABLE) {
  const scripts = new RedisScripts(new RedisBatch(redisPortOf(client)), texts);
  const run = (script: ScriptName, key: string, args: readonly (string | number)[]) =>
    new Promise<RawReply>((onReply, onError) => {
      scripts.run(script, key, args, { onReply, onError });
    });
  return { run };
}

const connections = new Connections();
let server: RedisServer;
let cluster: RedisCluster;

beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startCluster()]);
});

afterAll(async () => {
  await Promise.all([server.stop(), cluster.stop()]);
});

const flushScripts = () => Promise.all([server, ...cluster.nodes].map((node) => node.client().script('FLUSH')));

describe.each([
  ['one server', { enableAutoPipelining: true }],
  ['one server', { enableAutoPipelining: false }],
  ['a Cluster', { enableAutoPipelining: true }],
  ['a Cluster', { enableAutoPipelining: false }],
])('RedisScripts on %s with %j', (where, options) => {
  const open = async () => {
    const { client } = await connections.open(
      where === 'a Cluster'
        ? { cluster: cluster.startupNodes, options: { ...options, redisOptions: PATIENT } }
        : { ...server.options, ...options, ...PATIENT },
    );
    return client;
  };
  const counts = () => (where === 'a Cluster' ? cluster.commandCounts() : server.commandCounts());

  async function countsDuring(action: () => Promise<unknown>): Promise<Record<string, number>> {
    const before = await counts();
    await action();
    const after = await counts();
    const names = ['eval', 'evalsha', 'script|load', 'script|exists', 'set', 'incr'];
    return Object.fromEntries(
      names.flatMap((name) => ((after[name] ?? 0) > (before[name] ?? 0) ? [[name, (after[name] ?? 0) - (before[name] ?? 0)]] : [])),
    );
  }

  it('answers with the numbers that the script returns', async () => {
    const scripts = scriptsOn(await open());
    expect(await scripts.run('save', 'numbers', ['text', 7, 'more'])).toEqual([1, 2, 3]);
    expect(await scripts.run('create', `counter:${where}${options.enableAutoPipelining}`, [])).toEqual([1]);
  });

  it('sends the text only once, and one command from then on', async () => {
    await flushScripts();
    const scripts = scriptsOn(await open());
    expect(await countsDuring(() => scripts.run('save', 'one', ['1']))).toEqual({ evalsha: 1, eval: 1, set: 1 });
    expect(await countsDuring(() => scripts.run('save', 'one', ['2']))).toEqual({ evalsha: 1, set: 1 });
  });

  it('runs every script once when the server has lost it', async () => {
    const scripts = scriptsOn(await open());
    const keys = Array.from({ length: 60 }, (_, n) => `lost:${where}${options.enableAutoPipelining}:${n}`);
    for (const expected of [1, 2, 3]) {
      await flushScripts();
      const replies = await Promise.all(keys.map((key) => scripts.run('create', key, [])));
      expect(replies).toEqual(keys.map(() => [expected]));
    }
  });

  it('takes each call of one moment to the node of its key, next to other commands', async () => {
    const client = await open();
    const scripts = scriptsOn(client);
    const keys = Array.from({ length: 60 }, (_, n) => `spread:${n}`);
    await Promise.all(keys.flatMap((key) => [scripts.run('save', key, [`value of ${key}`]), client.get(`other:${key}`)]));
    expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys.map((key) => `value of ${key}`));
  });

  it('defines no command on the client', async () => {
    const client = await open();
    await scriptsOn(client).run('save', 'plain', ['1']);
    expect(client.scriptsSet).toEqual({});
    expect(client).not.toHaveProperty('save.lua');
    expect(Object.keys(client)).not.toContain('save');
  });

  it('rejects with what can be made an error without key or data', async () => {
    const scripts = scriptsOn(await open());
    await scripts.run('save', 'hidden-key', ['hidden-value']);
    for (const [script, reason] of [
      ['touch', 'WRONGTYPE'],
      ['rotate', 'ODD'],
    ] as const) {
      const { error } = await outcomeOf(scripts.run(script, 'hidden-key', ['hidden-data']));
      expect(inspect(error, { depth: 9 })).toContain('hidden-data');
      const storeError = toStoreError(error);
      expect(storeError.reason).toBe(reason);
      expect(`${inspect(storeError, { depth: 9, showHidden: true })}${JSON.stringify(storeError)}`).not.toContain('hidden');
    }
  });
});

describe('RedisScripts', () => {
  it('answers with integers as texts on a client with stringNumbers', async () => {
    const client = await connections.ready({ ...server.options, stringNumbers: true });
    expect(await client.incr('a-string')).toBe('1');
    expect(await scriptsOn(client).run('save', 'numbers', ['1'])).toEqual(['1', '2', '1']);
  });

  it('has the scripts of the package unless told otherwise', async () => {
    const client = await connections.ready(server.url);
    await client.script('FLUSH');
    expect((await scriptsOn(client, LUA).run('touch', 'no-session', ['0', '', '0', '1000', '']))[0]).toBe(0);
  });
});

describe('an error of a real server has the reason', () => {
  const answers: [reason: string, config: Record<string, string>, act: (scripts: ReturnType<typeof scriptsOn>) => Promise<unknown>][] = [
    ['OOM', { maxmemory: '1' }, (scripts) => scripts.run('save', 'key', ['x'])],
    ['NOREPLICAS', { 'min-replicas-to-write': '1' }, (scripts) => scripts.run('save', 'key', ['x'])],
    ['READONLY', { replicaof: '127.0.0.1 1' }, (scripts) => scripts.run('save', 'key', ['x'])],
    ['MASTERDOWN', { replicaof: '127.0.0.1 1', 'replica-serve-stale-data': 'no' }, (scripts) => scripts.run('save', 'key', ['x'])],
    ['NOPERM', { user: 'default on nopass -@all +info +hello ~*' }, (scripts) => scripts.run('save', 'key', ['x'])],
  ];

  it.each(answers)('%s with %j', async (reason, config, act) => {
    const own = await startRedis({ config });
    const { client } = await connections.open({ ...own.options, ...PATIENT });
    const { error } = await outcomeOf(act(scriptsOn(client)));
    expect(toStoreError(error).reason).toBe(reason);
    await own.stop();
  });

  it('NOAUTH without a password, timeout when it is frozen, connection when it is gone', async () => {
    const own = await startRedis({ password: 'x' });
    const { client: stranger } = await connections.open({ host: '127.0.0.1', port: own.port, ...PATIENT });
    expect(toStoreError((await outcomeOf(scriptsOn(stranger).run('save', 'key', ['x']))).error).reason).toBe('NOAUTH');

    const scripts = scriptsOn(
      await connections.ready({ ...own.options, maxRetriesPerRequest: 0, commandTimeout: 300, retryStrategy: () => 10 }),
    );
    own.pause();
    expect(toStoreError((await outcomeOf(scripts.run('save', 'key', ['x']))).error).reason).toBe('timeout');
    own.resume();
    await own.kill();
    expect(toStoreError((await outcomeOf(scripts.run('save', 'key', ['x']))).error).reason).toBe('connection');
    await own.stop();
  });
});
