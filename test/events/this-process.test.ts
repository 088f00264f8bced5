import { describe, expect, jest, test } from '@jest/globals';
import { SessionEvents, SessionManager, type SessionEventMap } from '../../src/index.js';
import type { SessionEventName } from '../../src/session/session-event-map.js';
import { signedCookie } from '../support/signed-cookie.js';
import { keyOf } from '../support/stored-session.js';
import { redisVariants, useVariant, variants, type Harness, type HarnessOptions } from '../support/variants.js';

const NAMES = Object.keys({
  created: 0,
  loggedIn: 0,
  adopted: 0,
  loggedOut: 0,
  rotated: 0,
  destroyed: 0,
  revoked: 0,
  evicted: 0,
  lost: 0,
  rejected: 0,
  reused: 0,
} satisfies Record<SessionEventName, 0>) as SessionEventName[];

type Told = readonly [SessionEventName, SessionEventMap[SessionEventName]];

/** An application, everything that its `SessionEvents` tell, and a visitor who has a cart. */
async function observed(harness: Harness, options: HarnessOptions = {}) {
  const app = await harness.open(options);
  const events = app.app.get(SessionEvents);
  let told: Told[] = [];
  const sids = new Set<string>();
  for (const name of NAMES)
    events.on(name, (event) => {
      // What a listener might log.
      told.push([name, JSON.parse(JSON.stringify(event)) as SessionEventMap[SessionEventName]]);
    });
  app.on('/fill', ({ session }) => void (session['cart'] = ['tea']));
  app.on('/rotate', ({ session }) => session.rotate());
  app.on('/reauthenticate', ({ session }) => session.reauthenticate());
  app.on('/regenerate', async (context) => {
    await context.session.regenerate();
    context.session['cart'] = ['new'];
  });
  app.on('/read-cart', ({ session }) => session['cart'] ?? null);
  const browser = app.browser();
  /** What happens during a request, and the handle of the session after it. */
  const during = async (path: string) => {
    told = [];
    await browser.post(path);
    await app.sessions.drain();
    const sid = (await browser.sid()) ?? '';
    sids.add(sid);
    const secrets = [...sids].map((known) => known.slice(22)).filter((secret) => secret !== '');
    expect(secrets.filter((secret) => JSON.stringify(told).includes(secret))).toEqual([]);
    return { told, handle: sid === '' ? '' : app.sessions.handleOf(sid as never) };
  };
  return { app, browser, during, take: () => told };
}

