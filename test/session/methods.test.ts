import { describe, expect, test } from '@jest/globals';
import { create as createDomain } from 'node:domain';
import { promisify } from 'node:util';
import { CapturedLog } from '../support/captured-log.js';
import { refusal } from '../support/refusal.js';
import type { AnySession } from '../support/scripted-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { age, keyOf } from '../support/stored-session.js';
import { until } from '../support/until.js';
import { redisVariants, useVariant, variants } from '../support/variants.js';

const MISUSE = { code: 'SESSION_MISUSE', message: expect.stringContaining('destroyed') };

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
    for (;;) {
      const { json } = await browser.get('/whoami');
      // An answer that came later may be one from after the end.
      if (performance.now() >= began + 3_000) break;
      expect(json).toEqual({ identity: { id: 'ada' } });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // Requests go on meanwhile, so that it is not the idle timeout that ends it.
    await until(async () => (await browser.get('/whoami')).json.identity === null, 'the session has ended');
    expect(await harness.stored(app, sid)).toBeUndefined();
  });
});

describe.each(variants)('the methods of a session, $name', (variant) => {
  const harness = useVariant(variant);

  test('save stores at once, and reload drops what is not stored', async () => {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/write', async ({ session }) => {
      session['note'] = 'stored';
      await session.save();
      const stored = await harness.stored(app, session.id);
      session['note'] = 'dropped';
      session['other'] = 1;
      await session.reload();
      return { stored: stored?.entries, now: { ...session, cookie: undefined } };
    });
    expect((await browser.get('/write')).json).toEqual({ stored: { note: 'stored' }, now: { note: 'stored' } });
    expect((await harness.stored(app, await browser.sid()))?.entries).toEqual({ note: 'stored' });
  });

  test('reload shows what others changed, and rejects when the session has ended or was never stored', async () => {
    const app = await harness.open();
    const browser = app.browser();
    await browser.post('/login/ada');
    const other = await browser.clone();
    app.on('/note', ({ session }) => void (session['note'] = 'by another request'));
    app.on('/reload', async ({ session }) => {
      await other.get('/note');
      await session.reload();
      return { note: session['note'] };
    });
    app.on('/ended', async ({ session }) => {
      await harness.end(app, session.id);
      return refusal(() => session.reload());
    });
    expect((await browser.get('/reload')).json).toEqual({ note: 'by another request' });
    expect((await browser.get('/ended')).json).toMatchObject({ code: 'SESSION_MISUSE' });
    expect((await app.browser().get('/ended')).json).toMatchObject({ code: 'SESSION_MISUSE' });
  });

  test('every method takes a callback, answers with the session then, and calls back once', async () => {
    const app = await harness.open();
    const browser = app.browser();
    await browser.post('/login/ada');
    app.on('/callbacks', async ({ session, request }) => {
      const calls: unknown[] = [];
      for (const method of ['save', 'reload', 'regenerate', 'destroy'] as const) {
        const current = request.session ?? session;
        let returned: unknown;
        await new Promise<void>((resolve) => {
          returned = current[method]((error?: unknown) => {
            calls.push([method, error ?? null]);
            resolve();
          });
        });
        calls.push(returned === current);
      }
      return { calls };
    });
    const names = ['save', 'reload', 'regenerate', 'destroy'];
    expect((await browser.get('/callbacks')).json.calls).toEqual(names.flatMap((name) => [[name, null], true]));
  });

  test('a callback gets the error, and what it throws is thrown as from any callback', async () => {
    const app = await harness.open();
    const surfaced: unknown[] = [];
    app.on(
      '/error',
      ({ session }) => new Promise((resolve) => void session.reload((error) => resolve({ code: (error as { code: string }).code }))),
    );
    app.on('/throw', ({ session }) => {
      const domain = createDomain();
      domain.on('error', (error) => surfaced.push(error));
      domain.run(() => {
        session['note'] = 1;
        session.save(() => {
          throw new Error('of the callback');
        });
      });
    });
    expect((await app.browser().get('/error')).json).toEqual({ code: 'SESSION_MISUSE' });
    await app.browser().get('/throw');
    await until(() => surfaced.length > 0, 'the error surfaced');
    expect(surfaced).toEqual([new Error('of the callback')]);
  });

  test('a promise that nobody awaits is logged when it rejects, and kills nothing', async () => {
    // The test runner fails a test during which a rejection was not handled.
    const logger = new CapturedLog();
    const app = await harness.open({ logger });
    app.on('/forget', ({ session }) => {
      void session.reload();
      void session.rotate();
    });
    // A middleware that stores first waits for the calls, so it can tell the client.
    expect((await app.browser().get('/forget')).status).toBe(variant.storesFirst ? 500 : 200);
    await until(
      () => logger.matching('cannot be reloaded').length > 0 && logger.matching('session.rotate()').length > 0,
      'both are logged',
    );
    expect((await app.browser().get('/plain')).status).toBe(200);
  });

  test('rotate gives a new sid to the same session; the old one stays good for the grace', async () => {
    const app = await harness.open();
    const browser = app.browser();
    await browser.post('/login/ada');
    const before = await browser.clone();
    app.on('/rotate', async ({ session }) => {
      const { id, handle } = session;
      session['note'] = 'unsaved';
      await session.rotate();
      return { isOther: session.id !== id, isSame: session.handle === handle, note: session['note'] };
    });

    const answer = await browser.post('/rotate');

    expect(answer.json).toEqual({ isOther: true, isSame: true, note: 'unsaved' });
    expect(answer.setCookies).toHaveLength(1);
    expect(await browser.sid()).not.toBe(await before.sid());
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, note: 'unsaved' });
    const late = await before.get('/read');
    expect(late.json).toEqual({ identity: { id: 'ada' }, note: 'unsaved' });
    expect(late.setCookies).toEqual([]);
  });

  test('the sid before a rotation is dead once the grace is over, and writing with it leaves the new cookie alone', async () => {
    const app = await harness.open({ session: { rolling: true }, store: { rotationGrace: 0.3 } });
    const browser = app.browser();
    await browser.post('/login/ada');
    const before = await browser.clone();
    app.on('/rotate', ({ session }) => session.rotate());
    app.on('/write', ({ session }) => void (session['note'] = 'late'));
    await browser.post('/rotate');

    expect((await before.get('/write')).setCookies).toEqual([]);
    expect((await browser.get('/read')).json).toMatchObject({ note: 'late' });
    await until(async () => (await before.get('/whoami')).json.identity === null, 'the old sid is dead');
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
  });
});

