import { describe, expect, test } from '@jest/globals';
import type { Browser } from '../support/browser.js';
import { CapturedLog } from '../support/captured-log.js';
import { recovered, UNAVAILABLE, useOutages } from '../support/outage-harness.js';
import { blackouts, brownouts, type Outage } from '../support/outages.js';
import type { AnySession, ScriptedApp } from '../support/scripted-app.js';
import { sessionKeys } from '../support/stored-session.js';
import { until } from '../support/until.js';
import { redisVariants, type HarnessOptions } from '../support/variants.js';

type Operation = readonly [name: string, operation: (session: AnySession) => unknown];

const WRITES: readonly Operation[] = [
  ['login', (session) => session.login({ id: 'grace' })],
  ['save', (session) => Object.assign(session, { late: 1 }).save()],
  ['rotate', (session) => session.rotate()],
];
/** Redis deletes also when it is out of memory. */
const ENDS: readonly Operation[] = [
  ['logout', (session) => session.logout()],
  ['destroy', (session) => session.destroy()],
  ['regenerate', (session) => session.regenerate()],
];

const [FULL, READ_ONLY] = brownouts as [Outage, Outage];

describe.each(redisVariants)('when the session cannot be stored (G7), $name', (variant) => {
  const outages = useOutages(variant);
  const { harness, begin } = outages;

  /** Where Redis answers with an error, that is waited for. */
  async function open(outage: Outage, options?: HarnessOptions): Promise<{ app: ScriptedApp; browser: Browser }> {
    const app = await (brownouts.includes(outage) ? outages.openPatient(options) : outages.open(options));
    const browser = app.browser();
    app.on('/fill', ({ session }) => void (session['cart'] = ['tea']));
    await browser.post('/login/ada');
    await browser.get('/fill');
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, cart: ['tea'] });
    return { app, browser };
  }

  const end = async (browser: Browser) => {
    await outages.end();
    await recovered(browser);
  };

  const stalled = blackouts.filter(({ name }) => name !== 'asks for a password');
  const cases = [
    ...stalled.flatMap((outage) => [...WRITES, ...ENDS].map((operation) => [outage, operation] as const)),
    ...brownouts.flatMap((outage) => WRITES.map((operation) => [outage, operation] as const)),
  ];

  test.each(cases.map(([outage, [name, operation]]) => ({ outage, operation, why: outage.name, name })))(
    'because Redis $why in the midst of a request, an awaited $name gets 503 in time and nothing is half done',
    async ({ outage, operation }) => {
      const { app, browser } = await open(outage);
      const sid = await browser.sid();
      app.on('/operation', async ({ session }) => {
        await begin(outage);
        await operation(session);
      });

      const began = performance.now();
      const { status, json, headers, setCookies } = await browser.get('/operation');

      expect([status, json, headers.get('retry-after'), setCookies]).toEqual([503, UNAVAILABLE, '1', []]);
      expect(performance.now() - began).toBeLessThan(30_000);
      expect(await browser.sid()).toBe(sid);
      await end(browser);
      await app.sessions.drain();
      expect(new Set(await sessionKeys(harness.client))).toEqual(new Set(await keysOf(app, browser)));
    },
  );

  /** The keys of the sessions that browser may have: its own, unless what was given up was done all the same when Redis came back. */
  async function keysOf(app: ScriptedApp, browser: Browser): Promise<string[]> {
    const { identity } = (await browser.get('/whoami')).json;
    const sid = await browser.sid();
    if (identity === null || sid === undefined) return [];
    expect(identity).toEqual({ id: 'ada' });
    return [app.sessions.settings.prefix + app.sessions.handleOf(sid as never)];
  }

  test.each(brownouts)('a login that fails because Redis $name leaves the session before it valid', async (outage) => {
    const { app, browser } = await open(outage);
    await begin(outage);
    expect((await browser.post('/login/grace')).json).toEqual(UNAVAILABLE);
    await end(browser);
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, cart: ['tea'] });
    expect(await sessionKeys(harness.client)).toEqual(await keysOf(app, browser));
  });

  test('sessions are read while Redis is out of memory', async () => {
    const { browser } = await open(FULL);
    await begin(FULL);
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, cart: ['tea'] });
  });

  test.each(ENDS.slice(0, 2))('%s works while Redis is out of memory', async (_, operation) => {
    const { app, browser } = await open(FULL);
    app.on('/end', ({ session }) => operation(session));
    await begin(FULL);
    expect((await browser.post('/end')).status).toBe(200);
    expect(await browser.cookie('sid')).toBeUndefined();
    expect(await sessionKeys(harness.client)).toEqual([]);
  });

  test('logout on a server that takes no writes gets 503, and the cookie stays', async () => {
    const { browser } = await open(READ_ONLY);
    await begin(READ_ONLY);
    const { json, setCookies } = await browser.post('/logout');
    expect([json, setCookies]).toEqual([UNAVAILABLE, []]);
    await end(browser);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
  });

  test.each([...brownouts, blackouts[0]!])(
    'a change that cannot be stored because Redis $name: 503 where the middleware stores first, else a line in the log',
    async (outage) => {
      const logger = new CapturedLog();
      const { app, browser } = await open(outage, { logger, session: { rolling: true } });
      app.on('/write', async ({ session, response }) => {
        session['late'] = 1;
        await begin(outage);
        response.setHeader('x-of-the-handler', 'yes');
        return 'done';
      });
      const { status, json, headers, setCookies } = await browser.get('/write');
      if (variant.storesFirst) {
        expect([status, json, headers.get('retry-after'), setCookies]).toEqual([503, UNAVAILABLE, '1', []]);
        expect(headers.get('x-of-the-handler')).toBeNull();
      } else expect(status).toBe(200);
      await until(
        () =>
          logger.matching(/^error .*The session store is unavailable \((OOM: EVALSHA|READONLY: EVALSHA|connection|timeout)/).length === 1,
        'the failure is logged',
      );
      await end(browser);
      expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, cart: ['tea'] });
    },
  );

  test('a touch that fails is logged, and the answer is that of the handler', async () => {
    const logger = new CapturedLog();
    const { app, browser } = await open(blackouts[0]!, { logger, store: { touchAfter: 0 } });
    await app.sessions.drain();
    app.on('/cut', async () => {
      await begin(blackouts[0]!);
      return 'fine';
    });
    expect((await browser.get('/cut')).text).toBe('fine');
    await until(() => logger.matching(/^error .*The session store is unavailable/).length === 1, 'the failure is logged');
  });

  test('a session in use goes on living while Redis is out of memory', async () => {
    const { app, browser } = await open(FULL, { store: { touchAfter: 0 } });
    const key = app.sessions.settings.prefix + app.sessions.handleOf(((await browser.sid()) ?? '') as never);
    await app.sessions.drain();
    await harness.client.pexpire(key, 600_000);
    await begin(FULL);
    expect((await browser.get('/whoami')).status).toBe(200);
    await app.sessions.drain();
    expect(await harness.client.pttl(key)).toBeGreaterThan(1_000_000);
  });

  test('store.logErrors gets the failures', async () => {
    const errors: unknown[] = [];
    const { app, browser } = await open(FULL, { store: { logErrors: (error) => void errors.push((error as { reason?: string }).reason) } });
    app.on('/write', ({ session }) => void (session['late'] = 1));
    await begin(FULL);
    await browser.get('/write');
    await until(() => errors.length > 0, 'the failure is told');
    expect(errors).toEqual(['OOM']);
  });

  test('store.logErrors: false silences them', async () => {
    const logger = new CapturedLog();
    const { browser } = await open(FULL, { logger, store: { logErrors: false } });
    await begin(FULL);
    expect((await browser.post('/login/grace')).status).toBe(503);
    expect(logger.matching(/^(error|warn)/)).toEqual([]);
  });
});
