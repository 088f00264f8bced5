import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { SessionManager, type Identity } from '../../src/index.js';
import type { SessionEvent } from '../../src/session/session-event-map.js';
import type { Answer, Browser } from '../support/browser.js';
import { CapturedLog } from '../support/captured-log.js';
import { Barrier } from '../support/barrier.js';
import { UNAVAILABLE, useOutages } from '../support/outage-harness.js';
import { UNANSWERED } from '../support/outages.js';
import { refusal } from '../support/refusal.js';
import type { Script, ScriptedApp } from '../support/scripted-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { age, keyOf } from '../support/stored-session.js';
import { until } from '../support/until.js';
import { redisVariants, useVariant, variants, type Harness, type HarnessOptions, type Variant } from '../support/variants.js';

const HOUR = 3_600_000;
const ROTATING = { store: { ttl: 86_400, rotateAfter: 3_600 } } satisfies HarnessOptions;
const ADA = { identity: { id: 'ada' } };

const realNow = Date.now.bind(Date);
let passed = 0;
afterEach(() => {
  jest.restoreAllMocks();
  passed = 0;
});

/** Lets that much time pass for a session; in memory, for the whole process. */
async function pass({ kind }: Variant, harness: Harness, app: ScriptedApp, sid: string | undefined, ms: number): Promise<void> {
  if (kind === 'hash') return age(harness.client, keyOf(app.store, sid ?? ''), ms);
  passed += ms;
  jest.spyOn(Date, 'now').mockImplementation(() => realNow() + passed);
}

async function signedIn(harness: Harness, options: HarnessOptions = {}) {
  const app = await harness.open(options);
  app.on('/rotate', ({ session }) => session.rotate());
  app.on('/write', ({ session }) => void (session['count'] = Number(session['count'] ?? 0) + 1));
  const browser = app.browser();
  await browser.post('/login/ada');
  return { app, browser, sid: (await browser.sid()) ?? '' };
}

const cookiesOf = (answers: readonly Answer[]) => answers.flatMap(({ setCookies }) => setCookies);
const who = async (browser: Browser, sid: string) => (await browser.get('/whoami', { cookie: signedCookie(sid) })).json.identity;

