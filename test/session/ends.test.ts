import { describe, expect, test } from '@jest/globals';
import { promisify } from 'node:util';
import { refusal } from '../support/refusal.js';
import { until } from '../support/until.js';
import { useVariant, variants } from '../support/variants.js';

const MISUSE = { code: 'SESSION_MISUSE', message: expect.stringContaining('destroyed') };

describe.each(variants)('the ends of a session, $name', (variant) => {
  const harness = useVariant(variant);

  async function signedIn(options?: Parameters<typeof harness.open>[0]) {
    const app = await harness.open(options);
    const browser = app.browser();
    await browser.post('/login/ada');
    return { app, browser, sid: await browser.sid() };
  }

  test.each(['logout', 'destroy'] as const)('%s ends the session and drops the cookie', async (method) => {
    const { app, browser, sid } = await signedIn();
    const cookie = (await browser.cookie('sid'))?.cookieString() ?? '';
    app.on('/end', async ({ session, request }) => {
      await session[method]();
      return { session: request.session ?? null };
    });

    const answer = await browser.post('/end');

    expect(answer.json).toEqual({ session: null });
    expect(answer.setCookies).toEqual(['sid=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax']);
    expect(await browser.cookie('sid')).toBeUndefined();
    expect(await harness.stored(app, sid)).toBeUndefined();
    expect((await app.browser().get('/whoami', { cookie })).json).toEqual({ identity: null });
  });

  test('a destroyed object stays readable, throws when written and has no methods any more', async () => {
    const { app, browser } = await signedIn();
    const later = ['save', 'reload', 'regenerate', 'destroy', 'login', 'logout', 'rotate', 'csrfToken'] as const;
    app.on('/end', async ({ session }) => {
      await session.destroy();
      const calls = await Promise.all(
        later.map((name) => refusal(() => (session[name] as (argument?: object) => unknown)(name === 'login' ? { id: 'eve' } : undefined))),
      );
      const writes = [await refusal(() => (session['x'] = 1)), await refusal(() => delete session['identity'])];
      return { calls, writes, identity: session['identity'], keys: Object.keys(session) };
    });
    const { calls, writes, identity, keys } = (await browser.post('/end')).json;
    // There is no other session on this request to go to.
    const advice = { code: 'SESSION_MISUSE', message: expect.stringContaining('call regenerate() instead') };
    expect(calls).toEqual(later.map(() => advice));
    expect(writes).toEqual([advice, advice]);
    expect([identity, keys]).toEqual([{ id: 'ada' }, ['cookie', 'identity']]);
  });

  test('regenerate puts a new, empty session on the request', async () => {
    const { app, browser, sid } = await signedIn();
    app.on('/regenerate', async ({ session, request }) => {
      await session.regenerate();
      const fresh = request.session;
      if (fresh) fresh['note'] = 'new';
      return { isOther: fresh !== session, keys: Object.keys(fresh ?? {}), old: await refusal(() => (session['x'] = 1)) };
    });

    expect((await browser.get('/regenerate')).json).toEqual({ isOther: true, keys: ['cookie', 'note'], old: MISUSE });
    expect(await browser.sid()).not.toBe(sid);
    expect(await harness.stored(app, sid)).toBeUndefined();
    expect((await browser.get('/read')).json).toEqual({ note: 'new' });
  });

  test.each<['destroy' | 'keep', boolean]>([
    ['destroy', false],
    ['keep', true],
  ])('req.session = null with unset: %p', async (unset, survives) => {
    const { app, browser, sid } = await signedIn({ session: { unset } });
    app.on('/null', ({ request }) => void (request.session = null));
    expect((await browser.get('/null')).status).toBe(200);
    expect((await harness.stored(app, sid)) !== undefined).toBe(survives);
    expect((await browser.get('/whoami')).json).toEqual({ identity: survives ? { id: 'ada' } : null });
  });

  test("delete req.session with unset: 'destroy' is the same as null", async () => {
    const { app, browser, sid } = await signedIn({ session: { unset: 'destroy' } });
    app.on('/delete', ({ session, request }) => {
      session['note'] = 1;
      delete request.session;
      return { session: request.session ?? null, sid: request.sessionID };
    });
    expect((await browser.get('/delete')).json).toEqual({ session: null, sid });
    expect(await harness.stored(app, sid)).toBeUndefined();
    expect((await browser.get('/whoami')).json).toEqual({ identity: null });
  });

  test('delete req.session, and then a new one', async () => {
    const { app, browser } = await signedIn({ session: { unset: 'destroy' } });
    app.on('/begin', async ({ request }) => {
      delete request.session;
      await promisify((done: (error?: unknown) => void) => request.sessionStore.regenerate(request as never, done))();
      Object.assign(request.session ?? {}, { note: 'new' });
    });
    await browser.get('/begin');
    expect((await browser.get('/read')).json).toEqual({ note: 'new' });
  });

  test('a session ends after its idle timeout', async () => {
    const { app, browser, sid } = await signedIn();
    await harness.expire(app, sid);
    const answer = await browser.get('/whoami');
    expect([answer.json, answer.setCookies]).toEqual([{ identity: null }, []]);
    await browser.post('/login/ada');
    expect(await browser.sid()).not.toBe(sid);
  });

  test('requests keep it alive until its absolute timeout, which ends it in any case', async () => {
    const began = performance.now();
    const { app, browser, sid } = await signedIn({ store: { ttl: 2, absoluteTtl: 3 } });
    for (let before = began; ;) {
      const asked = performance.now();
      const { json } = await browser.get('/whoami');
      // An answer that came later may be one from after the end, or, on a machine that stalled, from after two seconds without a touch.
      if (performance.now() >= Math.min(began + 3_000, before + 1_800)) break;
      before = asked;
      expect(json).toEqual({ identity: { id: 'ada' } });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // Requests go on meanwhile, so that it is not the idle timeout that ends it.
    await until(async () => (await browser.get('/whoami')).json.identity === null, 'the session has ended');
    expect(await harness.stored(app, sid)).toBeUndefined();
  });
});
