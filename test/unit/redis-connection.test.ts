import { describe, expect, it, jest } from '@jest/globals';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import { createClient as createClient5 } from 'redis5';
import { formOf, keyPrefixOf, readsFromReplica, redisConnectionProblems } from '../../src/redis/client/redis-connection.js';

const NODES = [{ host: '127.0.0.1', port: 1 }];
const SENTINEL = { sentinels: [{ host: '127.0.0.1', port: 1 }], name: 'sessions' };

function redis(options: RedisOptions & { replyMapping?: 'legacy' } = {}): Redis {
  return new Redis({ ...options, lazyConnect: true });
}

describe('the form of a connection', () => {
  it.each<[string, unknown]>([
    ['redis', 'redis://localhost'],
    ['redis', { host: 'localhost' }],
    ['redis', SENTINEL],
    ['cluster', { cluster: NODES }],
    ['cluster', { cluster: ['redis://localhost:7000'], options: { redisOptions: { password: 'x' } } }],
    ['client', redis()],
    ['client', new Cluster(NODES, { lazyConnect: true })],
    ['client', createClient()],
    ['client', createClient5()],
    ['client', createCluster({ rootNodes: [{}] })],
    ['client', createSentinel({ name: 'sessions', sentinelRootNodes: NODES })],
  ])('is %s', (kind, connection) => {
    expect(formOf(connection)).toMatchObject({ kind });
    expect(redisConnectionProblems(connection)).toEqual([]);
  });

  it('is a client also for a class of another copy of ioredis', async () => {
    jest.resetModules();
    const other = await import('ioredis');
    const client = new other.Redis({ lazyConnect: true });
    expect(client).not.toBeInstanceOf(Redis);
    expect(formOf(client)).toEqual({ kind: 'client', client });
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['an empty string', ''],
    ['a number', 6379],
    ['an array', NODES],
    ['a function', () => 'redis://localhost'],
    ['a URL of something else', 'http://user:hidden@localhost'],
    ['a host without a scheme', 'hidden.example:6379'],
    ['a URL that cannot be read', 'redis://:hid/den@localhost'],
    ['a socket without a path', 'unix:hidden.sock'],
    ['a database that is no number', 'redis://:hidden@localhost/sessions'],
    ['a number that is none', 'redis://:hidden@localhost?commandTimeout=soon'],
    ['a boolean that is none', 'redis://:hidden@localhost?enableAutoPipelining=1'],
    ['no nodes', { cluster: [], options: { redisOptions: { password: 'hidden' } } }],
    ['no sentinels', { sentinels: [], name: 'sessions', password: 'hidden' }],
    ['sentinels without the name of the master', { sentinels: NODES, password: 'hidden' }],
    ['a client of another library', { sendCommand: () => undefined, options: { password: 'hidden' } }],
    ['a pool of node-redis', createClientPool({ password: 'hidden' })],
  ])('is a problem that names the option, the rule and the cure, and nothing of the value: %s', (_what, connection) => {
    const [problem, ...more] = redisConnectionProblems(connection);
    expect(problem).toMatch(/^"redis.* must .*\. [A-Z].*\.$/);
    expect(problem).not.toContain('hid');
    expect(more).toEqual([]);
  });
});

describe('reads from replicas', () => {
  it.each<[string, unknown]>([
    ['Cluster scaleReads "slave"', { cluster: NODES, options: { scaleReads: 'slave' } }],
    ['Cluster scaleReads "all"', { cluster: NODES, options: { scaleReads: 'all' } }],
    ['Cluster scaleReads function', { cluster: NODES, options: { scaleReads: () => undefined } }],
    ['Sentinel role "slave"', { ...SENTINEL, role: 'slave' }],
    ['readOnly', { host: 'localhost', readOnly: true }],
    ['a URL', 'redis://localhost?readOnly=true'],
    ['a Cluster instance', new Cluster(NODES, { scaleReads: 'slave', lazyConnect: true })],
    ['a Redis instance', redis({ ...SENTINEL, role: 'slave' })],
  ])('are noticed: %s', (_what, connection) => {
    expect(readsFromReplica(connection)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a URL', 'redis://localhost'],
    ['Cluster', { cluster: NODES }],
    ['Cluster scaleReads "master"', { cluster: NODES, options: { scaleReads: 'master' } }],
    ['Sentinel', SENTINEL],
    ['Sentinel role "master"', { ...SENTINEL, role: 'master' }],
    ['a Cluster instance', new Cluster(NODES, { lazyConnect: true })],
    ['a Redis instance', redis()],
    ['what is no connection', 'nonsense'],
    ['nothing', undefined],
  ])('are not suspected: %s', (_what, connection) => {
    expect(readsFromReplica(connection)).toBe(false);
  });
});

describe('the key prefix of a connection', () => {
  it.each<[string, unknown]>([
    ['options', { keyPrefix: 'app:' }],
    ['a URL', 'redis://localhost?keyPrefix=app:'],
    ['a Cluster', { cluster: NODES, options: { keyPrefix: 'app:' } }],
    ["a Cluster's nodes", { cluster: NODES, options: { redisOptions: { keyPrefix: 'app:' } } }],
    ['an instance', redis({ keyPrefix: 'app:' })],
    ['a Cluster instance', new Cluster(NODES, { redisOptions: { keyPrefix: 'app:' }, lazyConnect: true })],
  ])('is found: %s', (_what, connection) => {
    expect(keyPrefixOf(connection)).toBe('app:');
  });

  it.each<[string, unknown]>([
    ['options', { host: 'localhost' }],
    ['a Cluster', { cluster: NODES }],
    ['an instance', redis()],
    ['what is no connection', 'nonsense'],
  ])('is empty: %s', (_what, connection) => {
    expect(keyPrefixOf(connection)).toBe('');
  });
});
