import { describe, expect, test } from '@jest/globals';
import type { Answer, Browser } from '../support/browser.js';
import { Barrier } from '../support/barrier.js';
import { KeysWithoutTtl } from '../support/keys-without-ttl.js';
import { refusal } from '../support/refusal.js';
import type { AnySession, ScriptedApp } from '../support/scripted-app.js';
import { sessionKeys } from '../support/stored-session.js';
import { redisVariants, useVariant, variants, type Harness, type HarnessOptions } from '../support/variants.js';

const REQUESTS = 20;

/** What a request that is under way does to its session after that has ended. */
const OPERATIONS: readonly [what: string, operation: (session: AnySession) => unknown, outcome: string][] = [
  ['writes', (session) => (session['late'] = 1), 'done'],
  ['changes inside', (session) => session['cart'].push('late'), 'done'],
  ['saves', (session) => Object.assign(session, { late: 1 }).save(), 'done'],
  ['rotates', (session) => session.rotate(), 'SESSION_GONE'],
  ['regenerates', (session) => session.regenerate(), 'SESSION_GONE'],
  ['signs in again', (session) => session.login({ id: 'ada' }, { keep: true }), 'SESSION_GONE'],
  ['signs in as another', (session) => session.login({ id: 'eve' }), 'SESSION_GONE'],
  ['does nothing', () => undefined, 'done'],
];

/** A signed-in session with 20 requests inside their handlers, at a barrier after which each does its operation. */
async function underWay(harness: Harness, operation: (session: AnySession) => unknown, options: HarnessOptions = {}) {
  const app = await harness.open(options);
  const browser = app.browser();
  const barrier = new Barrier(REQUESTS);
  app.on('/cart', ({ session }) => void (session['cart'] = ['tea']));
  app.on('/operation', async ({ session }) => {
    void session['cart'];
    await barrier.pass();
    return (await refusal(() => operation(session))) ?? { code: 'done' };
  });
  await browser.post('/login/ada');
  await browser.get('/cart');
  const sid = await browser.sid();
  const cookie = (await browser.cookie('sid'))?.cookieString() ?? '';
  const answers = Promise.all(Array.from({ length: REQUESTS }, () => app.browser().get('/operation', { cookie })));
  await barrier.full;
  const finish = () => {
    barrier.open();
    return answers;
  };
  return { app, browser, sid, cookie, finish };
}

const outcomesOf = (answers: readonly Answer[]) => [...new Set(answers.map(({ json }) => json.code))];

async function expectEnded(
  harness: Harness,
  app: ScriptedApp,
  { sid, cookie }: { sid: string | undefined; cookie: string },
): Promise<void> {
  expect(await harness.stored(app, sid)).toBeUndefined();
  expect((await app.browser().get('/whoami', { cookie })).json).toEqual({ identity: null });
}

describe.each(variants)('ended stays ended (G2), $name', (variant) => {
  const harness = useVariant(variant);

  test.each(OPERATIONS)('after a logout, while each of 20 requests %s', async (_, operation, outcome) => {
    const { app, browser, finish, ...session } = await underWay(harness, operation);
    await browser.post('/logout');
    expect(outcomesOf(await finish())).toEqual([outcome]);
    await expectEnded(harness, app, session);
  });

  test.each(OPERATIONS)('after it was deleted by hand, while each of 20 requests %s', async (_, operation, outcome) => {
    const { app, finish, ...session } = await underWay(harness, operation);
    await harness.end(app, session.sid);
    expect(outcomesOf(await finish())).toEqual([outcome]);
    await expectEnded(harness, app, session);
  });

  test.each(OPERATIONS)('after it expired, while each of 20 requests %s', async (_, operation, outcome) => {
    const { app, finish, ...session } = await underWay(harness, operation);
    await harness.expire(app, session.sid);
    expect(outcomesOf(await finish())).toEqual([outcome]);
    await expectEnded(harness, app, session);
  });

  test.each<[string, (session: AnySession) => unknown]>([
    ['login', (session) => session.login({ id: 'ada' })],
    ['regenerate', (session) => session.regenerate()],
    ['rotate', (session) => session.rotate()],
  ])('%s from a revoked signed-in session rejects with 401 SESSION_GONE and leaves the cookie alone', async (_, operation) => {
    const app = await harness.open({ session: { rolling: true } });
    const browser = app.browser();
    await browser.post('/login/ada');
    app.on('/operation', async ({ session }) => {
      await harness.end(app, session.id);
      await operation(session);
    });
    const answer = await browser.get('/operation');
    expect(answer.json).toEqual({
      statusCode: 401,
      error: 'Unauthorized',
      message: 'The session has ended. Sign in again.',
      code: 'SESSION_GONE',
    });
    expect([answer.status, answer.setCookies]).toEqual([401, []]);
  });

  test('a late save answers as the handler did, drops the change and leaves the cookie of a login in parallel alone', async () => {
    const lost: string[] = [];
    const { app, browser, sid, finish } = await underWay(harness, (session) => (session['late'] = 1), {
      session: { cookie: { maxAge: 60_000 } },
    });
    app.sessions.events.on('lost', ({ handle }) => lost.push(handle));
    await browser.post('/login/ada');
    const answers = await finish();
    expect(answers.map(({ status, json }) => [status, json.code])).toEqual(Array.from({ length: REQUESTS }, () => [200, 'done']));
    expect(lost).toEqual(Array.from({ length: REQUESTS }, () => sid?.slice(0, 22)));
    if (variant.storesFirst) expect(answers.flatMap(({ setCookies }) => setCookies)).toEqual([]);
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, cart: ['tea'] });
  });

  test('the sign-in of a visitor whose session has ended meanwhile succeeds: nobody was signed in', async () => {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/fill', ({ session }) => void (session['cart'] = ['tea']));
    await browser.get('/fill');
    app.on('/operation', async ({ session }) => {
      await harness.end(app, session.id);
      await session.login({ id: 'ada' }, { keep: true });
    });
    expect((await browser.get('/operation')).status).toBe(200);
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, cart: ['tea'] });
  });
});

describe.each(redisVariants)('ended stays ended in Redis (G2), $name', (variant) => {
  const harness = useVariant(variant);

  const ends: readonly [how: string, end: (app: ScriptedApp, browser: Browser, sid: string | undefined) => Promise<unknown>][] = [
    ['was logged out', (_, browser) => browser.post('/logout')],
    ['was deleted by hand', (app, _, sid) => harness.end(app, sid)],
    ['expired', (app, _, sid) => harness.expire(app, sid)],
  ];
  const cases = ends.flatMap(([how, end]) => OPERATIONS.map(([what, operation]) => ({ how, end, what, operation })));

  test.each(cases)(
    'no key is left, and none without a TTL, when it $how and each of 20 requests then $what',
    async ({ end, operation }) => {
      const { app, browser, sid, finish } = await underWay(harness, operation);
      const watch = new KeysWithoutTtl(harness.client);
      await end(app, browser, sid);
      await finish();
      await app.sessions.drain();
      expect(await watch.stop()).toEqual([]);
      expect(await sessionKeys(harness.client)).toEqual([]);
    },
  );
});
