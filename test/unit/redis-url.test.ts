import { describe, expect, it } from '@jest/globals';
import { Redis, type RedisOptions } from 'ioredis';
import { readRedisUrl } from '../../src/redis/client/ioredis/ioredis-url.js';

function optionsOf(url: string): RedisOptions {
  const read = readRedisUrl(url);
  if ('problem' in read) throw new Error(read.problem);
  return read.options;
}

describe('readRedisUrl', () => {
  it.each([
    ['redis://localhost', { host: 'localhost' }],
    ['redis://localhost/', { host: 'localhost' }],
    ['redis://10.0.0.1:6380/2', { host: '10.0.0.1', port: 6380, db: 2 }],
    ['redis://[::1]:6380', { host: '::1', port: 6380 }],
    ['redis://:p%40ss%2Fword@localhost', { host: 'localhost', password: 'p@ss/word' }],
    ['redis://app:pass@localhost', { host: 'localhost', username: 'app', password: 'pass' }],
    ['redis://localhost?db=3', { host: 'localhost', db: 3 }],
    ['redis://localhost/1?db=3', { host: 'localhost', db: 1 }],
    ['redis://localhost?password=123', { host: 'localhost', password: '123' }],
    ['redis://?host=db.example&port=7', { host: 'db.example', port: 7 }],
  ])('reads %s as ioredis does', (url, expected) => {
    expect(optionsOf(url)).toEqual(expected);
    const { host, port, db, username, password } = new Redis(url, { lazyConnect: true }).options;
    const { options } = new Redis({ ...optionsOf(url), lazyConnect: true } as object);
    // What is missing is null in the one and an empty string in the other.
    expect(options).toMatchObject({ host, port: Number(port), db: Number(db), username: username || null, password: password || null });
  });

  it('speaks TLS with rediss', () => {
    expect(optionsOf('rediss://localhost:6380')).toEqual({ host: 'localhost', port: 6380, tls: {} });
  });

  it.each([
    ['unix:/run/redis/redis.sock', { path: '/run/redis/redis.sock' }],
    ['unix:///run/redis/redis.sock?db=2', { path: '/run/redis/redis.sock', db: 2 }],
    ['unix:/run/a%20b.sock?password=p%40ss', { path: '/run/a b.sock', password: 'p@ss' }],
    ['unix://app:p%40ss@/run/redis.sock', { path: '/run/redis.sock', username: 'app', password: 'p@ss' }],
    ['unix://:pass@/run/redis.sock', { path: '/run/redis.sock', password: 'pass' }],
  ])('reads %s', (url, expected) => {
    expect(optionsOf(url)).toEqual(expected);
  });

  it('gives numbers and booleans of the query their type, which ioredis does not', () => {
    expect(optionsOf('redis://localhost?commandTimeout=300&enableAutoPipelining=false&maxRetriesPerRequest=null&connectionName=7')).toEqual(
      {
        host: 'localhost',
        commandTimeout: 300,
        enableAutoPipelining: false,
        maxRetriesPerRequest: null,
        connectionName: '7',
      },
    );
    expect(new Redis('redis://localhost?commandTimeout=300', { lazyConnect: true }).options.commandTimeout).toBe('300');
  });
});
