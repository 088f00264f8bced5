import { expect, test } from '@jest/globals';
import { ServerInfo } from '../../src/redis/client/server-info.js';

/** As a server writes it: sections, and lines that end in CR LF. */
function infoWith(fields: Record<string, string | number>): ServerInfo {
  const lines = Object.entries(fields).map(([name, value]) => `${name}:${value}`);
  return new ServerInfo(['# Server', ...lines, '', '# Keyspace', ''].join('\r\n'));
}

test('an INFO that Redis 7 has written is read by name', () => {
  const info = infoWith({ redis_version: '7.0.15', role: 'master', maxmemory_policy: 'noeviction', slave0: 'ip=10.0.0.2,port=6379' });
  expect(info).toMatchObject({ isKnown: true, product: 'redis', version: '7.0.15', isReplica: false, evictingPolicy: undefined });
  expect(info.text('slave0')).toBe('ip=10.0.0.2,port=6379');
});

test('Valkey is told from the Redis that it stands for', () => {
  const info = infoWith({ redis_version: '7.2.4', server_name: 'valkey', valkey_version: '8.1.4' });
  expect(info).toMatchObject({ product: 'valkey', version: '8.1.4' });
});

test('a replica and an evicting policy are found', () => {
  const info = infoWith({ redis_version: '7.0.15', role: 'slave', maxmemory_policy: 'allkeys-lru' });
  expect(info).toMatchObject({ isReplica: true, evictingPolicy: 'allkeys-lru' });
});

test.each([
  ['no limit', { maxmemory: 0, used_memory: 900 }, undefined, false],
  ['memory left', { maxmemory: 1000, used_memory: 900 }, 100, false],
  ['memory full', { maxmemory: 1000, used_memory: 1001 }, -1, true],
  ['memory full but for what replicas have yet to take', { maxmemory: 1000, used_memory: 1001, mem_not_counted_for_evict: 5 }, 4, false],
  ['memory full, where Redis makes room', { maxmemory: 1000, used_memory: 1001, maxmemory_policy: 'volatile-ttl' }, -1, false],
])('with %s, memory left is told', (_, fields, memoryLeft, isFull) => {
  expect(infoWith({ maxmemory_policy: 'noeviction', ...fields })).toMatchObject({ memoryLeft, isFull });
});

test('nothing is known of a server that says nothing', () => {
  expect(new ServerInfo('')).toMatchObject({ isKnown: false, product: undefined, version: undefined, isReplica: false, isFull: false });
});
