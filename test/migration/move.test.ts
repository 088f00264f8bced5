import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SessionManager, type SessionInfo } from '../../src/index.js';
import type { MigrationPhase } from '../../src/session/store/migrate-options.js';
import { CONNECT_REDIS, createOldApp, OLD_NAME, type OldAppOptions } from '../support/old-app.js';
import type { PlainServer } from '../support/plain-app.js';
import { createScriptedApp, type AnySession, type ScriptedApp } from '../support/scripted-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import type { TestAppOptions } from '../support/create-app.js';
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
});
