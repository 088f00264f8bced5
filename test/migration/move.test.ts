import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SessionManager, SessionUnsupportedError, type SessionInfo } from '../../src/index.js';
import type { MigrationPhase } from '../../src/session/store/migrate-options.js';
import { CONNECT_REDIS, createOldApp, OLD_NAME, type OldAppOptions } from '../support/old-app.js';
import type { PlainServer } from '../support/plain-app.js';
import { createScriptedApp, type AnySession, type ScriptedApp } from '../support/scripted-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import type { TestAppOptions } from '../support/create-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { redisVariants, type Variant } from '../support/variants.js';
import { assertEveryKeyEnds } from '../support/watched-scripts.js';

const HOUR = 3_600_000;

let redis: RedisServer;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  await assertEveryKeyEnds([redis.client()]);
  await redis.client().flushall();
});
afterAll(() => redis.stop());

async function openOld(options: Partial<OldAppOptions> = {}): Promise<PlainServer> {
  const app = await createOldApp({ redis, ...options });
  open.push(app);
  return app;
}

type Options = Pick<TestAppOptions, 'session' | 'logger'> & { readonly store?: object };

async function openNew({ platform, middleware }: Variant, migrate: MigrationPhase, { session, store, ...options }: Options = {}) {
  const app = await createScriptedApp({
    platform,
    redis: redis.options,
    session: { name: OLD_NAME, middleware, resave: false, saveUninitialized: false, cookie: { maxAge: HOUR }, ...session },
    store: { migrate, ...store },
    identity: (entries) => identityIn(entries as Record<string, unknown> as AnySession),
    ...options,
  });
  app.on('/set', ({ session: own, request }) => void Object.assign(own, request.query));
  app.on('/out', ({ request }) => new Promise<void>((done) => request.session?.destroy(() => done())));
  app.on('/sign-in', async ({ request }) => {
    await request.session?.regenerate();
    Object.assign(request.session ?? {}, { passport: { user: 'ada' } });
  });
  open.push(app);
  return app;
}

function identityIn({ passport }: AnySession): { id: string } | undefined {
  const user: unknown = passport?.user;
  return typeof user === 'string' ? { id: user } : undefined;
}

const handleOf = (sid: string | undefined) => createHash('sha256').update(String(sid)).digest('base64url');
const typeOf = (key: string) => redis.client().type(key);
const sessionsOf = (app: ScriptedApp) => new SessionManager(app.store);
const list = async (app: ScriptedApp): Promise<readonly SessionInfo[]> => (await sessionsOf(app).list('ada')).sessions;

const SID = 'x'.repeat(32);
const COOKIE = signedCookie(SID, { name: OLD_NAME });
const send = async ({ origin }: ScriptedApp, path: string) => {
  const response = await fetch(origin + path, { headers: { cookie: COOKIE } });
  return { status: response.status, headers: response.headers, body: await response.text() };
};
const DEEP = 100_000;
/** What a string may hold that connect-redis has not written, or another version of it. */
const RUBBISH = [
  'hello',
  'null',
  '[]',
  '[{"cookie":{}}]',
  '"text"',
  '{}',
  '{"cookie":null}',
  '{"cookie":[]}',
  '{"cookie":"text","cart":1}',
  '{"cookie":{"originalMaxAge":"soon"},"cart":1}',
  '{"cookie":{"originalMaxAge":-5},"cart":1}',
  '{"cookie":{"originalMaxAge":1e300},"cart":1}',
  '{"cookie":{"expires":"some day"},"cart":1}',
  '{"cookie":{"expires":{}},"cart":1}',
  '{"cookie":{"path":7,"domain":{},"sameSite":"often","secure":"yes","httpOnly":3,"priority":[]},"cart":1}',
  '{"cookie":{"path":"/; Domain=x","domain":"a b\\r\\nSet-Cookie: y"},"cart":1}',
  '{"cookie":{"__proto__":{"isAdmin":true}},"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}',
  '{"cookie":{"path":"/"},"save":1,"id":2,"req":3,"touch":"x","@meta":"1|x","@gone":"","@indexed":"x"}',
  '{"cookie":{"path":"/"},"passport":{"user":{"toString":1}}}',
  `{"cookie":{"path":"/"},"deep":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`,
  '@{"cookie":{"path":"/"},"cart":1}',
  '@',
  '@@',
  '@hello',
];

