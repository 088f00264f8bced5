import { describe, expect, test } from '@jest/globals';
import { create as createDomain } from 'node:domain';
import { CapturedLog } from '../support/captured-log.js';
import { refusal } from '../support/refusal.js';
import { until } from '../support/until.js';
import { useVariant, variants } from '../support/variants.js';

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
