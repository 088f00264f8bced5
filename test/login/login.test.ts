import { describe, expect, test } from '@jest/globals';
import { refusal } from '../support/refusal.js';
import type { AnySession } from '../support/scripted-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { useVariant, variants } from '../support/variants.js';

describe.each(variants)('login, $name', (variant) => {
  const harness = useVariant(variant);

  /** A visitor with a cart and a note, who then signs in by `login`. */
  async function visitor(login: (session: AnySession) => unknown) {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/fill', ({ session }) => void Object.assign(session, { cart: ['tea'], note: 'hello' }));
    app.on('/login', ({ session }) => login(session));
    await browser.get('/fill');
    const sid = await browser.sid();
    const answer = await browser.post('/login');
    return { app, browser, answer, before: sid, entries: async () => (await harness.stored(app, await browser.sid()))?.entries };
  }

  test('moves to a new sid; the old one is dead', async () => {
    const { app, browser, before, answer } = await visitor((session) => session.login({ id: 'ada' }));
    expect(answer.setCookies).toHaveLength(1);
    expect(await browser.sid()).not.toBe(before);
    expect(await harness.stored(app, before)).toBeUndefined();
    expect((await app.browser().get('/whoami', { cookie: signedCookie(before ?? '') })).json).toEqual({ identity: null });
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
  });

  test.each<[string, string[] | true | undefined, object]>([
    ['nothing of the visitor by default', undefined, {}],
    ['the entries named', ['cart', 'absent', 'identity', 'id'], { cart: ['tea'] }],
    ['everything with true', true, { cart: ['tea'], note: 'hello' }],
  ])('keeps %s', async (_, keep, kept) => {
    const { entries } = await visitor((session) => session.login({ id: 'ada' }, { keep }));
    expect(await entries()).toEqual({ identity: { id: 'ada' }, ...kept });
  });

  test('never keeps the entries of another user, and keeps those of the same one', async () => {
    const { app, browser, entries } = await visitor((session) => session.login({ id: 7 }, { keep: true }));
    app.on('/again', ({ session }) => session.login({ id: '7', fresh: true }, { keep: ['cart'] }));
    await browser.post('/again');
    expect(await entries()).toEqual({ identity: { id: '7', fresh: true }, cart: ['tea'] });
    await browser.post('/login/grace');
    expect(await entries()).toEqual({ identity: { id: 'grace' } });
  });

  test('leaves the handler the same object, which goes on working', async () => {
    const { app, browser, answer, entries } = await visitor(async (session) => {
      const { cart, id } = session;
      await session.login({ id: 'ada' }, { keep: ['cart'] });
      session['cart'].push('cup');
      session['last'] = 'written after';
      return { movedOn: session.id !== id, who: session['identity'], sameCart: session['cart'] === cart, note: session['note'] ?? null };
    });
    expect(answer.json).toEqual({ movedOn: true, who: { id: 'ada' }, sameCart: true, note: null });
    expect(await entries()).toEqual({ identity: { id: 'ada' }, cart: ['tea', 'cup'], last: 'written after' });
    expect((await browser.get('/read')).json).toEqual(await entries());
    app.on('/ids', ({ session, request }) => session.id === request.sessionID);
    expect((await browser.get('/ids')).text).toBe('true');
  });

  test('has stored the session when it resolves', async () => {
    const app = await harness.open();
    app.on('/login', async ({ session }) => {
      await session.login({ id: 'ada' });
      return await harness.stored(app, session.id);
    });
    expect((await app.browser().post('/login')).json.entries).toEqual({ identity: { id: 'ada' } });
  });

  test.each([[undefined], [null], ['ada'], [{}], [{ id: '' }], [{ id: Number.NaN }], [{ id: Infinity }], [{ id: null }], [{ id: ['a'] }]])(
    'refuses %p, which is nobody',
    async (nobody) => {
      const { answer, before, entries } = await visitor((session) => refusal(() => session.login(nobody as never)));
      expect(answer.json).toEqual({ code: 'SESSION_MISUSE', message: expect.stringContaining('"id"') });
      expect(answer.setCookies).toEqual([]);
      expect(before).toBeDefined();
      expect(await entries()).toEqual({ cart: ['tea'], note: 'hello' });
    },
  );

  test('refuses an identity that cannot be stored, and changes nothing', async () => {
    const { answer, entries } = await visitor((session) => refusal(() => session.login({ id: 'ada', balance: 1n } as never)));
    expect(answer.json).toMatchObject({ code: 'SESSION_NOT_SERIALIZABLE' });
    expect(await entries()).toEqual({ cart: ['tea'], note: 'hello' });
  });
});