describe.each(variants)('SessionEvents, $name', (variant) => {
  const harness = useVariant(variant);

  test('tell once of each step in the life of a session, with its handle and its user', async () => {
    const { during } = await observed(harness);
    expect(await during('/whoami')).toEqual({ told: [], handle: '' });

    const visitor = await during('/fill');
    expect(visitor.told).toEqual([['created', { handle: visitor.handle }]]);

    const ada = await during('/login/ada');
    expect(ada.told).toEqual([
      ['created', { handle: ada.handle, userId: 'ada' }],
      ['destroyed', { handle: visitor.handle }],
      ['loggedIn', { handle: ada.handle, userId: 'ada', replaced: visitor.handle }],
    ]);

    expect((await during('/rotate')).told).toEqual([['rotated', { handle: ada.handle, userId: 'ada' }]]);
    expect((await during('/reauthenticate')).told).toEqual([['rotated', { handle: ada.handle, userId: 'ada' }]]);
    expect((await during('/fill')).told).toEqual([]);

    const grace = await during('/login/grace');
    expect(grace.told).toEqual([
      ['created', { handle: grace.handle, userId: 'grace' }],
      ['destroyed', { handle: ada.handle, userId: 'ada' }],
      ['loggedIn', { handle: grace.handle, userId: 'grace', replaced: ada.handle }],
    ]);

    const fresh = await during('/regenerate');
    expect(fresh.told).toEqual([
      ['destroyed', { handle: grace.handle, userId: 'grace' }],
      ['created', { handle: fresh.handle }],
    ]);
    const { handle } = await during('/login/eve');
    expect((await during('/logout')).told).toEqual([['destroyed', { handle, userId: 'eve' }]]);
  });

  test('tell of a sid that a rotation has replaced', async () => {
    const { app, browser, during } = await observed(harness, { store: { rotationGrace: 0 } });
    const { handle } = await during('/login/ada');
    const old = (await browser.sid()) ?? '';
    for (const path of ['/rotate', '/rotate', '/rotate']) await during(path);
    const { told } = await during('/whoami');
    await app.browser().get('/whoami', { cookie: signedCookie(old) });
    expect(told).toEqual([['reused', { handle, userId: 'ada' }]]);
  });

  test.each<[string, (session: { save(): Promise<void>; rotate(): Promise<void> } & Record<string, unknown>) => unknown]>([
    ['save at the end', (session) => (session['note'] = 1)],
    ['save by hand', (session) => Object.assign(session, { note: 1 }).save()],
    ['rotation', (session) => session.rotate().catch(() => undefined)],
  ])('tell once of a %s that found its session ended by somebody else', async (_, operation) => {
    const { app, during } = await observed(harness);
    const { handle } = await during('/login/ada');
    app.on('/late', async ({ session }) => {
      void session['identity'];
      await app.app.get(SessionManager).revoke('ada', session.handle);
      await operation(session as never);
    });
    expect((await during('/late')).told).toEqual([
      ['revoked', { handle, userId: 'ada', reason: 'revoked' }],
      ['lost', { handle, userId: 'ada' }],
    ]);
  });

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('of a listener');
      },
    ],
    ['rejects', () => Promise.reject(new Error('of a listener'))],
  ])('harm nobody when a listener %s, and tell the others', async (_, listener) => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const app = await harness.open();
    const events = app.app.get(SessionEvents);
    for (const name of NAMES) events.on(name, listener);
    let others = 0;
    for (const name of NAMES) events.on(name, () => void others++);
    app.on('/rotate', ({ session }) => session.rotate());
    const browser = app.browser();
    for (const path of ['/login/ada', '/rotate', '/whoami', '/logout']) expect((await browser.post(path)).status).toBeLessThan(300);
    expect((await browser.get('/whoami')).json).toEqual({ identity: null });
    // created, loggedIn, rotated, destroyed
    expect(others).toBe(4);
    expect(warn).toHaveBeenCalledTimes(4);
    warn.mockRestore();
  });
});

describe.each(redisVariants)('SessionEvents over foreign data, $name', (variant) => {
  const harness = useVariant(variant);

  test('tell once a request of an entry, or a session, that nobody here has written', async () => {
    const { app, browser, during } = await observed(harness);
    const { handle } = await during('/login/ada');
    const key = keyOf(app.store, (await browser.sid()) ?? '');
    await harness.client.hset(key, 'cart', '{"broken');
    expect((await during('/read-cart')).told).toEqual([['rejected', { handle, userId: 'ada', what: 'entry' }]]);
    await harness.client.hset(key, '@meta', 'not ours');
    expect((await during('/whoami')).told).toEqual([['rejected', { handle, what: 'session' }]]);
    await harness.client.set(key, 'a string');
    expect((await during('/whoami')).told).toEqual([['rejected', { handle, what: 'session' }]]);
  });

  test('name a sid of a custom genid by its handle only', async () => {
    let count = 0;
    const { app, browser, during, take } = await observed(harness, { session: { genid: () => `a-secret-of-its-own-${++count}` } });
    const before = await during('/login/ada');
    const after = await during('/rotate');
    expect(after.told.map(([name, { handle }]) => [name, handle])).toEqual([
      ['created', after.handle],
      ['destroyed', before.handle],
    ]);
    expect(JSON.stringify([before.told, take()])).not.toContain('a-secret-of-its-own');
    expect(app.sessions.handleOf(((await browser.sid()) ?? '') as never)).toBe(after.handle);
  });
});
