import { describe, expect, test } from '@jest/globals';
import type { Answer, Browser } from '../support/browser.js';
import { Gate } from '../support/barrier.js';
import { ImmortalKeys } from '../support/keys-without-ttl.js';
import { refusal } from '../support/refusal.js';
import type { AnySession, ScriptedApp } from '../support/scripted-app.js';
import { sessionKeys } from '../support/stored-session.js';
import { redisVariants, useVariant, variants, type Stage, type StageOptions } from '../support/variants.js';

const REQUESTS = 20;

/** What a request that is under way does to its session after that has ended. */
const DEEDS: readonly [what: string, deed: (session: AnySession) => unknown, outcome: string][] = [
  ['writes', (session) => (session['late'] = 1), 'done'],
  ['changes inside', (session) => session['cart'].push('late'), 'done'],
  ['saves', (session) => Object.assign(session, { late: 1 }).save(), 'done'],
  ['rotates', (session) => session.rotate(), 'SESSION_GONE'],
  ['regenerates', (session) => session.regenerate(), 'SESSION_GONE'],
  ['signs in again', (session) => session.login({ id: 'ada' }, { keep: true }), 'SESSION_GONE'],
  ['signs in as another', (session) => session.login({ id: 'eve' }), 'SESSION_GONE'],
  ['does nothing', () => undefined, 'done'],
];

/** A signed-in session with 20 requests inside their handlers, at a gate after which each does its deed. */
async function underWay(stage: Stage, deed: (session: AnySession) => unknown, options: StageOptions = {}) {
  const app = await stage.open(options);
  const browser = app.browser();
  const gate = new Gate(REQUESTS);
  app.on('/cart', ({ session }) => void (session['cart'] = ['tea']));
  app.on('/deed', async ({ session }) => {
    void session['cart'];
    await gate.pass();
    return (await refusal(() => deed(session))) ?? { code: 'done' };
  });
  await browser.post('/login/ada');
  await browser.get('/cart');
  const sid = await browser.sid();
  const cookie = (await browser.cookie('sid'))?.cookieString() ?? '';
  const answers = Promise.all(Array.from({ length: REQUESTS }, () => app.browser().get('/deed', { cookie })));
  await gate.full;
  const finish = () => {
    gate.open();
    return answers;
  };
  return { app, browser, sid, cookie, finish };
}

const outcomesOf = (answers: readonly Answer[]) => [...new Set(answers.map(({ json }) => json.code))];

async function expectEnded(stage: Stage, app: ScriptedApp, { sid, cookie }: { sid: string | undefined; cookie: string }): Promise<void> {
  expect(await stage.stored(app, sid)).toBeUndefined();
  expect((await app.browser().get('/whoami', { cookie })).json).toEqual({ identity: null });
}

describe.each(variants)('ended stays ended (G2), $name', (variant) => {
  const stage = useVariant(variant);

  test.each(DEEDS)('after a logout, while each of 20 requests %s', async (_, deed, outcome) => {
    const { app, browser, finish, ...session } = await underWay(stage, deed);
    await browser.post('/logout');
    expect(outcomesOf(await finish())).toEqual([outcome]);
    await expectEnded(stage, app, session);
  });

  test.each(DEEDS)('after it was deleted by hand, while each of 20 requests %s', async (_, deed, outcome) => {
    const { app, finish, ...session } = await underWay(stage, deed);
    await stage.end(app, session.sid);
    expect(outcomesOf(await finish())).toEqual([outcome]);
    await expectEnded(stage, app, session);
  });

  test.each(DEEDS)('after it expired, while each of 20 requests %s', async (_, deed, outcome) => {
    const { app, finish, ...session } = await underWay(stage, deed);
    await stage.expire(app, session.sid);
    expect(outcomesOf(await finish())).toEqual([outcome]);
    await expectEnded(stage, app, session);
  });

  test.each<[string, (session: AnySession) => unknown]>([
    ['login', (session) => session.login({ id: 'ada' })],
    ['regenerate', (session) => session.regenerate()],
    ['rotate', (session) => session.rotate()],
  ])('%s from a revoked signed-in session rejects with 401 SESSION_GONE and leaves the cookie alone', async (_, deed) => {
    const app = await stage.open({ session: { rolling: true } });
    const browser = app.browser();
    await browser.post('/login/ada');
    app.on('/deed', async ({ session }) => {
      await stage.end(app, session.id);
      await deed(session);
    });
    const answer = await browser.get('/deed');
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
    const { app, browser, sid, finish } = await underWay(stage, (session) => (session['late'] = 1), {
      session: { cookie: { maxAge: 60_000 } },
    });
    app.store.events.on('lost', ({ handle }) => lost.push(handle));
    await browser.post('/login/ada');
    const answers = await finish();
    expect(answers.map(({ status, json }) => [status, json.code])).toEqual(Array.from({ length: REQUESTS }, () => [200, 'done']));
    expect(lost).toEqual(Array.from({ length: REQUESTS }, () => sid?.slice(0, 22)));
    if (variant.storesFirst) expect(answers.flatMap(({ setCookies }) => setCookies)).toEqual([]);
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, cart: ['tea'] });
  });

  test('the sign-in of a visitor whose session has ended meanwhile succeeds: nobody was signed in', async () => {
    const app = await stage.open();
    const browser = app.browser();
    app.on('/fill', ({ session }) => void (session['cart'] = ['tea']));
    await browser.get('/fill');
    app.on('/deed', async ({ session }) => {
      await stage.end(app, session.id);
      await session.login({ id: 'ada' }, { keep: true });
    });
    expect((await browser.get('/deed')).status).toBe(200);
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, cart: ['tea'] });
  });
});

describe.each(redisVariants)('ended stays ended in Redis (G2), $name', (variant) => {
  const stage = useVariant(variant);

  const ends: readonly [how: string, end: (app: ScriptedApp, browser: Browser, sid: string | undefined) => Promise<unknown>][] = [
    ['was logged out', (_, browser) => browser.post('/logout')],
    ['was deleted by hand', (app, _, sid) => stage.end(app, sid)],
    ['expired', (app, _, sid) => stage.expire(app, sid)],
  ];
  const cases = ends.flatMap(([how, end]) => DEEDS.map(([what, deed]) => ({ how, end, what, deed })));

  test.each(cases)('no key is left, and none without a TTL, when it $how and each of 20 requests then $what', async ({ end, deed }) => {
    const { app, browser, sid, finish } = await underWay(stage, deed);
    const watch = new ImmortalKeys(stage.client);
    await end(app, browser, sid);
    await finish();
    await app.store.drain();
    expect(await watch.stop()).toEqual([]);
    expect(await sessionKeys(stage.client)).toEqual([]);
  });
});
