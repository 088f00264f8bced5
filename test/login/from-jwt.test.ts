import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Test } from '@nestjs/testing';
import type { INestApplication, Type } from '@nestjs/common';
import cookieSession from 'cookie-session';
import express from 'express';
import { sealData } from 'iron-session';
import { createRemoteJWKSet, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import { parse } from 'cookie';
import { fromJwt, MemorySessionStore, sessionMiddleware, sessionOf, type Adopter } from '../../src/express.js';
import { SessionManager } from '../../src/index.js';
import { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import { firstExampleOf } from '../support/document-example.js';
import { plainExpress, serve, type PlainServer } from '../support/plain-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

const JWT_SECRET = 'the secret that signs the tokens of an example';
const UNTIL = new Date(Date.now() + 86_400_000);
const KEY = new TextEncoder().encode(JWT_SECRET);
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

function tokenFor(payload: JWTPayload = {}, key: Uint8Array | KeyObject = KEY, alg = 'HS256'): Promise<string> {
  const token = new SignJWT({ sub: 'ada', ...payload }).setProtectedHeader({ alg }).setIssuer('shop').setAudience('shop');
  if (!('iat' in payload)) token.setIssuedAt(Math.floor(Date.now() / 1_000) - 60);
  if (!('exp' in payload)) token.setExpirationTime('1h');
  return token.sign(key);
}

const verify = (token: string) => jwtVerify(token, KEY, { algorithms: ['HS256'], issuer: 'shop', audience: 'shop' });

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0)) await end();
});

