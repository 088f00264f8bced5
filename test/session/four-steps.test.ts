import { describe, expect, test } from '@jest/globals';
import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import { Identity, Public, Session, SessionGuard, type HttpSession } from '../../src/index.js';
import { generateSid } from '../../src/session/sid.js';
import { signedCookie } from '../support/signed-cookie.js';
import { keyOf } from '../support/stored-session.js';
import { redisVariants, useVariant, variants } from '../support/variants.js';

@Controller()
@UseGuards(SessionGuard)
class AccountController {
  @Public()
  @Post('sign-in')
  signIn(@Session() session: HttpSession) {
    return session.login({ id: 'ada', roles: ['user'] });
  }

  @Get('me')
  me(@Identity() who: Identity) {
    return who;
  }
}

describe.each(variants)('the four steps, $name', (variant) => {
  const harness = useVariant(variant);

  test('1: the server makes the id, never adopting one that it does not know, even when it is validly signed', async () => {
    const app = await harness.open();
    const planted = generateSid();
    const browser = app.browser();

    const answer = await browser.post('/login/ada', undefined, { cookie: signedCookie(planted) });

    expect(answer.status).toBe(200);
    expect(await browser.sid()).toMatch(/^[\w-]{54}$/);
    expect(await browser.sid()).not.toBe(planted);
    expect(await harness.stored(app, planted)).toBeUndefined();
  });

  test('1: a written session of an unknown id gets an id of its own', async () => {
    const app = await harness.open();
    app.on('/write', ({ session }) => (session['note'] = 'mine'));
    const planted = generateSid();
    const browser = app.browser();
    await browser.get('/write', { cookie: signedCookie(planted) });
    expect(await browser.sid()).not.toBe(planted);
    expect((await harness.stored(app, await browser.sid()))?.entries).toEqual({ note: 'mine' });
    expect(await harness.stored(app, planted)).toBeUndefined();
  });

  test('2: the browser keeps the id in a signed cookie, the store the session', async () => {
    const app = await harness.open({ controllers: [AccountController] });
    const browser = app.browser();

    const [cookie] = (await browser.post('/sign-in')).setCookies;

    const sid = (await browser.sid()) ?? '';
    expect(cookie).toBe(`${signedCookie(sid)}; Path=/; HttpOnly; SameSite=Lax`);
    expect((await harness.stored(app, sid))?.entries).toEqual({ identity: { id: 'ada', roles: ['user'] } });
  });

  test('3: the id is taken from the Cookie header only', async () => {
    const app = await harness.open({ controllers: [AccountController] });
    const browser = app.browser();
    await browser.post('/sign-in');
    const sid = (await browser.sid()) ?? '';
    const value = signedCookie(sid).slice('sid='.length);
    const stranger = app.browser();

    for (const name of ['sid', 'x-sid', 'authorization', 'set-cookie', 'cookie2', 'x-session-id'])
      expect((await stranger.get('/me', { [name]: signedCookie(sid) })).status).toBe(401);
    expect((await stranger.get(`/me?sid=${value}&cookie=sid=${value}&sessionID=${sid}`)).status).toBe(401);
    expect((await stranger.send('POST', '/whoami', { sid: value, cookie: signedCookie(sid), sessionID: sid })).json).toEqual({
      identity: null,
    });
    expect((await stranger.get('/me', { cookie: signedCookie(sid) })).status).toBe(200);
  });

  test('4: the guard lets the identity in the session pass, and nobody else', async () => {
    const { browser: open } = await harness.open({ controllers: [AccountController] });
    const browser = open();
    expect((await browser.get('/me')).status).toBe(401);
    await browser.post('/sign-in');
    expect((await browser.get('/me')).json).toEqual({ id: 'ada', roles: ['user'] });
    expect((await open().get('/me')).status).toBe(401);
  });
});

describe.each(redisVariants)('the four steps seen in Redis, $name', (variant) => {
  const harness = useVariant(variant);

  test('2: the session is one hash, with one field for each entry', async () => {
    const app = await harness.open({ controllers: [AccountController] });
    const browser = app.browser();
    await browser.post('/sign-in');

    const key = keyOf(app.store, (await browser.sid()) ?? '');
    expect((await harness.client.keys('*')).toSorted()).toEqual([key, `${app.sessions.settings.prefix}user:ada`].toSorted());
    expect(await harness.client.type(key)).toBe('hash');
    const { '@meta': meta, ...fields } = await harness.client.hgetall(key);
    expect(fields).toEqual({ identity: '{"id":"ada","roles":["user"]}' });
    expect(meta).toMatch(/^1\|/);
  });

  test('4: the identity is read from the hash with each request: a change by hand counts from the next one on', async () => {
    const app = await harness.open({ controllers: [AccountController] });
    const browser = app.browser();
    await browser.post('/sign-in');
    const key = keyOf(app.store, (await browser.sid()) ?? '');

    await harness.client.hset(key, 'identity', '{"id":"ada","roles":["admin"]}');
    expect((await browser.get('/me')).json).toEqual({ id: 'ada', roles: ['admin'] });
    await harness.client.hset(key, 'identity', '{"id":"grace"}');
    expect((await browser.get('/me')).json).toEqual({ id: 'grace' });
    await harness.client.hdel(key, 'identity');
    expect((await browser.get('/me')).status).toBe(401);
  });

  test('4: a hash deleted by hand signs its holder out', async () => {
    const app = await harness.open({ controllers: [AccountController] });
    const browser = app.browser();
    await browser.post('/sign-in');
    await harness.client.del(keyOf(app.store, (await browser.sid()) ?? ''));
    expect((await browser.get('/me')).status).toBe(401);
  });
});
