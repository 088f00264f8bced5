import { describe, expect, test } from '@jest/globals';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { FreshLogin, Roles, SessionGuard, SessionManager } from '../../src/index.js';
import { sessionBehind, signIn } from '../../src/testing.js';
import { useVariant, variants } from '../support/variants.js';

const ADA = { id: 'ada', name: 'Ada' };

@Controller('guarded')
@UseGuards(SessionGuard)
class GuardedController {
  @Get() any() {
    return 'guarded';
  }
  @Roles('admin') @Get('admin') admin() {
    return 'admin';
  }
  @FreshLogin(300) @Get('fresh') fresh() {
    return 'fresh';
  }
}

describe.each(variants)('signIn() with $name', (variant) => {
  const { open } = useVariant(variant);
  const controllers = [GuardedController];

  test('gives a cookie that the application takes for that of the user', async () => {
    const app = await open({ controllers });
    const ada = await signIn(app.app, ADA, { entries: { cart: ['tea'] } as object });
    const browser = app.browser();
    expect(await browser.get('/guarded', ada.asHeader)).toMatchObject({ status: 200, text: 'guarded' });
    expect((await browser.get('/read', ada.asHeader)).json).toEqual({ identity: ADA, cart: ['tea'] });
    expect((await browser.get('/whoami', { cookie: String(ada) })).json).toEqual({ identity: ADA });
  });

  test('gives the roles that a handler asks for', async () => {
    const app = await open({ controllers });
    const [user, admin] = [await signIn(app.app, ADA), await signIn(app.app, ADA, { roles: ['admin'] })];
    expect(await app.browser().get('/guarded/admin', user.asHeader)).toMatchObject({ status: 403 });
    expect(await app.browser().get('/guarded/admin', admin.asHeader)).toMatchObject({ status: 200 });
  });

  test('is a fresh sign-in, and names its session in the lists of the user', async () => {
    const app = await open({ controllers });
    const ada = await signIn(app.app, ADA, { headers: { 'User-Agent': 'Firefox' } });
    expect(await app.browser().get('/guarded/fresh', ada.asHeader)).toMatchObject({ status: 200 });
    const manager = app.app.get(SessionManager);
    expect((await manager.list('ada')).sessions.map(({ handle }) => handle)).toEqual([ada.handle]);
    expect(await manager.revoke('ada', ada.handle)).toBe(true);
    expect(await app.browser().get('/guarded', ada.asHeader)).toMatchObject({ status: 401 });
  });

  test('keeps to what the application has configured: cookie, limits, device', async () => {
    const app = await open({
      session: { name: 'shop.sid', cookie: { path: '/guarded', sameSite: 'strict', maxAge: 3_600_000 } },
      store: { maxSessionsPerUser: 1, track: { userAgent: true } },
      controllers,
    });
    const first = await signIn(app.app, ADA);
    const second = await signIn(app.app, ADA, { headers: { 'User-Agent': 'Firefox' } });
    expect(second.name).toBe('shop.sid');
    expect(await app.browser().get('/guarded', first.asHeader)).toMatchObject({ status: 401 });
    expect(await app.browser().get('/guarded', second.asHeader)).toMatchObject({ status: 200 });
    expect(await sessionBehind(app.app, second)).toMatchObject({ device: { userAgent: 'Firefox' } });
    expect(second.forBrowser('http://localhost:3000')).toEqual({
      name: 'shop.sid',
      value: second.value,
      domain: 'localhost',
      path: '/guarded',
      expires: expect.any(Number),
      httpOnly: true,
      secure: false,
      sameSite: 'Strict',
    });
  });

  test('gives the cookie also where that is for https only', async () => {
    const app = await open({ session: { cookie: { secure: true } }, controllers });
    const ada = await signIn(app.app, ADA);
    expect(ada.name).toBe('__Host-sid');
    expect(ada.forBrowser('https://shop.example')).toMatchObject({ secure: true, domain: 'shop.example', path: '/', expires: -1 });
    expect(await app.browser().get('/guarded', ada.asHeader)).toMatchObject({ status: 200 });
  });

  test('remembers a user for longer, where it is told to', async () => {
    const app = await open();
    const ada = await signIn(app.app, ADA, { ttl: 30 * 86_400 });
    const { expiresAt, lastSeenAt } = (await sessionBehind(app.app, ada))!;
    expect(expiresAt.getTime() - lastSeenAt.getTime()).toBe(30 * 86_400_000);
    expect(ada.forBrowser('http://localhost').expires).toBeGreaterThan(0);
  });

  test('signs in where the application finds the identity itself, by the entries', async () => {
    const identity = (session: object) => (session as { passport?: { user: { id: string } } }).passport?.user;
    const app = await open({ identity, controllers });
    const ada = await signIn(app.app, { id: 'ada' }, { entries: { passport: { user: { id: 'ada' } } } as object });
    expect(await app.browser().get('/guarded', ada.asHeader)).toMatchObject({ status: 200 });
    expect((await app.app.get(SessionManager).list('ada')).sessions).toHaveLength(1);
    expect(await sessionBehind(app.app, ada)).toMatchObject({ identity: { id: 'ada' }, entries: { passport: { user: { id: 'ada' } } } });
    await expect(signIn(app.app, { id: 'ada' })).rejects.toThrow(
      'by the option "identity", and does not find that "id" among the "entries"',
    );
    await expect(signIn(app.app, { id: 'ada' }, { roles: ['admin'] })).rejects.toThrow('Put what it reads into "entries"');
  });

  test('gives the token that verifyCsrfToken() takes for that session, and for no other', async () => {
    const app = await open();
    app.on('/form', ({ session, request }) => ({ isOurs: session.verifyCsrfToken(request.headers['x-csrf-token']) }));
    const [ada, bob] = [await signIn(app.app, ADA), await signIn(app.app, { id: 'bob' })];
    const send = async (token: string) => (await app.browser().post('/form', undefined, { ...ada.asHeader, 'x-csrf-token': token })).json;
    expect([await send(ada.csrfToken), await send(bob.csrfToken)]).toEqual([{ isOurs: true }, { isOurs: false }]);
  });

  test('says where requests come from, where the application is strict about that', async () => {
    const app = await open({ session: { csrf: { strict: true } } });
    const ada = await signIn(app.app, ADA);
    expect(await app.browser().post('/plain', undefined, { cookie: String(ada) })).toMatchObject({ status: 403 });
    expect((await app.browser().post('/plain', undefined, ada.asHeader)).text).toBe('plain');
  });
});

describe.each(variants.filter(({ middleware }) => middleware === 'builtin'))(
  'signIn() for a client without cookies, with $name',
  (variant) => {
    const { open } = useVariant(variant);

    test('gives the header that the application has an option for', async () => {
      const app = await open({ session: { header: 'X-Session' }, controllers: [GuardedController] });
      const ada = await signIn(app.app, ADA);
      expect(Object.keys(ada.asSessionHeader)).toEqual(['x-session']);
      expect(await app.browser().get('/guarded', ada.asSessionHeader)).toMatchObject({ status: 200 });
      expect(await sessionBehind(app.app, ada.asSessionHeader)).toMatchObject({ identity: ADA });
    });

    test('has no such header where there is no such option', async () => {
      const app = await open();
      const ada = await signIn(app.app, ADA);
      expect(() => ada.asSessionHeader).toThrow('Set the option "session.header"');
    });
  },
);