describe.each(variants.filter(({ storesFirst }) => storesFirst))('calls that nobody awaits, $name', (variant) => {
  const harness = useVariant(variant);

  test('are made one after the other, and the answer waits for them', async () => {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/chain', ({ session }) => {
      session['note'] = 1;
      void session.save();
      void session.login({ id: 'ada' }, { keep: true });
      session['note'] = 2;
    });
    await browser.get('/chain');
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, note: 2 });
  });
});

describe.each(variants)('which sessions are stored, $name', (variant) => {
  const harness = useVariant(variant);

  test('saveUninitialized: true stores and tells also a session that nobody wrote', async () => {
    const app = await harness.open({ session: { saveUninitialized: true } });
    const browser = app.browser();
    expect((await browser.get('/plain')).setCookies).toHaveLength(1);
    const sid = await browser.sid();
    expect((await harness.stored(app, sid))?.entries).toEqual({});
    expect((await browser.get('/plain')).setCookies).toEqual([]);
    expect(await browser.sid()).toBe(sid);
  });

  test('save() stores and tells a new session also when it is empty', async () => {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/save', ({ session }) => session.save());
    expect((await browser.get('/save')).setCookies).toHaveLength(1);
    expect((await harness.stored(app, await browser.sid()))?.entries).toEqual({});
  });

  test('genid makes the ids', async () => {
    let count = 0;
    const app = await harness.open({ session: { genid: (request) => `${request.headers['x-name']?.toString() ?? 'nobody'}-${++count}` } });
    const browser = app.browser();
    await browser.post('/login/ada', undefined, { 'x-name': 'ada' });
    expect(await browser.sid()).toMatch(/^ada-\d$/);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });

    app.on('/rotate', ({ session }) => session.rotate());
    const before = await browser.clone();
    await browser.post('/rotate', undefined, { 'x-name': 'moved' });
    expect(await browser.sid()).toMatch(/^moved-\d$/);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    expect((await before.get('/whoami')).json).toEqual({ identity: null });
  });

  test('a genid that repeats itself is refused with SESSION_CONFLICT, and opens nobody else’s session', async () => {
    const app = await harness.open({ session: { genid: () => 'always the same' } });
    app.on('/save', ({ session }) => refusal(() => Object.assign(session, { note: 'first' }).save()));
    const [first, second] = [app.browser(), app.browser()];
    expect((await first.get('/save')).text).toBe('');
    app.on('/save', ({ session }) => refusal(() => Object.assign(session, { note: 'second' }).save()));
    app.on('/login', ({ session }) => refusal(() => session.login({ id: 'eve' })));

    expect((await second.get('/save')).json).toMatchObject({ code: 'SESSION_CONFLICT' });
    expect((await app.browser().get('/login')).json).toMatchObject({ code: 'SESSION_CONFLICT' });
    expect((await first.get('/read')).json).toEqual({ note: 'first' });
  });

  test('a genid that returns no string is an error of the application', async () => {
    const logger = new CapturedLog();
    const app = await harness.open({ logger, session: { genid: () => undefined as never } });
    app.on('/use', ({ session }) => void (session['note'] = 1));
    expect((await app.browser().get('/use')).status).toBe(500);
    expect(logger.matching('"session.genid" must return').length).toBeGreaterThan(0);
  });
});

