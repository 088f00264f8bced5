/** Stands for a key of the application. */
export const KEY = Symbol('key');

/** A command that the application's user must be allowed to run. */
export interface NeededRight {
  /** As an ACL rule names it. */
  readonly command: string;
  /** Arguments with which it may be tried. */
  readonly args: readonly (string | typeof KEY)[];
  /** Whether these change something: then it can be asked about, and not tried. */
  readonly changes?: true;
}

/** What `docs/redis-setup.md` lists as needed always; a test compares the two. */
export const NEEDED_RIGHTS: readonly NeededRight[] = [
  { command: 'info', args: ['server'] },
  { command: 'ping', args: [] },
  { command: 'time', args: [] },
  { command: 'eval', args: ['return 1', '1', KEY] },
  { command: 'evalsha', args: ['0000000000000000000000000000000000000000', '1', KEY] },
  { command: 'hgetall', args: [KEY] },
  { command: 'hmget', args: [KEY, 'field'] },
  { command: 'hget', args: [KEY, 'field'] },
  { command: 'hset', args: [KEY, 'field', 'value'], changes: true },
  { command: 'hdel', args: [KEY, 'field'] },
  { command: 'exists', args: [KEY] },
  { command: 'del', args: [KEY] },
  { command: 'pexpire', args: [KEY, '1'] },
  { command: 'pexpireat', args: [KEY, '1'] },
  { command: 'pttl', args: [KEY] },
  // Only a member that is there already.
  { command: 'zadd', args: [KEY, 'XX', '1', 'member'] },
  { command: 'zrem', args: [KEY, 'member'] },
  { command: 'zcard', args: [KEY] },
  { command: 'zcount', args: [KEY, '0', '0'] },
  { command: 'zscore', args: [KEY, 'member'] },
  { command: 'zrange', args: [KEY, '0', '0'] },
  { command: 'zrevrange', args: [KEY, '0', '0'] },
  { command: 'zremrangebyscore', args: [KEY, '0', '0'] },
];

/** On a Cluster too. */
export const NEEDED_IN_CLUSTER: readonly NeededRight[] = [
  { command: 'cluster|slots', args: [] },
  { command: 'cluster|info', args: [] },
  { command: 'client|setname', args: ['name'], changes: true },
  { command: 'readonly', args: [], changes: true },
  { command: 'asking', args: [], changes: true },
];
