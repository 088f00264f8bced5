import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { ReplyError } from 'ioredis';
import * as redis6 from 'redis';
import * as redis5 from 'redis5';
import { SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import { isNoScript, isReadOnly, isWrongType, safeCodeOf, toStoreError } from '../../src/redis/client/redis-errors.js';

const KEY = 'sess:the-secret-key';
const DATA = 'the-secret-data';

function reply(message: string): Error {
  return Object.assign(new ReplyError(message), { command: { name: 'evalsha', args: ['sha', 1, KEY, DATA] } });
}

function named(name: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { name, ...more });
}

// The texts are those of Redis 7.0 and ioredis 6, unless said otherwise.
const REPLIES: [reason: string, message: string][] = [
  ['WRONGTYPE', 'WRONGTYPE Operation against a key holding the wrong kind of value script: 5c0b, on @user_script:1.'],
  ['NOSCRIPT', 'NOSCRIPT No matching script. Please use EVAL.'],
  ['OOM', "OOM command not allowed when used memory > 'maxmemory'."],
  ['NOREPLICAS', 'NOREPLICAS Not enough good replicas to write.'],
  ['EXECABORT', 'EXECABORT Transaction discarded because of previous errors.'],
  ['READONLY', "READONLY You can't write against a read only replica."],
  ['LOADING', 'LOADING Redis is loading the dataset in memory'],
  ['BUSY', 'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.'],
  ['MASTERDOWN', "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
  ['CLUSTERDOWN', 'CLUSTERDOWN The cluster is down'],
  ['TRYAGAIN', 'TRYAGAIN Multiple keys request during rehashing of slot'],
  ['MISCONF', 'MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.'],
  ['NOAUTH', 'NOAUTH Authentication required.'],
  ['WRONGPASS', 'WRONGPASS invalid username-password pair or user is disabled.'],
  ['NOPERM', "NOPERM this user has no permissions to access one of the keys used as arguments, e.g. 'sess:the-secret-key'"],
  ['MOVED', 'MOVED 3999 127.0.0.1:6381'],
  ['CROSSSLOT', "CROSSSLOT Keys in request don't hash to the same slot"],
  ['ERR', `ERR unknown command '${DATA}'`],
  [
    'OOM',
    "ERR Error running script (call to f_5c0b): @user_script:1: @user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.",
  ],
  [
    'WRONGTYPE',
    'ERR Error running script (call to f_5c0b): @user_script:12: WRONGTYPE Operation against a key holding the wrong kind of value',
  ],
  ['reply', `${DATA} without a prefix`],
  ['reply', `MIXEDcase_${DATA} text`],
  ['reply', ''],
];

const OTHERS: [reason: string, error: unknown][] = [
  ['timeout', new Error('Command timed out')],
  ['timeout', new redis5.TimeoutError()],
  ['timeout', new redis6.TimeoutError()],
  ['timeout', new redis6.CommandTimeoutDuringMaintenanceError(500)],
  ...[redis5, redis6].flatMap(
    ({ AbortError, ClientClosedError, ClientOfflineError, DisconnectsClientError, SocketClosedUnexpectedlyError }) =>
      [AbortError, ClientClosedError, ClientOfflineError, DisconnectsClientError, SocketClosedUnexpectedlyError].map(
        (Class): [string, Error] => ['connection', new Class()],
      ),
  ),
  ['connection', new redis6.SocketTimeoutError(3_000)],
  ['connection', new redis6.MaxCommandRedirectionsError(new redis6.SimpleError(`MOVED 1 ${KEY}`))],
  ['connection', new Error('The queue is full')], // `commandsQueueMaxLength` of node-redis
  ['connection', named('MaxRetriesPerRequestError', 'Reached the max retries per request limit (which is 1).')],
  ['connection', new Error("Stream isn't writeable and enableOfflineQueue options is false")],
  ['connection', new Error("Cluster isn't ready and enableOfflineQueue options is false")],
  ['connection', new Error('Connection is closed.')],
  ['connection', new Error('None of startup nodes is available')],
  ['connection', named('AbortError', 'Command aborted due to connection close', { command: { name: 'hset', args: [KEY, DATA] } })],
  ['connection', named('ClusterAllFailedError', 'Failed to refresh slots cache.', { lastNodeError: reply(`ERR ${DATA}`) })],
  ['connection', new Error(`Too many Cluster redirections. Last error: ReplyError: MOVED 1 ${KEY}`)],
  ['connection', Object.assign(new Error(`write EPIPE ${DATA}`), { code: 'EPIPE' })],
  ['connection', `a string with ${DATA}`],
  ['connection', undefined],
  ['connection', null],
];

describe('toStoreError', () => {
  it.each(REPLIES)('has the reason %s for the reply: %s', (reason, message) => {
    expect(toStoreError(reply(message)).reason).toBe(reason);
  });

  it.each(OTHERS.map(([reason, error]) => ({ reason, text: String(error), error })))(
    'has the reason $reason for: $text',
    ({ reason, error }) => {
      expect(toStoreError(error).reason).toBe(reason);
    },
  );

  const everyError = [...REPLIES.map(([, message]) => reply(message)), ...OTHERS.map(([, error]) => error)];
  it.each(everyError.map((error) => ({ text: String(error), error })))('keeps nothing of: $text', ({ error: original }) => {
    const error = toStoreError(original);
    const shown = [inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), String(error), error.stack].join('\n');
    expect(shown).not.toMatch(/secret|args|evalsha|hset|127\.0\.0\.1|user_script/);
    expect(error).toBeInstanceOf(SessionStoreUnavailableError);
    expect(error).not.toHaveProperty('cause');
  });

  it('leaves a store error as it is', () => {
    const error = new SessionStoreUnavailableError('timeout');
    expect(toStoreError(error)).toBe(error);
  });
});