async function start(adopt: Adopter): Promise<{ server: PlainServer; store: MemorySessionStore; manager: SessionManager }> {
  const store = new MemorySessionStore({ deadline: 60_000, logErrors: false });
  const app = plainExpress(sessionMiddleware({ secret: TEST_SECRET, store, adopt }), {
    '/me': (request, response) => response.json(sessionOf(request).identity ?? null),
    '/logout': (request, response) =>
      sessionOf(request)
        .logout()
        .then(() => response.end()),
  });
  const server = await serve(app);
  cleanUp.push(() => server.close());
  return { server, store, manager: new SessionManager(store) };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('fromJwt()', () => {
  test('takes a token of the header Authorization, or of the cookie that it is told', async () => {
    const { server } = await start(fromJwt({ verify, until: UNTIL, cookie: 'jwt' }));
    const token = await tokenFor();
    for (const headers of [
      bearer(token),
      { authorization: `bearer   ${token} ` },
      { cookie: `a=b; jwt=${token}` },
      { cookie: `jwt="${token}"` },
    ])
      expect((await server.browser().get('/me', headers)).json).toEqual({ id: 'ada' });
    for (const headers of [{ authorization: `Basic ${token}` }, { cookie: `other=${token}` }, { authorization: 'Bearer' }])
      expect((await server.browser().get('/me', headers)).json).toBeNull();
  });

  test('reads no cookie unless it is told which', async () => {
    const { server } = await start(fromJwt({ verify, until: UNTIL }));
    expect((await server.browser().get('/me', { cookie: `jwt=${await tokenFor()}` })).json).toBeNull();
  });

  test('asks nobody about a request without a token', async () => {
    const checked = jest.fn(verify);
    const adopt = fromJwt({ verify: checked, until: UNTIL, cookie: 'jwt' });
    const { server } = await start(adopt);
    expect((await server.browser().get('/me')).json).toBeNull();
    expect((await server.browser().get('/me', { cookie: 'jwt=x', authorization: 'Bearer not.a token' })).json).toBeNull();
    expect(checked).not.toHaveBeenCalled();
  });

  test.each<[string, () => Promise<string>]>([
    ['signed with another key', () => tokenFor({}, new TextEncoder().encode('another secret that is long enough, too'))],
    ['for somebody else', () => tokenFor()],
    ['that has ended', () => tokenFor({ exp: Math.floor(Date.now() / 1_000) - 10 })],
    ['of another algorithm', () => tokenFor({}, privateKey, 'ES256')],
    ['that is damaged', async () => `${(await tokenFor()).slice(0, 40)}.x.y`],
  ])('leaves a request with a token %s anonymous', async (what, make) => {
    const audience = what === 'for somebody else' ? 'nobody' : 'shop';
    const check = (token: string) => jwtVerify(token, KEY, { algorithms: ['HS256'], audience });
    const { server } = await start(fromJwt({ verify: check, until: UNTIL }));
    const answer = await server.browser().get('/me', bearer(await make()));
    expect([answer.status, answer.json]).toEqual([200, null]);
  });

  test.each([
    ['undefined', () => undefined],
    ['an error of jsonwebtoken', () => Promise.reject(Object.assign(new Error('jwt expired'), { name: 'TokenExpiredError' }))],
  ])('takes %s of verify for a token that is not good', async (_, check) => {
    const { server } = await start(fromJwt({ verify: check, until: UNTIL }));
    expect((await server.browser().get('/me', bearer(await tokenFor()))).json).toBeNull();
  });

  test('a check that could not be made is a failure: who asks for the session gets 503', async () => {
    const keys = createRemoteJWKSet(new URL('http://127.0.0.1:1/jwks'));
    const { server } = await start(fromJwt({ verify: (token) => jwtVerify(token, keys), until: UNTIL }));
    expect((await server.browser().get('/me', bearer(await tokenFor()))).status).toBe(503);
  });

  test('a token that is no good does not hide one that is', async () => {
    const { server } = await start(fromJwt({ verify, until: UNTIL, cookie: 'jwt' }));
    const headers = { ...bearer(await tokenFor({ exp: 1 })), cookie: `jwt=damaged.x.y; jwt=${await tokenFor()}` };
    expect((await server.browser().get('/me', headers)).json).toEqual({ id: 'ada' });
  });

  test('the same token written otherwise, or signed once more, is the same credential', async () => {
    const check = (token: string) => jwtVerify(token, publicKey, { algorithms: ['ES256'] });
    const { server } = await start(fromJwt({ verify: check, until: UNTIL }));
    const token = await tokenFor({}, privateKey, 'ES256');
    const browser = server.browser();
    await browser.get('/me', bearer(token));
    await browser.post('/logout');
    const [header = '', payload = '', signature = ''] = token.split('.');
    // The last letter of 64 bytes has four bits that nobody reads.
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const other = letters[letters.indexOf(signature.at(-1)!) ^ 1]!;
    for (const signed of [signature, signature.slice(0, -1) + other, malleated(signature)]) {
      const variation = `${header}.${payload}.${signed}`;
      const checked = await check(variation).then(
        () => 'good',
        () => 'not good',
      );
      expect([checked, (await server.browser().get('/me', bearer(variation))).json]).toEqual(['good', null]);
    }
  });

  test('auth_time counts as the sign-in, and a token without a time is a mistake', async () => {
    const { server, manager } = await start(fromJwt({ verify, until: UNTIL }));
    const hourAgo = Math.floor(Date.now() / 1_000) - 3_600;
    const browser = server.browser();
    await browser.get('/me', bearer(await tokenFor()));
    await manager.revokeAll('ada');
    const later = Math.floor(Date.now() / 1_000) + 2;
    expect((await server.browser().get('/me', bearer(await tokenFor({ iat: later })))).json).toEqual({ id: 'ada' });
    expect((await server.browser().get('/me', bearer(await tokenFor({ iat: later, auth_time: hourAgo })))).json).toBeNull();
    const withoutTime = fromJwt({ verify: async () => ({ sub: 'ada' }), until: UNTIL });
    expect((await (await start(withoutTime)).server.browser().get('/me', bearer(await tokenFor()))).status).toBe(500);
  });

  test('wrong options stop the start, and name the cure', () => {
    const problems = (options: object) => {
      try {
        fromJwt(options as Parameters<typeof fromJwt>[0]);
        return [];
      } catch (error) {
        return (error as { problems: string[] }).problems;
      }
    };
    expect(problems({})).toEqual([
      expect.stringContaining('"verify" of fromJwt() must be'),
      expect.stringContaining('"until" must be a date'),
    ]);
    expect(problems({ verify, until: 'tomorrow' })).toEqual([expect.stringContaining('"until" must be a date')]);
    expect(problems({ verify, until: UNTIL, cookie: '', identity: 'sub' })).toEqual([
      expect.stringContaining('"cookie" of fromJwt()'),
      expect.stringContaining('"identity" of fromJwt()'),
    ]);
    expect(problems(undefined as never)).toEqual([expect.stringContaining('fromJwt() must be given an object')]);
  });
});

/** The other signature of the same by ECDSA: (r, n - s). */
function malleated(signature: string): string {
  const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const bytes = Buffer.from(signature, 'base64url');
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const other = Buffer.from((ORDER - s).toString(16).padStart(64, '0'), 'hex');
  return Buffer.concat([bytes.subarray(0, 32), other]).toString('base64url');
}

describe('the examples in the documents', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
    const env = { REDIS_URL: redis.url, SESSION_SECRET: TEST_SECRET, JWT_SECRET, IRON_PASSWORD: 'a password that seals cookies, of 32' };
    Object.assign(process.env, env);
  });
  afterEach(() => redis.client().flushall());
  afterAll(() => redis.stop());

  async function open(document: string): Promise<{ app: INestApplication; browser: () => Browser }> {
    const { AppModule } = await firstExampleOf<{ AppModule: Type }>(document);
    const app = (await Test.createTestingModule({ imports: [AppModule] }).compile()).createNestApplication({ logger: false });
    cleanUp.push(() => app.close());
    await app.listen(0, '127.0.0.1');
    const origin = await app.getUrl();
    return { app, browser: () => new Browser(origin) };
  }

  test('docs/coming-from-jwt.md takes the token of the cookie or the header, and can revoke it', async () => {
    const { app, browser } = await open('docs/coming-from-jwt.md');
    const token = await tokenFor({ roles: ['admin'] });
    const client = browser();
    expect((await client.get('/me', { cookie: `jwt=${token}` })).json).toEqual({ id: 'ada', roles: ['admin'] });
    expect((await client.get('/me')).json).toEqual({ id: 'ada', roles: ['admin'] });
    expect((await browser().get('/me', bearer(token))).status).toBe(200);
    await app.get(SessionManager).revokeAll('ada');
    expect((await client.get('/me', bearer(token))).status).toBe(401);
    expect((await browser().get('/me', bearer(token))).json).toMatchObject({ reason: 'revoked' });
    expect((await browser().get('/me')).status).toBe(401);
  });

  test('docs/coming-from-sealed-cookies.md opens the cookie of iron-session', async () => {
    const { browser } = await open('docs/coming-from-sealed-cookies.md');
    const sealed = (data: object, password = process.env['IRON_PASSWORD']!) => sealData(data, { password });
    const old = { userId: 'ada', signedInAt: Date.now() - 60_000, cart: ['tea'] };
    const client = browser();
    const answer = await client.get('/account', { cookie: `old_session=${await sealed(old)}` });
    expect([answer.status, answer.json]).toEqual([200, { who: { id: 'ada', roles: [] }, cart: ['tea'] }]);
    expect((await client.get('/account')).status).toBe(200);
    // The old application has sealed it anew since: it is the same sign-in.
    expect((await browser().get('/account', { cookie: `old_session=${await sealed({ ...old, cart: [] })}` })).json).toEqual(answer.json);
    for (const seal of [await sealed(old, 'another password, of 32 characters!'), 'forged', await sealed({})])
      expect((await browser().get('/account', { cookie: `old_session=${seal}` })).status).toBe(401);
  });

  test('docs/coming-from-sealed-cookies.md says how the cookie of cookie-session is opened', async () => {
    const keys = ['the key of cookie-session'] as const;
    // As Keygrip has it.
    const signatureOf = (value: string) => createHmac('sha1', keys[0]).update(`session=${value}`).digest('base64url');
    const app = express();
    app.use(cookieSession({ name: 'session', keys: [...keys] }));
    app.get('/sign-in', (request, response) => {
      Object.assign(request, { session: { userId: 'ada', at: Date.now() } });
      response.end();
    });
    const old = await serve(app);
    cleanUp.push(() => old.close());
    const client = old.browser();
    await client.get('/sign-in');

    const { server } = await start(({ headers }) => {
      const cookies = parse(headers.cookie ?? '');
      const [value, signature] = [cookies['session'], cookies['session.sig']];
      if (value === undefined || signature !== signatureOf(value)) return undefined;
      const { userId, at } = JSON.parse(Buffer.from(value, 'base64').toString()) as { userId: string; at: number };
      return { key: `${userId} ${at}`, identity: { id: userId }, authenticatedAt: at };
    });
    const forged = (await client.jar.getCookieString(old.origin)).replace('session=', 'session=x');
    expect((await client.at(server.origin).get('/me')).json).toEqual({ id: 'ada' });
    expect((await server.browser().get('/me', { cookie: forged })).json).toBeNull();
  });
});