describe.each(variants)('the lifetime that a session chooses for itself, $name', (variant) => {
  const harness = useVariant(variant);
  const DAY = 86_400_000;

  async function remembered(set: (session: AnySession) => unknown, options?: Parameters<typeof harness.open>[0]) {
    const app = await harness.open(options);
    const browser = app.browser();
    app.on('/remember', ({ session }) => {
      session['note'] = 1;
      set(session);
    });
    const answer = await browser.get('/remember');
    return { app, browser, answer, ttl: async () => (await harness.stored(app, await browser.sid()))?.ttl ?? -1 };
  }

  test('cookie.maxAge set for one session wins over store.ttl, and stays', async () => {
    const { app, browser, answer, ttl } = await remembered((session) => (session.cookie.maxAge = 3 * DAY));
    expect(answer.setCookies[0]).toContain('Expires=');
    expect(await ttl()).toBeGreaterThan(3 * DAY - 5_000);

    app.on('/write', ({ session }) => void (session['note'] = 2));
    await browser.get('/write');
    app.on('/age', ({ session }) => ({ maxAge: session.cookie.maxAge, original: session.cookie.originalMaxAge }));
    const { maxAge, original } = (await browser.get('/age')).json;
    expect(await ttl()).toBeGreaterThan(3 * DAY - 5_000);
    // express-session's Cookie works out the original from the clock, which may have gone on by a millisecond.
    for (const value of [original, maxAge]) {
      expect(value).toBeGreaterThan(3 * DAY - 5_000);
      expect(value).toBeLessThanOrEqual(3 * DAY);
    }
  });

  test('cookie.maxAge set for a session that is there already counts at once', async () => {
    const { app, browser, ttl } = await remembered(() => undefined);
    for (const maxAge of [7_200_000, 60_000]) {
      app.on('/change', ({ session }) => void (session.cookie.maxAge = maxAge));
      await browser.get('/change');
      await app.sessions.drain();
      expect(await ttl()).toBeGreaterThan(maxAge - 5_000);
      expect(await ttl()).toBeLessThanOrEqual(maxAge);
    }
  });

  test.each<[string, (session: AnySession) => unknown]>([
    ['expires = false', (session) => (session.cookie.expires = false as never)],
    ['maxAge = null', (session) => (session.cookie.maxAge = null as never)],
  ])('cookie.%s makes it a cookie of the browser session, and store.ttl counts', async (_, set) => {
    const { browser, answer, ttl } = await remembered(set, { session: { cookie: { maxAge: DAY } }, store: { ttl: 600 } });
    expect(answer.setCookies[0]).not.toContain('Expires=');
    expect(await ttl()).toBeGreaterThan(595_000);
    expect(await ttl()).toBeLessThanOrEqual(600_000);
    expect((await browser.get('/read')).json).toEqual({ note: 1 });
  });

  test('cookie.expires = false for a session that is there already reaches the browser with each change, and stays', async () => {
    const { app, browser, ttl } = await remembered(() => undefined, { session: { cookie: { maxAge: DAY } }, store: { ttl: 600 } });
    app.on('/forget', ({ session }) => Object.assign(session.cookie, { expires: false, httpOnly: false }));
    app.on('/write', ({ session }) => void (session['note'] = Number(session['note']) + 1));
    await browser.get('/forget');
    for (let note = 2; note < 4; note++) {
      const { setCookies } = await browser.get('/write');
      expect(setCookies).toEqual([expect.stringMatching(/^sid=s%3A[^;]+; Path=\/; SameSite=Lax$/)]);
      expect((await browser.get('/read')).json).toEqual({ note });
      expect(await ttl()).toBeLessThanOrEqual(600_000);
    }
  });

  test('cookie.maxAge tells what is left of it, originalMaxAge all of it', async () => {
    const { app, browser } = await remembered(() => undefined, { session: { cookie: { maxAge: DAY } } });
    app.on('/age', ({ session }) => ({ left: session.cookie.maxAge, original: session.cookie.originalMaxAge }));
    await until(async () => {
      const { left, original } = (await browser.get('/age')).json;
      expect(original).toBe(DAY);
      return left < DAY - 20;
    }, 'the cookie is older');
  });

  test('touch moves the expiry of the cookie to originalMaxAge from now', async () => {
    const { app, browser } = await remembered(() => undefined, { session: { cookie: { maxAge: DAY } } });
    app.on('/touch', ({ session }) => {
      session.cookie.expires = new Date(Date.now() + 5_000);
      session.cookie.originalMaxAge = DAY;
      return { same: session.touch() === session, left: session.cookie.maxAge };
    });
    const { same, left } = (await browser.get('/touch')).json;
    expect([same, left > DAY - 5_000]).toEqual([true, true]);
  });

  test('other attributes set for one session are sent and stay', async () => {
    const { app, browser, answer } = await remembered((session) =>
      Object.assign(session.cookie, { sameSite: 'strict', path: '/', httpOnly: false }),
    );
    expect(answer.setCookies[0]).toMatch(/SameSite=Strict/);
    expect(answer.setCookies[0]).not.toContain('HttpOnly');
    app.on('/cookie', ({ session }) => session.cookie);
    expect((await browser.get('/cookie')).json).toMatchObject({ sameSite: 'strict', httpOnly: false });
  });

  test('a remembered session is sent its cookie again when a touch is due', async () => {
    const { browser } = await remembered((session) => (session.cookie.maxAge = DAY), { store: { touchAfter: 0 } });
    const { setCookies } = await browser.get('/plain');
    expect(setCookies).toHaveLength(1);
    expect(setCookies[0]).toContain('Expires=');
  });
});