describe.each(variants)('store.rotateAfter, $name', (variant) => {
  const harness = useVariant(variant);

  test('gives a session a new secret with the first request after that time, and not before', async () => {
    const { app, browser, sid } = await signedIn(harness, ROTATING);
    await pass(variant, harness, app, sid, HOUR - 60_000);
    expect((await browser.get('/whoami')).setCookies).toEqual([]);

    await pass(variant, harness, app, sid, 61_000);
    const answer = await browser.get('/whoami');
    expect([answer.json, answer.setCookies.length]).toEqual([ADA, 1]);
    const rotated = await browser.sid();
    expect(rotated).not.toBe(sid);
    expect(rotated?.slice(0, 22)).toBe(sid.slice(0, 22));
    expect((await browser.get('/whoami')).setCookies).toEqual([]);
    expect(app.sessions.events.count('rotated')).toBe(1);
  });

  test('does so once, also for 20 requests at once, and none of them is told the old sid', async () => {
    const { app, browser, sid } = await signedIn(harness, { ...ROTATING, session: { rolling: true } });
    await pass(variant, harness, app, sid, HOUR);
    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.post('/write')));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(cookiesOf(answers)).toHaveLength(1);
    expect([(await browser.sid()) === sid, app.sessions.events.count('rotated')]).toEqual([false, 1]);
    expect((await browser.get('/whoami')).json).toEqual(ADA);
    expect(await who(app.browser(), sid)).toEqual({ id: 'ada' });
  });

  test('tries again two graces later when the answer got lost, and keeps both secrets good until one is presented', async () => {
    const { app, browser, sid } = await signedIn(harness, ROTATING);
    const reused: SessionEvent[] = [];
    app.sessions.events.on('reused', (event) => reused.push(event));
    await pass(variant, harness, app, sid, HOUR);
    const lost = app.browser();
    await lost.get('/whoami', { cookie: signedCookie(sid) });
    expect(await lost.sid()).toBeDefined();

    const early = await browser.post('/write');
    expect([early.status, early.setCookies]).toEqual([200, []]);
    await pass(variant, harness, app, sid, 21_000);
    const late = await browser.get('/read');
    expect([late.json, late.setCookies.length]).toEqual([{ ...ADA, count: 1 }, 1]);
    // The first one that is presented wins; the touch that says so is not waited for.
    for (const told of [browser, lost]) {
      expect(await who(app.browser(), (await told.sid()) ?? '')).toEqual({ id: 'ada' });
      await app.sessions.drain();
    }
    await pass(variant, harness, app, sid, 11_000);
    expect((await browser.get('/whoami')).json).toEqual(ADA);
    expect((await lost.get('/whoami')).json).toEqual({ identity: null });
    expect(reused).toEqual([{ handle: sid.slice(0, 22), userId: 'ada' }]);
  });

  test('serves nobody whose session ends between the load and the new secret', async () => {
    const { app, browser, sid } = await signedIn(harness, ROTATING);
    await pass(variant, harness, app, sid, HOUR);
    const rotate = app.sessions.rotate.bind(app.sessions);
    app.sessions.rotate = async (...call) => {
      await app.app.get(SessionManager).revokeAll('ada');
      return rotate(...call);
    };
    const answer = await browser.get('/whoami');
    expect(answer.json).toEqual({ identity: null });
    // To express-session, what is in the place of that session is one that the application has begun.
    if (variant.storesFirst) expect([answer.setCookies, app.sessions.events.count('created')]).toEqual([[], 1]);
  });

  test('leaves visitors without a session alone', async () => {
    const app = await harness.open({ store: { rotateAfter: 0.001 } });
    expect((await app.browser().get('/whoami')).setCookies).toEqual([]);
  });

  test('leaves sids of a custom genid alone: their session would move away from under parallel requests', async () => {
    let count = 0;
    const { app, browser, sid } = await signedIn(harness, { ...ROTATING, session: { genid: () => `custom-${++count}` } });
    await pass(variant, harness, app, sid, 2 * HOUR);
    const answers = await Promise.all(Array.from({ length: 5 }, () => browser.post('/write')));
    expect([cookiesOf(answers), await browser.sid()]).toEqual([[], sid]);
    expect((await browser.get('/whoami')).json).toEqual(ADA);
  });

  // On Fastify the session is loaded before all middleware.
  if (variant.platform === 'express')
    test('does nothing when the head of the answer is out already: nobody would get the secret', async () => {
      const prepare = (nest: NestExpressApplication) =>
        void nest.use('/early', (_: unknown, response: { flushHeaders(): void }, next: () => void) => {
          response.flushHeaders();
          next();
        });
      const { app, browser, sid } = await signedIn(harness, { ...ROTATING, prepare });
      app.on('/early', ({ session }) => String(session['identity']?.id));
      await pass(variant, harness, app, sid, HOUR);
      await browser.get('/early');
      expect(app.sessions.events.count('rotated')).toBe(0);
      expect((await browser.get('/whoami')).setCookies).toHaveLength(1);
    });
});

describe.each(redisVariants)('store.rotateAfter while Redis fails, $name', (variant) => {
  const harness = useVariant(variant);

  test('is put off: the failure is logged, and the request goes on', async () => {
    const logger = new CapturedLog();
    const { app, browser, sid } = await signedIn(harness, { ...ROTATING, logger });
    await age(harness.client, keyOf(app.store, sid), HOUR);
    await harness.client.config('SET', 'maxmemory', '1');
    try {
      const answer = await browser.get('/whoami');
      expect([answer.json, answer.setCookies]).toEqual([ADA, []]);
    } finally {
      await harness.client.config('SET', 'maxmemory', '0');
    }
    expect(logger.matching('OOM').length).toBeGreaterThan(0);
    expect((await browser.get('/whoami')).setCookies).toHaveLength(1);
  });
});

