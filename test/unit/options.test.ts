import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { runInNewContext } from 'node:vm';
import expressSession from 'express-session';
import { Cluster, Redis } from 'ioredis';
import { RedisStore } from 'connect-redis';
import { RedisStore as RedisStore9 } from 'connect-redis9';
import { createClient } from 'redis';
import { MemorySessionStore, RedisSessionConfigError, RedisSessionStore } from '../../src/index.js';
import { createCookie, restartMaxAge } from '../../src/http/cookie/cookie.js';
import { SessionCookie } from '../../src/http/cookie/session-cookie.js';
import { shortSecretWarning } from '../../src/http/request/session-option-problems.js';
import { resolveOptions, type RedisSessionOptions, type ResolvedRedisSessionOptions } from '../../src/redis-session.options.js';
import { assertTakes } from '../../src/redis-session.stores.js';
import { unknownNames } from '../../src/session/option-checks.js';

const PASSWORD = 'kept-to-ourselves';
const URL = `redis://:${PASSWORD}@127.0.0.1:6379`;
const SECRET = 'a secret of 32 bytes or more, kept to ourselves';
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Options that are right but for what is given, which no type has checked. */
function options({ session = {}, ...rest }: Record<string, unknown> = {}): RedisSessionOptions {
  return { redis: URL, session: { secret: SECRET, ...(session as object) }, ...rest };
}

function problemsOf(given: unknown, production = false): readonly string[] {
  try {
    resolveOptions(given as RedisSessionOptions, production);
    return [];
  } catch (error) {
    if (error instanceof RedisSessionConfigError) return error.problems;
    throw error;
  }
}

const resolve = (given: RedisSessionOptions) => resolveOptions(given, true);

function client<Client extends Redis | Cluster>(made: Client): Client {
  made.disconnect();
  return made;
}