describe.each(redisVariants)('a session of express-session and connect-redis, $name', (variant) => {
  describe.each(CONNECT_REDIS)('version %s', (version) => {
    it('is served, changed and shared as a string while the move is prepared', async () => {
      const old = await openOld({ version, session: { cookie: { maxAge: HOUR } } });
      const app = await openNew(variant, 'prepare');
      const browser = old.browser();
      await browser.get('/set/cart/tea');
      const sid = await browser.sid(OLD_NAME);

      expect((await browser.at(app.origin).get('/read')).json).toEqual({ cart: 'tea' });
      await browser.at(app.origin).get('/set?size=large');
      expect((await browser.get('/read')).json).toEqual({ cart: 'tea', size: 'large' });
      await browser.get('/set/milk/yes');
      expect((await browser.at(app.origin).get('/read')).json).toEqual({ cart: 'tea', size: 'large', milk: 'yes' });
      expect(await browser.sid(OLD_NAME)).toBe(sid);
      expect(await typeOf(`sess:${sid}`)).toBe('string');
    });

    it('becomes a hash with its first request once strings are converted, and keeps its cookie, its entries and its end', async () => {
      const old = await openOld({ version, session: { cookie: { maxAge: HOUR } } });
      const app = await openNew(variant, 'convert');
      const browser = old.browser();
      await browser.get('/set/cart/tea');
      const sid = await browser.sid(OLD_NAME);
      await redis.client().pexpire(`sess:${sid}`, HOUR / 2);

      const found = await app.sessions.load(sid as never);
      expect(found).toMatchObject({ handle: handleOf(sid) });
      expect(await typeOf(`sess:${sid}`)).toBe('none');
      const left = await redis.client().pttl(`sess:${handleOf(sid)}`);
      expect(left).toBeLessThanOrEqual(HOUR / 2);
      expect(left).toBeGreaterThan(HOUR / 2 - 240_000);

      expect((await browser.at(app.origin).get('/read')).json).toEqual({ cart: 'tea' });
      await browser.at(app.origin).get('/set?size=large');
      expect((await browser.at(app.origin).get('/read')).json).toEqual({ cart: 'tea', size: 'large' });
      expect(await browser.sid(OLD_NAME)).toBe(sid);
    });

    it('that was converted is served and changed by an instance that prepares', async () => {
      const old = await openOld({ version });
      const [prepares, converts] = [await openNew(variant, 'prepare'), await openNew(variant, 'convert')];
      const browser = old.browser();
      await browser.get('/set/cart/tea');
      await browser.at(converts.origin).get('/read');
      await browser.at(prepares.origin).get('/set?size=large');
      expect((await browser.at(prepares.origin).get('/read')).json).toEqual({ cart: 'tea', size: 'large' });
      expect((await browser.at(converts.origin).get('/read')).json).toEqual({ cart: 'tea', size: 'large' });
    });

    it.each([
      ['prepare', 'prepare'],
      ['convert', 'convert'],
      ['convert', 'prepare'],
      ['prepare', 'convert'],
    ] as const)('that an instance which would %s has read and one which would %s has ended stays ended', async (reads, ends) => {
      const old = await openOld({ version });
      const [reader, ender] = [await openNew(variant, reads), await openNew(variant, ends)];
      const browser = old.browser();
      await browser.get('/login/ada');
      const held = await browser.clone();
      expect((await browser.at(reader.origin).get('/read')).json).toEqual({ passport: { user: 'ada' } });
      await browser.at(ender.origin).get('/out');
      for (const app of [reader, ender]) expect((await held.at(app.origin).get('/read')).json).toEqual({});
      expect((await held.get('/read')).json).toEqual({});
    });
  });

  it("is in its user's list once it is converted, and can be revoked", async () => {
    const old = await openOld();
    const app = await openNew(variant, 'convert');
    const browser = old.browser();
    await browser.get('/login/ada');
    await browser.at(app.origin).get('/read');
    const [found] = await list(app);
    expect(found).toMatchObject({ handle: handleOf(await browser.sid(OLD_NAME)), userId: 'ada' });
    expect(await sessionsOf(app).revoke('ada', found!.handle)).toBe(true);
    expect((await browser.at(app.origin).get('/read')).json).toEqual({});
  });

  it.each(['/sign-in', '/become'])(
    'lets a user sign in again by %s on an instance that prepares, after one that converts has ended all of theirs',
    async (path) => {
      const [prepares, converts] = [await openNew(variant, 'prepare'), await openNew(variant, 'convert')];
      prepares.on('/become', ({ request }) => void Object.assign(request.session ?? {}, { passport: { user: 'ada' } }));
      const before = converts.browser();
      await before.get('/sign-in');
      await sessionsOf(converts).revokeAll('ada');

      const browser = prepares.browser();
      await browser.get('/set?cart=tea');
      expect((await browser.get(path)).status).toBe(200);
      for (const app of [prepares, converts]) {
        expect((await browser.at(app.origin).get('/read')).json).toMatchObject({ passport: { user: 'ada' } });
        expect((await before.at(app.origin).get('/read')).json).toEqual({});
      }
    },
  );

  it('that is a string still cannot have the others revoked, and says why; once it is converted it can', async () => {
    const [prepares, converts] = [await openNew(variant, 'prepare'), await openNew(variant, 'convert')];
    const told: unknown[] = [];
    for (const app of [prepares, converts])
      app.on('/others', async ({ session }) => {
        told.push(
          await sessionsOf(app)
            .revokeOthers(session)
            .catch((error: unknown) => error),
        );
      });
    const browser = prepares.browser();
    await browser.get('/sign-in');
    await browser.get('/others');
    await browser.at(converts.origin).get('/others');
    expect(told).toEqual([expect.any(SessionUnsupportedError), 0]);
    expect(String(told[0])).toContain('"store.migrate"');
  });

  it('counts towards a limit once it is converted', async () => {
    const old = await openOld();
    const app = await openNew(variant, 'convert', { store: { maxSessionsPerUser: { limit: 2, policy: 'evict-oldest' } } });
    const before = [old.browser(), old.browser(), old.browser()];
    for (const browser of before) {
      await browser.get('/login/ada');
      await browser.at(app.origin).get('/read');
    }
    expect(await list(app)).toHaveLength(3);
    const browser = app.browser();
    await browser.get('/sign-in');
    const left = await list(app);
    expect(left).toHaveLength(2);
    const earlier = await Promise.all(before.map(async (one) => handleOf(await one.sid(OLD_NAME))));
    expect(left.filter(({ handle }) => !earlier.includes(handle))).toHaveLength(1);
  });

  it.each(['prepare', 'convert'] as const)('keeps what its own cookie says, on an instance which would %s', async (phase) => {
    const app = await openNew(variant, phase, { session: { rolling: true } });
    const cookie = { originalMaxAge: 2 * HOUR, expires: new Date(0), httpOnly: false, path: '/', sameSite: 'strict', secure: false };
    await redis.client().set(`sess:${SID}`, JSON.stringify({ cookie, cart: 'tea' }), 'PX', HOUR);
    const { headers, body } = await send(app, '/read');
    expect(body).toBe('{"cart":"tea"}');
    const [told = ''] = headers.getSetCookie();
    expect(told).toContain('SameSite=Strict');
    expect(told).not.toMatch(/HttpOnly|Secure/);
    const ends = Date.parse(/Expires=([^;]+)/.exec(told)?.[1] ?? '');
    expect(ends).toBeGreaterThan(Date.now() + HOUR);
  });

  it.each(['prepare', 'convert'] as const)(
    'in which something is not as it should be fails no request, on an instance which would %s',
    async (phase) => {
      const app = await openNew(variant, phase);
      const statuses: Record<string, number[]> = {};
      for (const text of RUBBISH) {
        await redis.client().flushall();
        await redis.client().set(`sess:${SID}`, text, 'PX', HOUR);
        statuses[text.slice(0, 60)] = [(await send(app, '/read')).status, (await send(app, '/set?size=large')).status];
      }
      expect(Object.fromEntries(Object.entries(statuses).filter(([, [read, set]]) => read !== 200 || set !== 200))).toEqual({});
      expect(({} as { isAdmin?: unknown }).isAdmin).toBeUndefined();
    },
  );
});