describe.each(variants)('session.rotate() in parallel, $name', (variant) => {
  const harness = useVariant(variant);

  test('20 at once make one new sid, and sign nobody out', async () => {
    const { app, browser, sid } = await signedIn(harness, { session: { rolling: true } });
    const barrier = new Barrier(20);
    app.on('/together', async ({ session }) => {
      void session['identity'];
      await barrier.pass();
      await session.rotate();
      return { sid: session.id };
    });
    const answers = Promise.all(Array.from({ length: 20 }, () => browser.post('/together')));
    await barrier.full;
    barrier.open();
    expect(cookiesOf(await answers)).toHaveLength(1);
    expect(await browser.sid()).not.toBe(sid);
    for (const { json } of await answers) expect(await who(app.browser(), json.sid)).toEqual({ id: 'ada' });
    expect((await browser.get('/whoami')).json).toEqual(ADA);
  });

  test('tells the new sid without a grace, too', async () => {
    const { browser, sid } = await signedIn(harness, { store: { rotationGrace: 0 } });
    expect((await browser.post('/rotate')).setCookies).toHaveLength(1);
    expect((await browser.get('/whoami')).json).toEqual(ADA);
    expect(await browser.sid()).not.toBe(sid);
  });

  test('a sid whose time is over is anonymous, and "reused" tells of it once', async () => {
    const { app, browser, sid } = await signedIn(harness, { store: { rotationGrace: 0 } });
    const reused: SessionEvent[] = [];
    app.sessions.events.on('reused', (event) => reused.push(event));
    for (const path of ['/rotate', '/rotate', '/rotate']) await browser.post(path);
    const answer = await app.browser().get('/whoami', { cookie: signedCookie(sid) });
    expect([answer.json, answer.setCookies]).toEqual([{ identity: null }, []]);
    expect(reused).toEqual([{ handle: sid.slice(0, 22), userId: 'ada' }]);
  });

  test.each<[string, HarnessOptions]>([
    ['login', {}],
    ['regenerate', {}],
    ['reauthenticate', {}],
    ['change', { identity: (session) => (session as { user?: Identity }).user }],
  ])('%s leaves no grace to the sid before a rotation', async (operation, options) => {
    const { app, browser } = await signedIn(harness, options);
    app.on('/change', ({ session }) => void (session['user'] = { id: 'eve' }));
    app.on('/login', ({ session }) => session.login({ id: 'ada' }, { keep: true }));
    app.on('/regenerate', ({ session }) => session.regenerate());
    app.on('/reauthenticate', ({ session }) => session.reauthenticate());
    app.on('/note', ({ session }) => session['note'] ?? 'none');
    app.on('/set', ({ session }) => void (session['note'] = 'kept'));
    await browser.post('/set');
    const sid = (await browser.sid()) ?? '';
    await browser.post('/rotate');
    await browser.post('/write');
    expect((await app.browser().get('/note', { cookie: signedCookie(sid) })).text).toBe('kept');

    await browser.post(`/${operation}`);

    expect((await app.browser().get('/note', { cookie: signedCookie(sid) })).text).toBe('none');
  });
});

describe.each(variants.filter(({ storesFirst }) => storesFirst))('a request under way while another rotates, $name', (variant) => {
  const harness = useVariant(variant);

  test.each<[string, HarnessOptions]>([
    ['rolls', { session: { rolling: true } }],
    ['extends its expiry', { session: { cookie: { maxAge: 60_000 } }, store: { touchAfter: 0 } }],
  ])('does not put the old cookie in the place of the new one when it %s', async (_, options) => {
    const { app, browser, sid } = await signedIn(harness, options);
    for (const path of ['/reads', '/writes']) {
      const barrier = new Barrier(1);
      app.on(path, async ({ session }) => {
        void session['identity'];
        await barrier.pass();
        if (path === '/writes') session['note'] = 'late';
      });
      const before = await browser.clone();
      const answer = before.get(path);
      await barrier.full;
      await browser.post('/rotate');
      barrier.open();
      expect([path, (await answer).setCookies]).toEqual([path, []]);
      expect(await browser.sid()).not.toBe(sid);
    }
    expect((await browser.get('/read')).json).toEqual({ ...ADA, note: 'late' });
  });
});

