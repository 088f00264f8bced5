import { describe, expect, test } from '@jest/globals';
import { inspect } from 'node:util';
import { Controller, Get } from '@nestjs/common';
import { Session } from '../../src/index.js';
import { CapturedLog } from '../support/captured-log.js';
import { refusal } from '../support/refusal.js';
import type { AnySession } from '../support/scripted-app.js';
import { keyOf } from '../support/stored-session.js';
import { until } from '../support/until.js';
import { redisVariants, useVariant, variants } from '../support/variants.js';

const CART = [{ sku: 'tea', quantity: 2 }];
const MEMBERS = [
  'id',
  'handle',
  'isNew',
  'createdAt',
  'lastSeenAt',
  'expiresAt',
  'save',
  'reload',
  'regenerate',
  'destroy',
  'touch',
  'resetMaxAge',
  'login',
  'logout',
  'rotate',
  'authenticatedAt',
  'reauthenticate',
  'increment',
  'csrfToken',
  'verifyCsrfToken',
];

describe.each(variants)('the session object, $name', (variant) => {
  const harness = useVariant(variant);

  async function openWith(entries: Record<string, unknown>, logger?: CapturedLog) {
    const app = await harness.open(logger && { logger });
    const browser = app.browser();
    app.on('/fill', ({ session }) => void Object.assign(session, entries));
    await browser.get('/fill');
    return { app, browser, entries: async () => (await harness.stored(app, await browser.sid()))?.entries };
  }

  test.each<[string, (session: AnySession) => unknown]>([
    ['JSON', (session) => JSON.parse(JSON.stringify(session)) as unknown],
    ['spread', (session) => ({ ...session })],
    ['Object.assign to another object', (session) => Object.assign({}, session)],
    ['Object.fromEntries', (session) => Object.fromEntries(Object.entries(session))],
    ['an answer of a handler', (session) => session],
  ])('%s shows the cookie and the entries and nothing else', async (_, show) => {
    const { app, browser } = await openWith({ cart: CART, note: null });
    app.on('/show', ({ session }) => show(session));
    const cookie = { originalMaxAge: null, expires: null, secure: false, httpOnly: true, path: '/', sameSite: 'lax' };
    expect((await browser.get('/show')).json).toEqual({ cookie, cart: CART, note: null });
  });

  test('for…in, Object.keys and in go by the same names', async () => {
    const { app, browser } = await openWith({ cart: CART, note: 1 });
    app.on('/names', ({ session }) => {
      const looped: string[] = [];
      for (const name in session) looped.push(name);
      return { looped, keys: Object.keys(session), has: ['cart', 'cookie', 'login', 'absent'].map((name) => name in session) };
    });
    const { looped, keys, has } = (await browser.get('/names')).json;
    expect(new Set(keys)).toEqual(new Set(['cookie', 'cart', 'note']));
    expect(looped).toEqual(keys);
    expect(has).toEqual([true, true, true, false]);
  });

  test('hasOwnProperty tells entries from members and from what every object has', async () => {
    const { app, browser } = await openWith({ cart: CART });
    const names = ['cart', 'cookie', 'login', 'id', 'toString', 'absent'];
    app.on('/own', ({ session }) =>
      names.map((name) => [Object.prototype.hasOwnProperty.call(session, name), Object.hasOwn(session, name)]),
    );
    expect((await browser.get('/own')).json).toEqual([true, true, false, true, false, false].map((own) => [own, own]));
  });

  test('console.log shows the entries', async () => {
    const { app, browser } = await openWith({ cart: 'tea' });
    app.on('/inspect', ({ session }) => inspect(session));
    const { text } = await browser.get('/inspect');
    expect(text).toContain("cart: 'tea'");
    expect(text).not.toContain(await browser.sid());
  });

  test('takes what is assigned, Object.assign-ed, defined and changed inside, and forgets what is deleted', async () => {
    const { app, browser, entries } = await openWith({ cart: CART, note: 'old', gone: 1, unset: 1 });
    app.on('/change', ({ session }) => {
      Object.assign(session, { assigned: 1 });
      Object.defineProperty(session, 'defined', { value: 2, enumerable: true });
      session['cart'][0].quantity = 3;
      session['note'] = 'new';
      session['unset'] = undefined;
      delete session['gone'];
    });
    await browser.get('/change');
    expect(await entries()).toEqual({ cart: [{ sku: 'tea', quantity: 3 }], note: 'new', assigned: 1, defined: 2 });
  });

  test('keeps every name that can be one', async () => {
    const odd = {
      constructor: 1,
      toJSON: 'x',
      '@meta': 2,
      '@': 3,
      'a.b': 4,
      'with blank': 5,
      ünï: 6,
      hasOwnProperty: 7,
      prototype: 8,
      '': 9,
    };
    const { app, browser } = await openWith(odd);
    app.on('/odd', ({ session }) => ({ ...session, cookie: undefined }));
    expect((await browser.get('/odd')).json).toEqual(odd);
  });

  test.each(MEMBERS)('refuses to lose its %s', async (name) => {
    const { app, browser, entries } = await openWith({});
    app.on('/assign', ({ session }) => refusal(() => (session[name] = 'mine')));
    app.on('/merge', ({ session }) => refusal(() => Object.assign(session, { [name]: 'mine' })));
    app.on('/delete', ({ session }) => refusal(() => delete session[name]));
    for (const path of ['/assign', '/merge', '/delete'])
      expect((await browser.get(path)).json).toEqual({
        code: 'SESSION_MISUSE',
        message: expect.stringMatching(`"${name}".*Choose another name`),
      });
    expect(await entries()).toBeUndefined();
  });

  test('refuses __proto__ as an entry, and no prototype is touched', async () => {
    const { app, browser } = await openWith({});
    app.on('/proto', ({ session }) => refusal(() => (session['__proto__'] = { admin: true })));
    app.on('/parsed', ({ session }) => refusal(() => Object.assign(session, JSON.parse('{"__proto__":{"admin":true}}'))));
    app.on('/set', ({ session }) => refusal(() => Object.setPrototypeOf(session, { admin: true })));
    for (const path of ['/proto', '/parsed', '/set'])
      expect((await browser.get(path)).json).toMatchObject({ code: expect.stringMatching('SESSION_') });
    expect({}).not.toHaveProperty('admin');
  });

  test('lets the identity be changed by login and logout only', async () => {
    const { app, browser, entries } = await openWith({});
    await browser.post('/login/ada');
    const changes: [string, (session: AnySession) => unknown][] = [
      ['/assign', (session) => (session['identity'] = { id: 'grace' })],
      ['/merge', (session) => Object.assign(session, { identity: { id: 'grace' } })],
      ['/define', (session) => Object.defineProperty(session, 'identity', { value: { id: 'grace' } })],
      ['/delete', (session) => delete session['identity']],
    ];
    for (const [path, change] of changes) {
      app.on(path, ({ session }) => refusal(() => change(session)));
      expect((await browser.get(path)).json).toEqual({
        code: 'SESSION_MISUSE',
        message: expect.stringContaining('only by login() and logout()'),
      });
    }
    expect(await entries()).toEqual({ identity: { id: 'ada' } });
  });

  test('throws when the identity is changed inside', async () => {
    const { app, browser, entries } = await openWith({});
    app.on('/login', ({ session }) => session.login({ id: 'ada', roles: ['user'] }));
    await browser.get('/login');
    app.on('/promote', ({ session }) => refusal(() => session['identity'].roles.push('admin')));
    app.on('/rename', ({ session }) => refusal(() => (session['identity'].id = 'grace')));
    for (const path of ['/promote', '/rename']) expect((await browser.get(path)).json.message).toMatch(/read only|not extensible/);
    expect(await entries()).toEqual({ identity: { id: 'ada', roles: ['user'] } });
  });

  test('tells its id, handle and times', async () => {
    const { app, browser } = await openWith({ note: 1 });
    const tell = (session: AnySession) => ({ ...pick(session, MEMBERS.slice(0, 6)), cookie: undefined });
    app.on('/tell', ({ session, request }) => ({ ...tell(session), sessionID: request.sessionID }));
    const before = Date.now();

    const { id, handle, sessionID, isNew, createdAt, lastSeenAt, expiresAt } = (await browser.get('/tell')).json;

    expect([id, sessionID]).toEqual([await browser.sid(), await browser.sid()]);
    expect(handle).toBe(id.slice(0, 22));
    expect(isNew).toBe(false);
    expect(Math.abs(Date.parse(createdAt) - before)).toBeLessThan(60_000);
    expect(lastSeenAt).toBe(createdAt);
    expect(Date.parse(expiresAt)).toBe(Date.parse(lastSeenAt) + 1_800_000);
    expect((await app.browser().get('/tell')).json).toMatchObject({ isNew: true, id: expect.stringMatching(/^[\w-]{54}$/) });
  });

  test('stores what it holds when save() is called, and what is assigned meanwhile at the end', async () => {
    const { app, browser, entries } = await openWith({ visits: 1 });
    let meanwhile: unknown;
    app.on('/save', async ({ session }) => {
      session['visits'] = 2;
      const saved = session.save();
      session['visits'] = 3;
      await saved;
      meanwhile = await entries();
    });
    await browser.get('/save');
    expect(meanwhile).toEqual({ visits: 2 });
    await until(async () => (await entries())?.['visits'] === 3, 'the end of the request is stored');
  });

  test.each<[string, unknown, string]>([
    ['a BigInt', 1n, 'SESSION_NOT_SERIALIZABLE'],
    ['a circular structure', circular(), 'SESSION_NOT_SERIALIZABLE'],
    ['a structure deeper than can be encoded', nested(20_000), 'SESSION_NOT_SERIALIZABLE'],
    ['an entry that is too large', 'x'.repeat(20_000), 'SESSION_LIMIT_EXCEEDED'],
  ])('stores nothing when it holds %s, and says so', async (_, value, code) => {
    const log = new CapturedLog();
    const { app, browser, entries } = await openWith({ note: 'kept' }, log);
    app.on('/implicit', ({ session }) => Object.assign(session, { note: 'lost', bad: value }) && 'done');
    app.on('/explicit', async ({ session }) => {
      session['bad'] = value;
      const refused = await refusal(() => session.save());
      delete session['bad'];
      return refused;
    });

    expect((await browser.get('/explicit')).json).toMatchObject({ code });
    const implicit = await browser.get('/implicit');
    expect([implicit.status, implicit.json?.code]).toEqual(variant.storesFirst ? [500, code] : [200, undefined]);
    await until(() => log.matching('"bad"').length > 1, 'both failures are logged');
    expect(await entries()).toEqual({ note: 'kept' });
    expect((await browser.get('/read')).json).toEqual({ note: 'kept' });
  });
});

