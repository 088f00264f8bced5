import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../src/index.js';
import { sessionMiddleware } from '../../src/express.js';
import { VerifiedCookies } from '../../src/http/cookie/verified-cookies.js';
import { generateSid } from '../../src/session/sid.js';
import { commandsDuring } from '../support/command-recorder.js';
import { TEST_SECRET } from '../support/create-app.js';
import { plainExpress, serve, type PlainServer } from '../support/plain-app.js';
import { RawClient } from '../support/raw-client.js';
import { signedCookie } from '../support/signed-cookie.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { storedSid } from '../support/stored-sid.js';

const OLD_SECRET = 'the secret before the present one, which is long too';

describe('a request with a cookie', () => {
  let redis: RedisServer;
  let client: Redis;
  let store: RedisSessionStore;
  let app: PlainServer;
  beforeAll(async () => {
    redis = await startRedis();
    client = new Redis(redis.options);
    store = new RedisSessionStore(client, { deadline: 5_000 });
    const session = sessionMiddleware({ secret: [TEST_SECRET, OLD_SECRET], store });
    app = await serve(plainExpress(session, { '/': (request, response) => response.json(request.session['visits'] ?? null) }));
  });
  afterEach(() => redis.client().flushall());
  afterAll(async () => {
    await app.close();
    client.disconnect();
    await redis.stop();
  });

  const ask = async (cookie: string) => (await fetch(app.origin, { headers: { cookie } })).json();

  const valid = signedCookie(generateSid());
  const bad: [string, string][] = [
    ['no value', 'sid='],
    ['no signature', valid.replace(/\..*/, '')],
    ['an empty signature', valid.replace(/\..*/, '.')],
    ['a cut signature', valid.slice(0, -1)],
    ['a longer signature', `${valid}A`],
    ['another secret', signedCookie(generateSid(), { secret: 'not the secret of this application' })],
    ['no sid', `sid=s%3A.${'x'.repeat(43)}`],
    ['a sid that is not signed', `sid=${generateSid()}`],
    ["cookie-parser's JSON mark", `sid=j%3A${encodeURIComponent('{"a":1}')}`],
    ['bad escapes', 'sid=s%3A%E0%A4%A.x%'],
    ['null characters', 'sid=s%3A%00%00.%00'],
    ['thousands of characters', signedCookie('x'.repeat(5_000))],
    ['a name that begins like ours', valid.replace('sid=', 'sid2=')],
    ['a name that ends like ours', valid.replace('sid=', 'xsid=')],
    ['only separators', ';;;=;=;'],
    ['random characters', `sid=s%3A${randomBytes(60).toString('base64url')}.${randomBytes(32).toString('base64')}`],
  ];
  test.each(bad)('that has %s is one without, and costs Redis nothing', async (_, cookie) => {
    const commands = await commandsDuring(redis, store, async () => {
      expect(await ask(cookie)).toBeNull();
    });
    expect(commands).toEqual([]);
  });

  test('costs one command, also when the cookie was seen before', async () => {
    const cookie = signedCookie(await storedSid(store, { visits: 7 }));
    const commands = await commandsDuring(redis, store, async () => {
      for (let request = 0; request < 3; request++) expect(await ask(cookie)).toBe(7);
    });
    expect(commands).toEqual(['hgetall', 'hgetall', 'hgetall']);
  });

  test('is never believed for a right one that was seen with the same sid', async () => {
    const sid = await storedSid(store, { visits: 7 });
    const right = signedCookie(sid);
    expect(await ask(right)).toBe(7);
    const wrong = [
      right.slice(0, -2) + (right.endsWith('AA') ? 'BB' : 'AA'),
      right.replace(/\.[^.]*$/, ''),
      signedCookie(sid, { secret: 'x'.repeat(40) }),
    ];
    for (const cookie of wrong) expect(await ask(cookie)).toBeNull();
    expect(await ask(right)).toBe(7);
  });

  test('is never believed for having been seen by another middleware, whose secret is not ours', async () => {
    const cookie = signedCookie(await storedSid(store, { visits: 7 }));
    expect(await ask(cookie)).toBe(7);
    const session = sessionMiddleware({ secret: 'the secret of an application beside this one', store });
    const other = await serve(plainExpress(session, { '/': (request, response) => response.json(request.session['visits'] ?? null) }));
    try {
      expect(await (await fetch(other.origin, { headers: { cookie } })).json()).toBeNull();
    } finally {
      await other.close();
    }
  });

  test('shares one command with another of the same session that arrives in the same turn', async () => {
    const cookie = signedCookie(await storedSid(store, { visits: 7 }));
    const request = (connection: string) => `GET / HTTP/1.1\r\nhost: localhost\r\nconnection: ${connection}\r\ncookie: ${cookie}\r\n\r\n`;
    const commands = await commandsDuring(redis, store, async () => {
      const visitor = await RawClient.connect(app.origin);
      visitor.send(request('keep-alive') + request('close'));
      await visitor.answer();
      expect(visitor.received.match(/\r\n\r\n7/g)).toHaveLength(2);
    });
    expect(commands).toEqual(['hgetall']);
  });

  test('may be signed with any of the secrets, quoted, or among others', async () => {
    const sid = await storedSid(store, { visits: 7 });
    const right = signedCookie(sid);
    const [, value = ''] = right.split('=');
    const forms = [
      signedCookie(sid, { secret: OLD_SECRET }),
      `sid="${value}"`,
      `a=1;${right};b=2`,
      ` a=1 ; sid = ${value} `,
      `sid=${decodeURIComponent(value)}`,
    ];
    for (const cookie of forms) expect(await ask(cookie)).toBe(7);
  });

  test('of a session that has ended is one without, from the next request on', async () => {
    const sid = await storedSid(store, { visits: 7 });
    expect(await ask(signedCookie(sid))).toBe(7);
    await store.destroy(sid);
    expect(await ask(signedCookie(sid))).toBeNull();
  });
});

describe('the verified cookies', () => {
  test('remember the latest ones, and in the end forget what was not seen again', () => {
    const cookies = new VerifiedCookies();
    const [seen, unseen] = [generateSid(), generateSid()];
    cookies.add('seen', seen);
    cookies.add('unseen', unseen);
    for (let other = 0; other < 12_000; other++) {
      cookies.add(`other ${other}`, generateSid());
      cookies.get('seen');
    }
    expect([cookies.get('seen'), cookies.get('unseen'), cookies.get('other 11999')]).toEqual([seen, undefined, expect.any(String)]);
  });
});