describe.each(variants)('a slow request that rotates, $name', (variant) => {
  const harness = useVariant(variant);
  const GRACE = 50;
  // express-session cannot ask before the head is out.
  const operations = variant.storesFirst ? ['rotate', 'reauthenticate', 'login'] : ['rotate'];

  const rotate: Script = ({ session }) => session.rotate();
  const login: Script = ({ session }) => session.login({ id: 'ada' }, { keep: true });
  const reauthenticate: Script = ({ session }) => session.reauthenticate();

  async function underWay(path: string, begin = rotate) {
    const { app, browser, sid } = await signedIn(harness, { store: { rotationGrace: GRACE / 1_000 } });
    const barrier = new Barrier(1);
    app.on('/login', login);
    app.on('/reauthenticate', reauthenticate);
    app.on(path, async (context) => {
      await begin(context);
      await barrier.pass();
      if (path === '/writes') context.session['note'] = 'late';
      if (path === '/signs-in') await login(context);
      if (path === '/reauthenticates') await reauthenticate(context);
    });
    const slow = await browser.clone();
    const answer = slow.get(path);
    await barrier.full;
    const graceEnds = performance.now() + GRACE;
    await until(() => performance.now() > graceEnds, 'the grace is over');
    return { app, browser, sid, slow, answer, barrier };
  }

  test.each(operations.flatMap((operation) => ['/reads', '/writes'].map((path) => [operation, path] as const)))(
    'does not put its cookie in the place of that of a later %s (it %s)',
    async (operation, path) => {
      const { browser, answer, barrier } = await underWay(path);
      // Somebody else's clock may see the end of the grace a little later.
      await until(async () => (await browser.post(`/${operation}`)).setCookies.length > 0, 'there is a newer cookie');
      const newer = await browser.sid();
      barrier.open();
      expect([(await answer).status, (await answer).setCookies]).toEqual([200, []]);
      expect(await who(browser, newer ?? '')).toEqual({ id: 'ada' });
    },
  );

  test('leaves its browser signed in when nobody else has got a newer cookie', async () => {
    const { app, sid, slow, answer, barrier } = await underWay('/reads');
    barrier.open();
    expect((await answer).setCookies).toHaveLength(variant.storesFirst ? 1 : 0);
    expect(app.sessions.events.count('rotated')).toBe(1);
    // The grace of the old secret begins when somebody presents the new one.
    expect(await who(app.browser(), sid)).toEqual({ id: 'ada' });
    expect((await slow.get('/whoami')).json).toEqual(ADA);
  });

  test.each<[string, string, Script]>([
    ['and then signs in tells that cookie', '/signs-in', rotate],
    ['and then reauthenticates tells that cookie', '/reauthenticates', rotate],
    ['since the user reauthenticated tells that cookie however late, as the one before is dead', '/reads', reauthenticate],
  ])('%s', async (_, path, begin) => {
    const { slow, sid, answer, barrier } = await underWay(path, begin);
    barrier.open();
    expect((await answer).setCookies).toHaveLength(1);
    expect(await who(slow, sid)).toBeNull();
    expect((await slow.get('/whoami')).json).toEqual(ADA);
  });
});