describe('a wrong option is named, with the rule and the cure', () => {
  type Case = [what: string, given: unknown, option: string, rule: string | RegExp, cure: string | RegExp];

  test.each<Case>([
    ['no secret', options({ session: { secret: undefined } }), 'session.secret', 'non-empty string', 'openssl rand -base64 32'],
    ['an empty secret', options({ session: { secret: '' } }), 'session.secret', 'received an empty string', 'openssl'],
    ['no secrets', options({ session: { secret: [] } }), 'session.secret', 'received an array', 'openssl'],
    ['an empty one among secrets', options({ session: { secret: [SECRET, ''] } }), 'session.secret', 'must not hold an empty', 'openssl'],
    ['a missing one among secrets', options({ session: { secret: [undefined, SECRET] } }), 'session.secret', 'must not hold', 'openssl'],
    ['a secret of another type', options({ session: { secret: 123_456_789 } }), 'session.secret', 'received a number', 'openssl'],
    ['one of another type among secrets', options({ session: { secret: [SECRET, 123_456_789] } }), 'session.secret', 'a number', 'openssl'],
    [
      'an asymmetric key',
      options({ session: { secret: generateKeyPairSync('ed25519').privateKey } }),
      'session.secret',
      'must not',
      'openssl',
    ],
    ['no session options', { redis: URL }, 'session', 'object with at least "secret"', 'received undefined'],

    ['a name with a semicolon', options({ session: { name: 'sid;x' } }), 'session.name', 'RFC 6265', 'Use something like "sid"'],
    ['a name with a line break', options({ session: { name: 'sid\r\nX-Evil: 1' } }), 'session.name', 'RFC 6265', 'Use something'],
    ['an empty name', options({ session: { name: '' } }), 'session.name', 'cookie name', 'Use something'],
    [
      'a cookie that is none',
      options({ session: { cookie: 'sid' } }),
      'session.cookie',
      'an object, or a function that returns one',
      'received a string',
    ],
    [
      'rolling of another type',
      options({ session: { rolling: 'always' } }),
      'session.rolling',
      'true, false or "touch"',
      'received a string',
    ],
    ['resave of another type', options({ session: { resave: 'false' } }), 'session.resave', 'true or false', 'received a string'],
    ['unset of another type', options({ session: { unset: 'delete' } }), 'session.unset', '"destroy" or "keep"', 'received a string'],
    ['another middleware', options({ session: { middleware: 'koa' } }), 'session.middleware', '"builtin" or "express-session"', 'received'],
    ['genid that is no function', options({ session: { genid: 'uuid' } }), 'session.genid', 'must be a function', 'unguessable'],

    ['csrf of another type', options({ session: { csrf: 'true' } }), 'session.csrf', 'true, false or an object', 'Set it to true'],
    ['csrf null', options({ session: { csrf: null } }), 'session.csrf', 'received null', 'Set it to true'],
    ['origins in place of csrf', options({ session: { csrf: ['https://a.b'] } }), 'session.csrf', 'received an array', 'Set it to true'],
    ['strict as text', options({ session: { csrf: { strict: 'yes' } } }), 'session.csrf.strict', 'true or false', 'Leave it out for false'],
    ['an unknown name in csrf', options({ session: { csrf: { trusted: [] } } }), 'session.csrf.trusted', 'is not an option', 'Known names'],
    [
      'one origin without brackets',
      options({ session: { csrf: { trustedOrigins: 'https://a.b' } } }),
      'session.csrf.trustedOrigins',
      'array of origins, received a string',
      'in brackets',
    ],
    ...[
      'a.b',
      'https://a.b/',
      'https://a.b/path',
      'https://a.b?query',
      'https://a.b#part',
      'https://*.a.b',
      'https://A.b',
      'HTTPS://a.b',
      'https://a.b:443',
      'http://a.b:80',
      'https://a.b:',
      'https://a.b:0443',
      'https://a.b:70000',
      `https://user:${PASSWORD}@a.b`,
      'https://münchen.example',
      'https://a.b, https://c.d',
      ' https://a.b',
      'https://1.2.3',
      'http://[0:0:0:0:0:0:0:1]',
      'http://[::1',
      'https://',
      '//a.b',
      'null',
      '*',
      '',
      null,
      undefined,
      5,
    ].map((origin): Case => [
      `the trusted origin ${JSON.stringify(origin)}`,
      options({ session: { csrf: { trustedOrigins: ['https://right.example', origin] } } }),
      'session.csrf.trustedOrigins[1]',
      'exactly as browsers send it',
      'Use something like "https://app.example.com"',
    ]),

    ...[null, {}, () => true, 1n].map((proxy): Case => [
      `a proxy that is of the type ${typeof proxy}`,
      options({ session: { proxy } }),
      'session.proxy',
      'must be true, false, a number of proxies, or their addresses',
      'Leave it out',
    ]),
    ...[-1, 1.5, NaN, Infinity].map((proxy): Case => [
      `${proxy} proxies`,
      options({ session: { proxy } }),
      'session.proxy',
      'must be a whole number of proxies, 0 or more',
      'Count those between your users and this process',
    ]),
    ...['', ' ', '10.0.0', '10.0.0.256', '10.0.0.1/33', '10.0.0.1/x', '010.0.0.1', 'proxy.internal', 'http://10.0.0.1', '10.0.0.1:80'].map(
      (address): Case => [
        `the proxy ${JSON.stringify(address)}`,
        options({ session: { proxy: ['10.0.0.1', address] } }),
        'session.proxy[1]',
        'must be an IP address, a range such as "10.0.0.0/8", "loopback", "linklocal" or "uniquelocal"',
        'Host names are not looked up',
      ],
    ),
    ...['10.0.0.1,', '10.0.0.1, proxy.internal'].map((text): Case => [
      `the proxies ${JSON.stringify(text)}`,
      options({ session: { proxy: text } }),
      'session.proxy',
      '(address 2) must be an IP address',
      'Host names are not looked up',
    ]),
    ['a number of proxies as text', options({ session: { proxy: '1' } }), 'session.proxy', 'must be an IP address', 'without quotes'],
    ['true as text', options({ session: { proxy: 'true' } }), 'session.proxy', 'must be an IP address', 'without quotes'],
    ['a proxy that is no text', options({ session: { proxy: [1] } }), 'session.proxy[0]', 'must be an IP address', 'Host names'],

    ['a negative maxAge', options({ session: { cookie: { maxAge: -1 } } }), 'session.cookie.maxAge', 'positive finite', 'Leave it out'],
    [
      'maxAge as text',
      options({ session: { cookie: { maxAge: '1800000' } } }),
      'session.cookie.maxAge',
      'number of milliseconds',
      'Leave it out',
    ],
    ['an infinite maxAge', options({ session: { cookie: { maxAge: Infinity } } }), 'session.cookie.maxAge', 'finite', 'Leave it out'],
    ['expires as text', options({ session: { cookie: { expires: 'soon' } } }), 'session.cookie.expires', 'must be a Date', 'maxAge'],
    [
      'an invalid Date',
      options({ session: { cookie: { expires: new Date('soon') } } }),
      'session.cookie.expires',
      'must be a Date',
      'maxAge',
    ],
    [
      'sameSite none',
      options({ session: { cookie: { sameSite: 'none' } } }),
      'session.cookie.sameSite',
      'only with a secure',
      '"session.cookie.secure"',
    ],
    [
      'sameSite None, not secure',
      options({ session: { cookie: { sameSite: 'None', secure: false } } }),
      'session.cookie.sameSite',
      'only with a secure',
      '"session.cookie.secure" to true',
    ],
    [
      'an unknown sameSite',
      options({ session: { cookie: { sameSite: 'relaxed' } } }),
      'session.cookie.sameSite',
      '"lax", "strict", "none"',
      'received',
    ],
    [
      'secure as text',
      options({ session: { cookie: { secure: 'true' } } }),
      'session.cookie.secure',
      'true, false or "auto"',
      'received a string',
    ],
    [
      'an unknown priority',
      options({ session: { cookie: { priority: 'urgent' } } }),
      'session.cookie.priority',
      '"low", "medium" or "high"',
      'received',
    ],
    [
      'partitioned, not secure',
      options({ session: { cookie: { partitioned: true } } }),
      'session.cookie.partitioned',
      'secure',
      'Set "session.cookie.secure"',
    ],
    [
      '__Host- with a domain',
      options({ session: { name: '__Host-sid', cookie: { secure: true, domain: 'example.com' } } }),
      'session.name',
      '"__Host-" only for a secure cookie with path "/" and no domain',
      'Change the name or those attributes',
    ],
    [
      '__Host- with a path',
      options({ session: { name: '__Host-sid', cookie: { path: '/app' } } }),
      'session.name',
      '"__Host-"',
      'Change the name',
    ],
    [
      '__Host-, not secure',
      options({ session: { name: '__Host-sid', cookie: { secure: false } } }),
      'session.name',
      '"__Host-"',
      'Change the name',
    ],
    [
      '__host- in other letters, with a domain',
      options({ session: { name: '__host-sid', cookie: { domain: 'example.com' } } }),
      'session.name',
      '"__Host-"',
      'Change the name',
    ],
    [
      '__Secure-, not secure',
      options({ session: { name: '__Secure-a', cookie: { secure: false } } }),
      'session.name',
      '"__Secure-"',
      'Change the name',
    ],
    [
      'a domain with a semicolon',
      options({ session: { cookie: { domain: 'a.b; Path=/x' } } }),
      'session.cookie.domain',
      'domain name',
      'Leave it out',
    ],
    [
      'a domain with a line break',
      options({ session: { cookie: { domain: 'a.b\r\nX: 1' } } }),
      'session.cookie.domain',
      'domain name',
      'Leave it out',
    ],
    [
      'a domain with a port',
      options({ session: { cookie: { domain: 'a.b:3000' } } }),
      'session.cookie.domain',
      'without protocol and port',
      'Leave it out',
    ],
    [
      'a path with a semicolon',
      options({ session: { cookie: { path: '/;Domain=b.c' } } }),
      'session.cookie.path',
      'without ";"',
      'Leave it out for "/"',
    ],
    ['a relative path', options({ session: { cookie: { path: 'app' } } }), 'session.cookie.path', 'begin with "/"', 'Leave it out'],

    ['a ttl of 0', options({ store: { ttl: 0 } }), 'store.ttl', 'positive finite number, received 0', 'Leave it out for 1800'],
    ['a ttl as text', options({ store: { ttl: '1800' } }), 'store.ttl', 'received a string', 'Leave it out'],
    ['a ttl that is no number', options({ store: { ttl: Number.NaN } }), 'store.ttl', 'received NaN', 'Leave it out'],
    ['a ttl as function', options({ store: { ttl: () => 1_800 } }), 'store.ttl', 'received a function', 'Leave it out'],
    [
      'rotateAfter without a grace',
      options({ store: { rotateAfter: 3_600, rotationGrace: 0 } }),
      'store.rotateAfter',
      'above 0',
      'Leave "store.rotationGrace" out',
    ],
    [
      'an absoluteTtl below ttl',
      options({ store: { ttl: 3_600, absoluteTtl: 600 } }),
      'store.absoluteTtl',
      'idle timeout (3600 s)',
      'lower "store.ttl"',
    ],
    [
      'an absoluteTtl below the default idle',
      options({ store: { absoluteTtl: 600 } }),
      'store.absoluteTtl',
      'idle timeout (1800 s)',
      'Raise it',
    ],
    [
      'an absoluteTtl below maxAge, whatever ttl says',
      options({ session: { cookie: { maxAge: DAY } }, store: { ttl: 60, absoluteTtl: 3_600 } }),
      'store.absoluteTtl',
      'idle timeout (86400 s)',
      'lower "session.cookie.maxAge"',
    ],
    [
      'an infinite absoluteTtl',
      options({ store: { absoluteTtl: Infinity } }),
      'store.absoluteTtl',
      'positive finite',
      'false for no absolute timeout',
    ],
    ['a negative touchAfter', options({ store: { touchAfter: -1 } }), 'store.touchAfter', '0 or a positive', 'Leave it out for 60'],
    ['a deadline of 0', options({ store: { deadline: 0 } }), 'store.deadline', 'positive finite', 'Leave it out for 1000'],
    ['a limit of 0', options({ store: { maxFields: 0 } }), 'store.maxFields', 'positive finite', 'Leave it out for 128'],
    [
      'a glob in prefix',
      options({ store: { prefix: 'shop*' } }),
      'store.prefix',
      'without the characters',
      'Use something like "shop:sess:"',
    ],
    ['a brace in prefix', options({ store: { prefix: '{shop}:' } }), 'store.prefix', 'one Cluster node', 'Use something'],
    ['an empty prefix', options({ store: { prefix: '' } }), 'store.prefix', 'non-empty', 'Use something'],
    [
      'a prefix within the one of another application',
      options({ store: { prefix: 'x:user:' } }),
      'store.prefix',
      '"user:"',
      'Put another word',
    ],
    ['the same with revokeBefore', options({ store: { prefix: 'x:not-before:' } }), 'store.prefix', '"not-before:"', 'Put another word'],
    [
      'half a serializer',
      options({ store: { serializer: { parse: JSON.parse } } }),
      'store.serializer',
      'stringify and parse',
      'Leave it out for JSON',
    ],
    [
      'an asynchronous serializer',
      options({ store: { serializer: { parse: JSON.parse, stringify: async () => '' } } }),
      'store.serializer',
      'must be synchronous',
      'Leave it out',
    ],
    [
      'a serializer whose promises are of another realm',
      options({ store: { serializer: { parse: JSON.parse, stringify: runInNewContext('async () => ""') } } }),
      'store.serializer',
      'its "stringify" returns a promise',
      'Leave it out',
    ],
    [
      'a serializer whose parse is asynchronous, and fails',
      options({ store: { serializer: { parse: async (text: string) => JSON.parse(`${text}}`), stringify: JSON.stringify } } }),
      'store.serializer',
      'its "parse" returns a promise',
      'Leave it out',
    ],
    [
      'a serializer whose parse gives a thenable',
      // oxlint-disable-next-line unicorn/no-thenable -- what an application may return
      options({ store: { serializer: { parse: () => ({ then: () => undefined }), stringify: JSON.stringify } } }),
      'store.serializer',
      'its "parse" returns a promise',
      'Leave it out',
    ],
    ...[8.64e15, 8.6399e15, Number.MAX_SAFE_INTEGER, 1e300].map((maxAge): Case => [
      `a maxAge of ${maxAge}, whose date does not exist`,
      options({ session: { cookie: { maxAge } } }),
      'session.cookie.maxAge',
      'a date that does not exist',
      '34560000000 for 400 days',
    ]),
    [
      'a domain with a label of 64 characters',
      options({ session: { cookie: { domain: `${'a'.repeat(64)}.com` } } }),
      'session.cookie.domain',
      'domain name',
      'Leave it out',
    ],
    [
      'logErrors of another type',
      options({ store: { logErrors: 'yes' } }),
      'store.logErrors',
      'true, false or a function',
      'received a string',
    ],
    [
      'an unknown kind',
      options({ store: { kind: 'file' } }),
      'store.kind',
      '"hash", "connect-redis" or "memory"',
      'Leave it out for "hash"',
    ],
    ['a store that is none', options({ store: 'redis' }), 'store', 'an object, a SessionStore or a store made for', 'received a string'],
    ['context that is no switch', options({ context: 'on' }), 'context', 'must be true or false', 'Set it to true to inject'],
    ['passive that is no function', options({ session: { passive: true } }), 'session.passive', 'must be a function', 'received a boolean'],
    ['a header that is no name', options({ session: { header: 'X Session' } }), 'session.header', 'the name of a header', '"X-Session"'],
    ['a header that is no text', options({ session: { header: true } }), 'session.header', 'the name of a header', '"X-Session"'],
    ...[
      'Cookie',
      'set-cookie',
      'AUTHORIZATION',
      'Host',
      'Content-Type',
      'Sec-Session',
      'Proxy-Authorization',
      'Vary',
      'X-Forwarded-For',
    ].map((header): Case => [
      `the header ${header}`,
      options({ session: { header } }),
      'session.header',
      'has a meaning already',
      '"X-Session"',
    ]),
    [
      'a header with express-session',
      options({ session: { header: 'X-Session', middleware: 'express-session' } }),
      'session.header',
      'in its cookie only',
      'Leave one of the two out',
    ],
    ['identity that is no function', options({ identity: 'user' }), 'identity', 'must be a function', 'received a string'],

    ['no redis', options({ redis: undefined }), 'redis', 'must be a URL', 'Set it, for example to "redis://localhost:6379"'],
    ['an empty redis', options({ redis: '' }), 'redis', 'received an empty string', 'Set it'],
    ['redis null', options({ redis: null }), 'redis', 'received null', 'Set it'],
    ['redis without content', options({ redis: {} }), 'redis', 'nothing in it has a value', 'Use something like { host'],
    [
      'redis of missing variables',
      options({ redis: { host: undefined, port: undefined, password: '' } }),
      'redis',
      'nothing in it has a value',
      'Use something like { host',
    ],
    ['a URL of nothing', options({ redis: 'redis://' }), 'redis', 'nothing in it has a value', 'Use something like { host'],
    ['an empty host', options({ redis: { host: '', password: PASSWORD } }), 'redis.host', 'not be an empty string', 'Set it'],
    ['an empty path', options({ redis: { path: '', password: PASSWORD } }), 'redis.path', 'not be an empty string', 'Set it'],
    ['events of another kind', options({ store: { events: 'all' } }), 'store.events', '"local" or "cluster"', 'Leave it out for "local"'],
    ['events that are no word', options({ store: { events: true } }), 'store.events', 'received a boolean', 'Leave it out'],
    ['shared events in memory', options({ store: { kind: 'memory', events: 'cluster' } }), 'store.events', 'no Redis', 'Leave it out'],
    ...(
      [
        ['an absolute timeout', { absoluteTtl: 28_800 }],
        ['a new secret', { rotateAfter: 600 }],
        ['a number of sessions', { maxSessionsPerUser: 5 }],
        ['revokeBefore', { revokeBefore: true }],
        ['devices', { track: { ip: true } }],
      ] as const
    ).map<Case>(([what, store]) => [
      `${what} in the layout of connect-redis`,
      options({ store: { kind: 'connect-redis', ...store } }),
      `store.${Object.keys(store)[0]}`,
      'must not be set with "store.kind" "connect-redis"',
      'Leave it out, or set "store.kind" to "hash"',
    ]),
    ['no redis for connect-redis', options({ redis: undefined, store: { kind: 'connect-redis' } }), 'redis', 'must be a URL', 'Set it'],
    ['another protocol', options({ redis: `http://:${PASSWORD}@localhost` }), 'redis', 'begins with redis://', 'Use something like'],
    ['a URL that cannot be read', options({ redis: `redis://:${PASSWORD}#@:x` }), 'redis', 'cannot be read', 'encodeURIComponent'],
    ['a cluster without nodes', options({ redis: { cluster: [] } }), 'redis.cluster', 'at least one node', 'Use something like'],
    [
      'sentinels without a name',
      options({ redis: { sentinels: [{ host: 'a' }], password: PASSWORD } }),
      'redis.sentinels',
      'name',
      'Set both',
    ],
    [
      'reads from replicas of a cluster',
      options({ redis: { cluster: [{}], options: { scaleReads: 'all' } } }),
      'redis',
      'replicas',
      'Leave that',
    ],
    [
      'reads from replicas of a sentinel',
      options({ redis: { sentinels: [{}], name: 'm', role: 'slave' } }),
      'redis',
      'replicas',
      'Leave that',
    ],
    [
      'a given cluster that reads from replicas',
      options({ redis: client(new Cluster([{}], { scaleReads: 'slave', lazyConnect: true })) }),
      'redis',
      'a revoked session would still answer',
      'Leave that setting out',
    ],
    [
      'the password as connect-redis had it',
      options({ redis: { host: 'a', pass: PASSWORD } }),
      'redis.pass',
      'ioredis',
      '"redis.password"',
    ],
    ['the host as URLs have it', options({ redis: { hostname: 'a' } }), 'redis.hostname', 'ioredis', '"redis.host"'],
    ['the socket as node-redis has it', options({ redis: { socket: { host: 'a' } } }), 'redis.socket', 'ioredis', '"redis.host"'],
    ['the password beside a cluster', options({ redis: { cluster: [{}], password: PASSWORD } }), 'redis.password', 'not an option', 'Did'],
    ['the URL as node-redis has it', options({ redis: { url: URL } }), 'redis.url', 'ioredis', 'Give the URL itself'],
    ['a client as connect-redis has it', options({ redis: { client: {} } }), 'redis.client', 'ioredis', 'Give the client itself'],
    ['a store option beside the host', options({ redis: { host: 'a', ttl: 1 } }), 'redis.ttl', 'ioredis', '"store.ttl"'],
    [
      'where the module is visible, from a factory',
      options({ isGlobal: false }),
      'isGlobal',
      'what a factory returns',
      'beside "useFactory"',
    ],
    ['the global guard, from a factory', options({ globalGuard: true }), 'globalGuard', 'what a factory returns', 'beside "useFactory"'],
    ['a typo in it', options({ isglobal: false }), 'isglobal', 'is not an option', 'Did you mean "isGlobal"'],

    ['keyPrefix', options({ redis: { host: 'a', keyPrefix: 'shop:', password: PASSWORD } }), 'redis', '"keyPrefix"', 'Use "store.prefix"'],
    ['keyPrefix in the URL', options({ redis: `${URL}?keyPrefix=shop:` }), 'redis', '"keyPrefix"', 'Use "store.prefix"'],
    [
      'a given client with a keyPrefix',
      options({ redis: client(new Redis({ keyPrefix: 'shop:', password: PASSWORD, lazyConnect: true })) }),
      'redis',
      'keys would get two prefixes',
      'Use "store.prefix"',
    ],
  ])('%s', (_, given, option, rule, cure) => {
    const problems = problemsOf(given);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^"${option.replaceAll(/[.[\]]/g, String.raw`\$&`)}"`));
    expect(problems[0]).toMatch(rule);
    expect(problems[0]).toMatch(cure);
    expect(problems[0]).not.toMatch(new RegExp(`${PASSWORD}|${SECRET}|123_?456_?789`));
  });

  test.each([undefined, null, 'redis://localhost', 5])('options that are %p', (given) => {
    expect(problemsOf(given)).toEqual([expect.stringMatching(/^The options must be an object, received .* See the README\.$/)]);
  });

  test('all at once', () => {
    const problems = problemsOf({ redis: '', session: { secret: '', resave: 1 }, store: { ttl: -1 }, identity: {}, extra: true });
    const named = ['"extra"', '"session.secret"', '"session.resave"', '"redis"', '"store.ttl"', '"identity"'];
    expect(problems.map((problem) => problem.split(' ', 1)[0])).toEqual(named);
  });
});

describe('an unknown name', () => {
  test.each([
    [options({ sesion: {} }), '"sesion"', 'session'],
    [options({ secret: SECRET }), '"secret"', 'session.secret'],
    [options({ ttl: 1_800 }), '"ttl"', 'store.ttl'],
    [options({ session: { saveUninitialised: false } }), '"session.saveUninitialised"', 'saveUninitialized'],
    [options({ session: { maxAge: MINUTE } }), '"session.maxAge"', 'session.cookie.maxAge'],
    [options({ session: { sameSite: 'lax' } }), '"session.sameSite"', 'session.cookie.sameSite'],
    [options({ session: { key: 'sid' } }), '"session.key"', 'session.name'],
    [options({ session: { store: {} } }), '"session.store"', 'store'],
    [options({ session: { cookie: { httponly: true } } }), '"session.cookie.httponly"', 'httpOnly'],
    [options({ session: { cookie: { max_age: 1 } } }), '"session.cookie.max_age"', 'maxAge'],
    [options({ store: { absoluteTTL: 28_800 } }), '"store.absoluteTTL"', 'absoluteTtl'],
    [options({ store: { maxField: 1 } }), '"store.maxField"', 'maxFields'],
    [options({ store: { client: {} } }), '"store.client"', 'redis'],
    [options({ redis: { cluster: [{}], option: {} } }), '"redis.option"', 'options'],
    [options({ redis: { cluster: [{}], redisOptions: {} } }), '"redis.redisOptions"', 'redis.options.redisOptions'],
  ])('%#: is answered with "did you mean"', (given, name, meant) => {
    expect(problemsOf(given)).toEqual([`${name} is not an option. Did you mean "${meant}"?`]);
  });

  test('that resembles several is answered with the nearest', () => {
    expect(unknownNames('', { maxByte: 1 }, ['maxBits', 'maxBytes'])).toEqual(['"maxByte" is not an option. Did you mean "maxBytes"?']);
  });

  test('that resembles none is answered with the known ones', () => {
    expect(problemsOf(options({ store: { disableTouch: true } }))[0]).toMatch(
      /^"store.disableTouch" is not an option\. Known names: kind, events, migrate, prefix, ttl, /,
    );
  });

  test("that resembles one of the module's own names is answered with that", () => {
    expect(problemsOf(options({ store: { event: 'cluster' } }))).toEqual(['"store.event" is not an option. Did you mean "events"?']);
  });
});

describe('a secret below 32 bytes', () => {
  test.each<[string, unknown]>([
    ['text', 'keyboard cat'],
    ['the second of two', [SECRET, 'keyboard cat']],
    ['a Buffer', Buffer.alloc(31)],
    ['an ArrayBuffer', new ArrayBuffer(31)],
    ['a KeyObject', createSecretKey(Buffer.alloc(31))],
  ])('%s: is an error in production and a warning elsewhere', (_, secret) => {
    const given = options({ session: { secret } });
    expect(problemsOf(given, true)).toEqual([
      expect.stringMatching(/^"session.secret" must have at least 32 bytes in production\. Make one/),
    ]);
    expect(problemsOf(given, false)).toEqual([]);
    expect(shortSecretWarning(given.session, false)).toMatch(
      /^"session.secret" has fewer than 32 bytes; this is an error in production\. Make one/,
    );
    expect(shortSecretWarning(given.session, false)).not.toContain('keyboard');
  });

  test('is a warning in production too while sessions are moved in that it has signed', () => {
    const session = { name: 'connect.sid', secret: 'keyboard cat' };
    for (const migrate of ['prepare', 'convert'] as const) expect(problemsOf(options({ session, store: { migrate } }), true)).toEqual([]);
    expect(problemsOf(options({ session, store: {} }), true)).toHaveLength(1);
  });

  test('is counted in bytes', () => {
    expect(problemsOf(options({ session: { secret: 'ü'.repeat(16) } }), true)).toEqual([]);
    expect(shortSecretWarning({ secret: SECRET }, false)).toBeUndefined();
  });
});

describe('a configuration of express-session starts as it stands', () => {
  test.each<[string, object]>([
    ['the usual one', { name: 'sid', resave: true, rolling: true, saveUninitialized: false, cookie: { maxAge: 30 * MINUTE } }],
    ['a cookie of 30 days', { cookie: { maxAge: 30 * DAY } }],
    ['maxAge null', { cookie: { path: '/', httpOnly: true, secure: false, maxAge: null } }],
    ['attributes that are there and undefined', { cookie: { maxAge: undefined, domain: undefined, path: undefined, sameSite: undefined } }],
    ['no domain, in other words', { name: '__Host-sid', cookie: { secure: true, domain: '' } }],
    ['words in upper case', { cookie: { sameSite: 'Strict', priority: 'High' } }],
    ['expires', { cookie: { expires: new Date(Date.now() + DAY) } }],
    ['expires: false, as its older documents had it', { cookie: { expires: false } }],
    ['a domain with a dot in front', { cookie: { domain: '.example.com' } }],
    ['a cookie function', { cookie: () => ({ secure: 'auto' }) }],
    ['secrets', { secret: [SECRET, `older ${SECRET}`] }],
    ['a Buffer', { secret: Buffer.alloc(32, 1) }],
    ['an ArrayBuffer', { secret: new ArrayBuffer(32) }],
    ['a KeyObject', { secret: createSecretKey(Buffer.alloc(32, 1)) }],
    ...[
      true,
      false,
      0,
      1,
      'loopback',
      '10.0.0.1',
      '10.0.0.0/255.0.0.0',
      'loopback, linklocal,uniquelocal',
      'fc00::/7',
      ['::1', '::ffff:10.0.0.1', '10.0.0.0/8'],
      [],
    ].map((proxy): [string, object] => [`proxy: ${JSON.stringify(proxy)}`, { proxy }]),
    ['everything', { genid: () => 'id', proxy: true, unset: 'destroy', rolling: false, saveUninitialized: true, resave: false }],
  ])('%s', (_, session) => {
    expect(problemsOf(options({ session }), true)).toEqual([]);
    expect(() =>
      expressSession({ secret: SECRET, resave: false, saveUninitialized: false, ...session, store: new expressSession.MemoryStore() }),
    ).not.toThrow();
  });

  test.each<[string, object, object]>([
    ['maxAge wins over a longer ttl', { cookie: { maxAge: 5 * MINUTE } }, { ttl: 86_400, absoluteTtl: 3_600 }],
    ['maxAge wins over the default ttl', { cookie: { maxAge: 5 * MINUTE } }, { absoluteTtl: 600 }],
    ['a ttl of 30 days', {}, { ttl: (30 * DAY) / 1_000 }],
    ['absoluteTtl as long as the idle timeout', {}, { ttl: 3_600, absoluteTtl: 3_600 }],
    ['no absolute timeout', { cookie: { maxAge: 30 * DAY } }, { absoluteTtl: false }],
  ])('%s', (_, session, store) => {
    expect(problemsOf(options({ session, store }), true)).toEqual([]);
  });
});

test.each<[string | object]>([
  ['redis:///1'],
  [{ port: 6_380 }],
  [{ path: '/run/redis.sock', host: '' }],
  [{ host: 'a', path: '', username: '', password: undefined, user: undefined }],
  [{ sentinels: [{ host: 'a' }], name: 'm', host: '' }],
  [{ cluster: [{ host: 'a' }], options: undefined }],
])('Redis may be at %j, as ioredis has it', (redis) => {
  expect(problemsOf(options({ redis }), true)).toEqual([]);
});

describe('resolved', () => {
  test('nothing given: the defaults', () => {
    const { session, store, redis, identity } = resolve({ redis: URL, session: { secret: SECRET } });
    expect({ redis, identity, session: { ...session, secrets: session.secrets } }).toEqual({
      redis: URL,
      identity: undefined,
      session: {
        name: 'sid',
        secrets: [SECRET],
        cookie: {},
        rolling: 'touch',
        resave: false,
        saveUninitialized: false,
        unset: 'keep',
        proxy: undefined,
        genid: undefined,
        noStore: true,
        middleware: 'builtin',
        csrf: { everywhere: false, trustedOrigins: new Set(), strict: false },
      },
    });
    expect(store).toMatchObject({
      kind: 'hash',
      events: 'local',
      settings: {
        prefix: 'sess:',
        idle: 1_800_000,
        absolute: 28_800_000,
        touchAfter: 60_000,
        rotationGrace: 10_000,
        maxBytes: 65_536,
        maxFieldBytes: 16_384,
        maxFields: 128,
        deadline: 1_000,
      },
    });
  });

  const nameOf = (cookie: object) => resolve(options({ session: { cookie } })).session.name;

  test('the cookie is called __Host-sid where that is allowed for certain', () => {
    expect(nameOf({ secure: true })).toBe('__Host-sid');
    expect(nameOf({ secure: true, domain: '', path: '/' })).toBe('__Host-sid');
    expect([{}, { secure: 'auto' }, { secure: true, path: '/a' }, { secure: true, domain: 'a.b' }].map(nameOf)).toEqual(
      Array(4).fill('sid'),
    );
  });

  test('undefined is no wish', () => {
    const unset = { session: { secret: SECRET, rolling: undefined, cookie: undefined }, store: { ttl: undefined, kind: undefined } };
    const plain = resolve({ redis: URL, session: { secret: SECRET } });
    const { store, redis, session, identity } = resolve({ redis: URL, ...unset });
    expect({ redis, session, secrets: session.secrets, identity }).toEqual({
      redis: plain.redis,
      session: plain.session,
      secrets: plain.session.secrets,
      identity: undefined,
    });
    expect(store).toMatchObject({ kind: 'hash', settings: { idle: 1_800_000 } });
  });

  test('undefined in a cookie is no wish either', () => {
    const cookie = { maxAge: MINUTE, httpOnly: undefined, secure: undefined };
    expect(resolve(options({ session: { cookie } })).session.cookie).toStrictEqual({ maxAge: MINUTE });
    const made = new SessionCookie(resolve(options({ session: { cookie: () => cookie } })).session, () => undefined).configured({
      headers: {},
    } as IncomingMessage);
    expect(made).toMatchObject({ maxAge: MINUTE, httpOnly: true, secure: false });
  });

  test('csrf is everywhere, with what was given', () => {
    const resolveCsrf = (csrf: unknown) => resolve(options({ session: { csrf } })).session.csrf;
    const trustedOrigins = [
      'https://a.b',
      'http://a.b:8080',
      'https://xn--mnchen-3ya.example',
      'http://[::1]:3000',
      'capacitor://localhost',
    ];
    expect(resolveCsrf(true)).toEqual({ everywhere: true, trustedOrigins: new Set(), strict: false });
    expect(resolveCsrf({})).toEqual(resolveCsrf(true));
    expect(resolveCsrf({ trustedOrigins: undefined, strict: undefined })).toEqual(resolveCsrf(true));
    expect(resolveCsrf({ trustedOrigins, strict: true })).toEqual({
      everywhere: true,
      trustedOrigins: new Set(trustedOrigins),
      strict: true,
    });
    expect(resolveCsrf(false)).toEqual({ everywhere: false, trustedOrigins: new Set(), strict: false });
  });

  test('in memory, and with a store of the application, Redis is not needed', () => {
    const store = new MemorySessionStore();
    const session = { secret: SECRET };
    expect(resolve({ session, store: { kind: 'memory' } })).toMatchObject({ redis: undefined, store: { kind: 'memory' } });
    expect(resolve({ session, store })).toMatchObject({ redis: undefined, store });
    expect(resolve({ redis: URL, session, store: { kind: 'memory' } }).redis).toBeUndefined();
    expect(resolve({ redis: URL, session, store }).redis).toBe(URL);
  });

  test('secrets are copied, so that changing the array changes nothing', () => {
    const secrets = [SECRET];
    const resolved: ResolvedRedisSessionOptions = resolve({ redis: URL, session: { secret: secrets } });
    secrets.push('another');
    expect(resolved.session.secrets).toEqual([SECRET]);
  });
});

describe('a RedisSessionStore by itself', () => {
  test.each<[string, unknown, string, string]>([
    ['nothing', undefined, 'received undefined', 'Make one'],
    ['a URL', URL, 'received a string', 'Make one'],
    [
      'the options of connect-redis',
      { client: client(new Redis(URL)), prefix: 'shop:' },
      'as connect-redis takes it',
      'Give the client itself',
    ],
    ['a client of another library', { sendCommand: () => undefined }, 'received an object', 'Make one'],
    ['a client that reads from replicas', client(new Cluster([{}], { scaleReads: 'all' })), 'must not read from replicas', 'Leave'],
  ])('refuses %s in the place of a client, before there is a request', (_, given, rule, cure) => {
    const make = () => new RedisSessionStore(given as Redis);
    expect(make).toThrow(RedisSessionConfigError);
    expect(make).toThrow(rule);
    expect(make).toThrow(cure);
    expect(make).not.toThrow(PASSWORD);
  });

  test.each([client(new Redis(URL)), client(new Cluster([{}]))])('takes a client of ioredis', (given) => {
    expect(() => new RedisSessionStore(given)).not.toThrow();
  });
});

describe("kind 'connect-redis'", () => {
  test('takes what asks for nothing that it cannot do', () => {
    const store = { kind: 'connect-redis', absoluteTtl: false, maxSessionsPerUser: undefined, revokeBefore: false, track: { ip: false } };
    expect(problemsOf(options({ store }))).toEqual([]);
  });

  const ioredis = client(new Redis(URL));
  const nodeRedis = createClient();

  test('takes version 8 with a client of ioredis, and version 9 with one of node-redis', () => {
    expect(() => assertTakes(ioredis, { RedisStore })).not.toThrow();
    expect(() => assertTakes(nodeRedis, { RedisStore: RedisStore9 })).not.toThrow();
  });

  test.each([
    ['9 or later', { RedisStore: RedisStore9 }],
    ['7, which has only a default export', {}],
  ])('with version %s and a client of ioredis says why not, and what to type', (_, module) => {
    expect(() => assertTakes(ioredis, module)).toThrow(RedisSessionConfigError);
    expect(() => assertTakes(ioredis, module)).toThrow(/needs version 8 .* take no ioredis client\. Type: npm install connect-redis@8/);
  });

  test('with version 8 and a client of node-redis says why not, and what to type', () => {
    expect(() => assertTakes(nodeRedis, { RedisStore })).toThrow(
      /of node-redis, which needs version 9 .* Type: npm install connect-redis@9/,
    );
  });
});

describe('maxAge', () => {
  afterEach(() => void jest.restoreAllMocks());

  test('is exactly what was asked for, however the clock ticks meanwhile', () => {
    const cookies = new SessionCookie(resolve(options({ session: { cookie: { maxAge: MINUTE } } })).session, () => undefined);
    let now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => ++now);
    const cookie = createCookie(cookies.configured({ socket: {}, headers: {} } as IncomingMessage));
    expect(cookie.originalMaxAge).toBe(MINUTE);
    restartMaxAge(cookie);
    expect(cookie.originalMaxAge).toBe(MINUTE);
    cookie.maxAge = 1_000;
    expect(cookie.originalMaxAge).toBe(1_000);
    expect(createCookie({ originalMaxAge: 5_000, maxAge: MINUTE }).originalMaxAge).toBe(5_000);
    expect(createCookie({ originalMaxAge: null, maxAge: MINUTE })).toMatchObject({ originalMaxAge: null, expires: null });
  });
});
