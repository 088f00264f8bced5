import { afterEach, describe, expect, test } from '@jest/globals';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { UseGuards } from '@nestjs/common';
import { Identity, Public, SessionGuard } from '../../src/index.js';
import { SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import { SessionSockets } from '../../src/websocket.js';
import { bothDoors, doors, isClient, opened, type Client } from '../support/doors.js';
import { createScriptedApp } from '../support/scripted-app.js';
import { answer, useSocketApps } from '../support/socket-app.js';

const clients: Client[] = [];
afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));

describe.each(doors)('a socket over $name', (door) => {
  const open = useSocketApps(door);

  test('opens for a signed-in user, whom its messages know', async () => {
    const app = await open();
    const client = await app.connect(await app.signedIn());
    expect(await client.ask('whoami')).toEqual(answer({ id: 'ada' }));
  });

  test('is refused to a visitor, with and without a session', async () => {
    const app = await open();
    app.on('/cart', ({ session }) => void (session['cart'] = ['tea']));
    const visitor = app.browser();
    await visitor.get('/cart');
    const cookie = await visitor.jar.getCookieString(app.origin);
    for (const coming of [{}, { cookie }, { cookie: 'sid=forged' }])
      expect(await door.connect(app.origin, coming)).toMatchObject({ status: 401, code: 'SESSION_REQUIRED' });
  });

  test('is refused with the reason to whoever had a session that was ended', async () => {
    const app = await open();
    const browser = await app.signedIn();
    const cookie = await browser.jar.getCookieString(app.origin);
    await app.manager.revokeAll('ada', 'password-changed');
    expect(await door.connect(app.origin, { cookie })).toMatchObject({ status: 401, code: 'SESSION_REQUIRED', reason: 'password-changed' });
  });

  test.each([
    ['another origin', { origin: 'https://evil.example' }, 'cross-origin'],
    ['a page of another site that says no origin', { 'sec-fetch-site': 'cross-site' }, 'cross-site'],
    ['no origin that a browser sends', { origin: 'null' }, 'cross-origin'],
  ])('is refused to %s, signed in or not', async (_, headers, reason) => {
    const app = await open();
    const cookie = await (await app.signedIn()).jar.getCookieString(app.origin);
    for (const coming of [{ headers }, { cookie, headers }])
      expect(await door.connect(app.origin, coming)).toMatchObject({ status: 403, code: 'SESSION_CROSS_ORIGIN', reason });
  });

  test('opens for its own origin, and for those that session.csrf trusts', async () => {
    const app = await open({ session: { csrf: { trustedOrigins: ['https://app.example'] } } });
    const browser = await app.signedIn();
    for (const origin of [app.origin, 'https://app.example']) {
      const client = await app.connect(browser, { headers: { origin } });
      expect(client.isOpen).toBe(true);
    }
  });

  test('is refused while the store cannot be asked, and nobody is taken for signed out', async () => {
    const app = await open({ store: { logErrors: false } });
    const cookie = await (await app.signedIn()).jar.getCookieString(app.origin);
    Object.assign(app.store, { find: () => Promise.reject(new SessionStoreUnavailableError('connection')) });
    expect(await door.connect(app.origin, { cookie })).toMatchObject({ status: 503, code: 'SESSION_STORE_UNAVAILABLE' });
  });
});

describe.each(bothDoors)('gateways over $name', (door) => {
  const open = useSocketApps(door);

  test('that are public are open to visitors, who have no identity, and to users, who have', async () => {
    @Public()
    @WebSocketGateway(door.at('lobby'))
    class Lobby {
      @SubscribeMessage('hello')
      hello() {
        return answer('hello');
      }
    }
    const app = await open({ providers: [Lobby] });
    const visitor = await app.connect(undefined, { at: 'lobby' });
    expect(await visitor.ask('hello')).toEqual(answer('hello'));
    const user = await app.connect(await app.signedIn(), { at: 'lobby' });
    expect(await user.ask('hello')).toEqual(answer('hello'));
    expect(await door.connect(app.origin)).toMatchObject({ status: 401 });
    expect(await door.connect(app.origin, { at: 'lobby', headers: { origin: 'https://evil.example' } })).toMatchObject({ status: 403 });
  });

  test('that are not public refuse messages and pushes alike: no handler has run, and no connection was seen', async () => {
    const seen: string[] = [];
    @WebSocketGateway(door.at('quiet'))
    class Quiet {
      handleConnection() {
        seen.push('connection');
      }

      @SubscribeMessage('hello')
      hello() {
        seen.push('message');
      }
    }
    const app = await open({ providers: [Quiet] });
    expect(isClient(await door.connect(app.origin, { at: 'quiet' }))).toBe(false);
    const client = await app.connect(await app.signedIn(), { at: 'quiet' });
    expect([seen, client.isOpen]).toEqual([['connection'], true]);
  });
});

test('the adapter that Nest makes itself needs no line in main.ts', async () => {
  @UseGuards(SessionGuard)
  @WebSocketGateway()
  class Plain {
    @SubscribeMessage('whoami')
    whoami(@Identity('id') id: string) {
      return answer(id);
    }
  }
  const app = await createScriptedApp({ store: { kind: 'memory' }, providers: [SessionSockets, Plain] });
  try {
    const [, byWebSocket] = doors;
    const browser = app.browser();
    await browser.post('/login/ada');
    const client = await opened(byWebSocket!, app.origin, { cookie: await browser.jar.getCookieString(app.origin) });
    clients.push(client);
    expect(await client.ask('whoami')).toEqual(answer('ada'));
    expect(await byWebSocket!.connect(app.origin)).toMatchObject({ status: 401 });
  } finally {
    await app.close();
  }
});