describe.each(variants)('two slow requests of one browser that rotate, $name', (variant) => {
  const harness = useVariant(variant);
  const GRACE = 50;

  const afterGraces = async (count: number) => {
    const over = performance.now() + count * GRACE;
    await until(() => performance.now() > over, 'the grace is over');
  };

  test.each([
    ['in their order', ['/first', '/second']],
    ['the other way round', ['/second', '/first']],
  ])('sign it out by no answer, which come %s', async (_, order) => {
    const { app, browser, sid } = await signedIn(harness, { store: { rotationGrace: GRACE / 1_000 } });
    const reused: SessionEvent[] = [];
    app.sessions.events.on('reused', (event) => reused.push(event));
    const barriers = new Map(['/first', '/second'].map((path) => [path, new Barrier(1)]));
    for (const [path, barrier] of barriers)
      app.on(path, async ({ session }) => {
        try {
          await session.rotate();
        } finally {
          await barrier.pass();
        }
      });
    const answers = new Map<string, Promise<Answer>>();
    for (const [path, barrier] of barriers) {
      answers.set(path, browser.get(path));
      await barrier.full;
      // By then the second one is loaded late enough to make a secret of its own.
      await afterGraces(3);
    }
    const seen = [];
    for (const path of order) {
      barriers.get(path)!.open();
      seen.push((await answers.get(path)!).status);
      await afterGraces(2);
      // Read twice: who presents a newer secret ends the others after their grace.
      for (let times = 0; times < 2; times++) {
        seen.push((await browser.get('/whoami')).json);
        await app.sessions.drain();
        await afterGraces(2);
      }
    }
    expect(seen).toEqual([200, ADA, ADA, 200, ADA, ADA]);
    expect(reused).toEqual([]);
    // Over express-session nothing can be told once the handler has ended the answer.
    if (variant.storesFirst) expect(await browser.sid()).not.toBe(sid);
  });
});

describe.each(variants)('a well-signed sid with a secret that the living session never had, $name', (variant) => {
  const harness = useVariant(variant);

  test('is anonymous, harms nobody, and "reused" tells of it', async () => {
    const { app, browser, sid } = await signedIn(harness);
    const reused: SessionEvent[] = [];
    app.sessions.events.on('reused', (event) => reused.push(event));
    for (const operation of ['before', 'after']) {
      if (operation === 'after') await browser.post('/rotate');
      const answer = await app.browser().get('/whoami', { cookie: signedCookie(sid.slice(0, 22) + 'A'.repeat(32)) });
      expect([answer.json, answer.setCookies]).toEqual([{ identity: null }, []]);
    }
    expect(reused).toEqual(Array.from({ length: 2 }, () => ({ handle: sid.slice(0, 22), userId: 'ada' })));
    expect((await browser.get('/whoami')).json).toEqual(ADA);
  });
});

describe.each(redisVariants)('a rotation without an answer, $name', (variant) => {
  const outages = useOutages(variant);

  test('that ran all the same signs nobody out', async () => {
    const { client } = outages.harness;
    const { browser } = await signedIn(outages.harness);
    // Redis is to know the script, so that the rotation is one command.
    await browser.post('/rotate');
    const sid = (await browser.sid()) ?? '';

    const app = await outages.open();
    const key = keyOf(app.store, sid);
    app.on('/unanswered', async ({ session }) => {
      const before = await client.hget(key, '@meta');
      await outages.begin(UNANSWERED);
      const refused = await refusal(() => session.rotate());
      await until(async () => (await client.hget(key, '@meta')) !== before, 'it was rotated');
      return { refused, same: session.id === sid };
    });
    const answer = await browser.at(app.origin).post('/unanswered');
    expect(answer.json).toEqual({ refused: { code: UNAVAILABLE.code, message: UNAVAILABLE.message }, same: true });
    expect(answer.setCookies).toEqual([]);
    await outages.end();
    await app.sessions.drain();
    await age(client, key, 60_000);

    expect(await who(browser, sid)).toEqual({ id: 'ada' });
    expect((await browser.post('/rotate')).setCookies).toHaveLength(1);
    expect((await browser.get('/whoami')).json).toEqual(ADA);
  });

  test('to the last question before the head tells the new sid, which may be the only good one', async () => {
    const { browser, sid } = await signedIn(outages.harness);
    const app = await outages.open({ store: { touchAfter: 0 } });
    app.on('/reauthenticate', async ({ session }) => {
      await session.reauthenticate();
      await outages.begin(UNANSWERED);
    });
    const answer = await browser.at(app.origin).post('/reauthenticate');
    expect([answer.status, answer.setCookies.length]).toEqual([200, 1]);
    await outages.end();
    expect(await who(browser, sid)).toBeNull();
    expect((await browser.get('/whoami')).json).toEqual(ADA);
  });
});