describe('the kind of an error', () => {
  it('is told for errors inside a script too, also as Redis 6 words them', () => {
    expect(isWrongType(reply(REPLIES[0]![1]))).toBe(true);
    expect(isWrongType(reply('ERR Error running script (call to f_1): @user_script:3: WRONGTYPE Operation against a key'))).toBe(true);
    expect(isReadOnly(reply("ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write"))).toBe(
      true,
    );
  });

  it('is told for a reply of another copy of ioredis', () => {
    expect(isNoScript(named('ReplyError', 'NOSCRIPT No matching script. Please use EVAL.'))).toBe(true);
  });

  it('is told for a reply in an application whose bundler has renamed the class', () => {
    const renamed = (message: string) => Object.defineProperty(reply(message), 'name', { value: 'e' });
    expect(isNoScript(renamed('NOSCRIPT No matching script. Please use EVAL.'))).toBe(true);
    expect(toStoreError(renamed('OOM command not allowed'), 'EVALSHA')).toMatchObject({ reason: 'OOM', command: 'EVALSHA' });
  });

  it('is not told by words elsewhere', () => {
    const others = [
      undefined,
      null,
      'WRONGTYPE x',
      new Error('WRONGTYPE x'),
      reply('WRONGTYPES x'),
      reply('ERR WRONGTYPE x'),
      reply('ERR x: WRONGTYPE x'),
    ];
    expect(others.filter((error) => isWrongType(error) || isNoScript(error) || isReadOnly(error))).toEqual([]);
  });
});

describe('safeCodeOf', () => {
  it.each([
    ['ECONNREFUSED', Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:6379'), { code: 'ECONNREFUSED' })],
    ['ERR_TLS_CERT_ALTNAME_INVALID', Object.assign(new Error('x'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })],
    ['WRONGPASS', reply('WRONGPASS invalid username-password pair')],
    ['ETIMEDOUT', named('ClusterAllFailedError', 'x', { lastNodeError: Object.assign(new Error('x'), { code: 'ETIMEDOUT' }) })],
    [undefined, Object.assign(new Error('x'), { code: `odd ${DATA}` })],
    [undefined, Object.assign(new Error('x'), { code: 7 })],
    [undefined, new Error(DATA)],
    [undefined, undefined],
  ])('is %s', (code, error: unknown) => {
    expect(safeCodeOf(error)).toBe(code);
  });
});
