import { describe, expect, test } from '@jest/globals';
import { CapturedLog } from '../support/captured-log.js';
import { refusal } from '../support/refusal.js';
import { useVariant, variants } from '../support/variants.js';

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
