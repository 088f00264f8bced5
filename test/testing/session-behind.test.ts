import { afterEach, describe, expect, test } from '@jest/globals';
import { sessionBehind, signIn } from '../../src/testing.js';
import { createScriptedApp, type ScriptedApp } from '../support/scripted-app.js';
import { useVariant, variants } from '../support/variants.js';

const ADA = { id: 'ada', roles: ['admin'] };

describe.each(variants)('sessionBehind() with $name', (variant) => {
  const { open } = useVariant(variant);

  test('says what is stored, for the cookie of a browser', async () => {
    const app = await open();
    app.on('/write', ({ session }) => void Object.assign(session, { cart: ['tea'], theme: 'dark' }));
    app.on('/login', ({ session }) => session.login(ADA, { keep: ['cart'] }));
    const browser = app.browser();
    await browser.post('/write');
    const visitor = await browser.jar.getCookieString(app.origin);
    expect(await sessionBehind(app.app, visitor)).toMatchObject({
      entries: { cart: ['tea'], theme: 'dark' },
      identity: undefined,
      authenticatedAt: undefined,
    });
    const { setCookies } = await browser.post('/login');
    expect(await sessionBehind(app.app, visitor)).toBeUndefined();
    const found = (await sessionBehind(app.app, setCookies))!;
    expect(found).toEqual({
      handle: expect.any(String),
      entries: { cart: ['tea'] },
      identity: ADA,
      createdAt: expect.any(Date),
      lastSeenAt: expect.any(Date),
      expiresAt: new Date(found.lastSeenAt.getTime() + 1_800_000),
      endsAt: new Date(found.createdAt!.getTime() + 28_800_000),
      authenticatedAt: expect.any(Date),
      device: undefined,
    });
  });

  test('is undefined once the user has signed out, also for the cookie that was cleared', async () => {
    const app = await open();
    const ada = await signIn(app.app, ADA);
    const { setCookies } = await app.browser().post('/logout', undefined, ada.asHeader);
    expect(await sessionBehind(app.app, ada)).toBeUndefined();
    expect(await sessionBehind(app.app, setCookies)).toBeUndefined();
  });
});

describe('sessionBehind()', () => {
  const apps: ScriptedApp[] = [];
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });

  async function start(session: object = {}) {
    const app = await createScriptedApp({ store: { kind: 'memory' }, session });
    apps.push(app);
    return app;
  }

  test('refuses a cookie of another name, and names its own', async () => {
    const { app } = await start({ name: 'shop.sid' });
    await expect(sessionBehind(app, 'sid=1; theme=dark')).rejects.toThrow('which is called "shop.sid", and was given none of that name');
  });

  test('refuses a cookie that somebody else has signed, without showing it', async () => {
    const [{ app }, other] = [await start(), await start({ secret: 'another secret of the tests, which is long enough' })];
    const theirs = await signIn(other.app, ADA);
    const failure = await sessionBehind(app, theirs).catch((error: Error) => error);
    expect(failure).toMatchObject({ code: 'SESSION_MISUSE', message: expect.stringContaining('not signed with "session.secret"') });
    expect(JSON.stringify([failure, (failure as Error).stack])).not.toContain(theirs.value);
  });

  test('refuses what is no cookie, as the headers of a response that sets none', async () => {
    const { app } = await start();
    await expect(sessionBehind(app, undefined as never)).rejects.toThrow('sessionBehind() needs a cookie, received undefined.');
    await expect(sessionBehind(app, [])).rejects.toThrow('was given none of that name');
  });

  test('restarts no timeout, and tells nobody', async () => {
    const app = await start();
    const ada = await signIn(app.app, ADA);
    const before = await sessionBehind(app.app, ada);
    expect(await sessionBehind(app.app, ada)).toEqual(before);
  });
});
