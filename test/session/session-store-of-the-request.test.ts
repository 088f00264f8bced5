import { describe, expect, test } from '@jest/globals';
import type { SessionData, Store } from 'express-session';
import type { ScriptedApp } from '../support/scripted-app.js';
import { useVariant, variants } from '../support/variants.js';

/** Calls a method of `req.sessionStore` whose last argument is a callback, and answers with what it is told. */
function asked<T>(call: (done: (error: unknown, value?: T) => void) => unknown): Promise<T | undefined> {
  return new Promise((resolve, reject) => void call((error, value) => (error instanceof Error ? reject(error) : resolve(value))));
}

describe.each(variants)('req.sessionStore, $name', (variant) => {
  const harness = useVariant(variant);

  /** The session of a visitor, and a handler that another request runs with its sid. */
  async function withVisitor(use: (store: Store, sid: string, app: ScriptedApp) => unknown) {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/fill', ({ session }) => void Object.assign(session, { cart: ['tea'], note: 1 }));
    await browser.post('/login/ada');
    await browser.get('/fill');
    const sid = (await browser.sid()) ?? '';
    app.on('/use', ({ request }) => use(request.sessionStore, sid, app));
    return { app, sid, answer: (await app.browser().get('/use')).json, entries: async () => (await harness.stored(app, sid))?.entries };
  }

  test('get gives the data of a session, with a cookie, and nothing for an unknown sid', async () => {
    const { answer } = await withVisitor(async (store, sid) => ({
      known: await asked((done) => store.get(sid, done)),
      unknown: (await asked((done) => store.get('unknown', done))) ?? null,
    }));
    expect(answer).toEqual({ known: { cookie: {}, identity: { id: 'ada' }, cart: ['tea'], note: 1 }, unknown: null });
  });

  test('load gives the same', async () => {
    const { answer } = await withVisitor((store, sid) => asked((done) => store.load(sid, done)));
    expect(answer).toMatchObject({ cart: ['tea'], note: 1 });
  });

  test('set writes what changed, and leaves the identity alone', async () => {
    const { entries } = await withVisitor(async (store, sid) => {
      const data = { cookie: {}, identity: { id: 'eve' }, cart: ['cup'], added: 2 } as unknown as SessionData;
      await asked((done) => store.set(sid, data, done));
    });
    expect(await entries()).toEqual({ identity: { id: 'ada' }, cart: ['cup'], added: 2 });
  });

  test('set does not bring back a session that has ended', async () => {
    const { entries } = await withVisitor(async (store, sid, app) => {
      await harness.end(app, sid);
      await asked((done) => store.set(sid, { cart: ['cup'] } as unknown as SessionData, done));
    });
    expect(await entries()).toBeUndefined();
  });

  test('destroy ends a session', async () => {
    const { entries } = await withVisitor((store, sid) => asked((done) => store.destroy(sid, done)));
    expect(await entries()).toBeUndefined();
  });

  test('regenerate does what session.regenerate does', async () => {
    const app = await harness.open();
    const browser = app.browser();
    await browser.post('/login/ada');
    const sid = await browser.sid();
    app.on('/regenerate', async ({ request }) => {
      await asked((done) => request.sessionStore.regenerate(request as never, done));
      if (request.session) request.session['note'] = 'new';
    });
    await browser.get('/regenerate');
    expect(await browser.sid()).not.toBe(sid);
    expect(await harness.stored(app, sid)).toBeUndefined();
    expect((await browser.get('/read')).json).toEqual({ note: 'new' });
  });
});