describe.each(redisVariants)('a cookie that is half through its time, $name', (variant) => {
  const harness = useVariant(variant);
  const MINUTE = 60_000;

  test('tells that to the handler, until the session is seen again', async () => {
    const app = await harness.open({ session: { cookie: { maxAge: MINUTE } } });
    const browser = app.browser();
    const left = async (path: string) => Number((await browser.get(path)).text);
    app.on('/begin', ({ session }) => void (session['note'] = 1));
    app.on('/left', ({ session }) => String(session.cookie.maxAge));
    app.on('/touch', ({ session }) => String(session.touch().cookie.maxAge));
    app.on('/login', async ({ session }) => {
      const { cookie } = session;
      await session.login({ id: 'ada' });
      return String(cookie === session.cookie ? cookie.maxAge : Number.NaN);
    });
    await browser.get('/begin');
    for (const [path, before] of [
      ['/left', MINUTE / 2],
      ['/touch', MINUTE],
      ['/login', MINUTE],
    ] as const) {
      await age(harness.client, keyOf(app.store, (await browser.sid()) ?? ''), MINUTE / 2);
      const seen = await left(path);
      expect([path, seen <= before, seen > before - 5_000]).toEqual([path, true, true]);
      await app.sessions.drain();
      expect(await left('/left')).toBeGreaterThan(MINUTE - 5_000);
    }
  });
});