@Controller()
class EntryController {
  @Get('entry/login')
  login(@Session('login') value: unknown) {
    return { value };
  }

  @Get('entry/id')
  id(@Session('id') value: unknown) {
    return { value };
  }
}

describe.each(redisVariants)('the session object over foreign data, $name', (variant) => {
  const harness = useVariant(variant);

  test('gives an entry that has the name of a member by @Session(name), and the member by its name', async () => {
    const app = await harness.open({ controllers: [EntryController] });
    const browser = app.browser();
    await browser.post('/login/ada');
    await harness.client.hset(keyOf(app.store, (await browser.sid()) ?? ''), { login: '"by hand"', id: '7', cookie: '"crumbs"' });
    app.on('/types', ({ session }) => ({ login: typeof session.login, id: session.id, path: session.cookie.path }));

    expect((await browser.get('/entry/login')).json).toEqual({ value: 'by hand' });
    expect((await browser.get('/entry/id')).json).toEqual({ value: 7 });
    expect((await browser.get('/types')).json).toEqual({ login: 'function', id: await browser.sid(), path: '/' });
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' } });
  });
});

function pick(session: AnySession, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, session[name]]));
}

function circular(): object {
  const structure: Record<string, unknown> = {};
  structure['self'] = structure;
  return structure;
}

function nested(depth: number): unknown {
  let structure: unknown = 1;
  for (let level = 0; level < depth; level++) structure = [structure];
  return structure;
}
