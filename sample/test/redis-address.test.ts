import { expect, test } from '@jest/globals';
import { redisCli, withoutSecrets } from '../src/page/redis-address.js';

test.each([
  ['redis://127.0.0.1:41234', 'redis://127.0.0.1:41234', 'redis-cli -p 41234'],
  ['redis://localhost', 'redis://localhost', 'redis-cli'],
  ['redis://redis.example:6380/2', 'redis://redis.example:6380/2', 'redis-cli -h redis.example -p 6380 -n 2'],
  ['redis://[::1]:41234', 'redis://[::1]:41234', 'redis-cli -h ::1 -p 41234'],
  ['rediss://app:se%40cret@redis.example/', 'rediss://redis.example/', 'redis-cli -h redis.example --tls --user app --askpass'],
  ['redis://:se@cret@redis.example', 'redis://redis.example', 'redis-cli -h redis.example --askpass'],
  ['redis://redis.example?password=secret', 'redis://redis.example', 'redis-cli -h redis.example'],
  ['unix:/run/redis.sock?db=1', 'unix:/run/redis.sock', 'redis-cli -s /run/redis.sock'],
  ['unix://app:secret@/run/redis.sock', 'unix:///run/redis.sock', 'redis-cli -s /run/redis.sock --user app --askpass'],
])('%s is shown as %s and reached by %s', (url, address, command) => {
  expect(withoutSecrets(url)).toBe(address);
  expect(redisCli(url)).toBe(command);
});
