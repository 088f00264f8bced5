import { describe, expect, test } from '@jest/globals';
import { CsrfGuard, FreshLogin, Identity, Passive, Roles, SessionContext, SessionGuard, type HttpSession } from '../../src/index.js';
import { Catch, UseFilters, UseGuards, type ArgumentsHost } from '@nestjs/common';
import { BaseWsExceptionFilter, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { SessionGoneError, SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import { bothDoors } from '../support/doors.js';
import { answer, useSocketApps } from '../support/socket-app.js';
import { until } from '../support/until.js';

const OUTAGE = new SessionStoreUnavailableError('connection');
const exception = (data: object) => ({ event: 'exception', data: expect.objectContaining(data) });

describe.each(bothDoors)('a message over $name', (door) => {
  const open = useSocketApps(door);

  test('has the session of its socket: reads it, changes it, and stores the change with save()', async () => {
    const app = await open();
    const browser = await app.signedIn();
    const client = await app.connect(browser);
    app.onMessage('add', async (session, item) => {
      session['cart'] = [...(session['cart'] ?? []), item];
      await session.save();
      return session['cart'];
    });
    expect(await client.ask('run', ['add', 'tea'])).toEqual(answer(['tea']));
    expect(await client.ask('run', ['add', 'milk'])).toEqual(answer(['tea', 'milk']));
    expect((await browser.get('/read')).json).toMatchObject({ cart: ['tea', 'milk'] });
  });

  test('loses what it does not save, which is logged, and no other message sees it', async () => {
    const errors: Error[] = [];
    const app = await open({ store: { logErrors: (error) => errors.push(error) } });
    const client = await app.connect(await app.signedIn());
    app.onMessage('change', (session) => void (session['cart'] = ['tea']));
    app.onMessage('read', (session) => session['cart']);
    await client.ask('run', ['change']);
    expect(await client.ask('run', ['read'])).toEqual(answer(null));
    expect(errors.map((error) => error.message)).toEqual([expect.stringContaining('await session.save()')]);
  });

  test('sees what a request in the same process has just stored', async () => {
    const app = await open();
    const browser = await app.signedIn();
    const client = await app.connect(browser);
    app.on('/cart', ({ session }) => void (session['cart'] = ['tea']));
    app.onMessage('read', (session) => session['cart']);
    expect(await client.ask('run', ['read'])).toEqual(answer(null));
    await browser.get('/cart');
    expect(await client.ask('run', ['read'])).toEqual(answer(['tea']));
  });

  test.each(['login', 'logout', 'destroy', 'regenerate', 'rotate', 'reauthenticate'] as const)(
    'cannot call session.%s(), which changes the cookie: the error names the cure, and nothing has changed',
    async (method) => {
      const app = await open();
      const browser = await app.signedIn();
      const client = await app.connect(browser);
      app.onMessage('call', async (session) => {
        const call = session[method] as (argument?: object) => Promise<void>;
        return call({ id: 'eve' }).catch((error: Error & { code?: string }) => [error.code, error.message]);
      });
      const { data } = await client.ask('run', ['call']);
      expect(data).toEqual(['SESSION_MISUSE', expect.stringMatching(/HTTP request/)]);
      expect(await client.ask('whoami')).toEqual(answer({ id: 'ada' }));
      expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    },
  );

  test('can add to a counter, in parallel with requests', async () => {
    const app = await open();
    const browser = await app.signedIn();
    const client = await app.connect(browser);
    app.on('/count', ({ session }) => session.increment('n'));
    app.onMessage('count', (session) => session.increment('n'));
    await browser.get('/count');
    expect(await client.ask('run', ['count'])).toEqual(answer(2));
  });

  test('is refused by the guard for the role and the fresh sign-in that its handler asks for, as an exception with our code', async () => {
    @UseGuards(SessionGuard, CsrfGuard)
    @WebSocketGateway(door.at('admin'))
    class Admin {
      @Roles('admin')
      @SubscribeMessage('roles')
      roles() {
        return answer('done');
      }

      @FreshLogin(0.000_001)
      @SubscribeMessage('fresh')
      fresh() {
        return answer('done');
      }

      @SubscribeMessage('id')
      id(@Identity('id') id: string) {
        return answer(id);
      }
    }
    const app = await open({ providers: [Admin] });
    const client = await app.connect(await app.signedIn(), { at: 'admin' });
    expect(await client.ask('roles')).toEqual(exception({ status: 403, code: 'SESSION_ROLE_MISSING', message: 'You may not do this.' }));
    expect(await client.ask('fresh')).toEqual(exception({ status: 401, code: 'SESSION_LOGIN_NOT_FRESH', reason: 'login-not-fresh' }));
    expect(await client.ask('id')).toEqual(answer('ada'));
    await app.manager.updateIdentity('ada', { roles: ['admin'] });
    expect(await client.ask('roles')).toEqual(answer('done'));
  });

  test('with recheckAfter 0 asks the store each time, and sees what another process has done', async () => {
    const app = await open({ store: { recheckAfter: 0 } });
    const client = await app.connect(await app.signedIn());
    let looks = 0;
    const { reload } = app.store;
    Object.assign(app.store, { reload: (...args: [never]) => (looks++, reload?.apply(app.store, args)) });
    const before = looks;
    await client.ask('whoami');
    await client.ask('whoami');
    expect(looks - before).toBeGreaterThanOrEqual(2);
  });

  test('is answered with the outage while the store does not answer, the socket stays, and public handlers go on', async () => {
    const app = await open({ store: { recheckAfter: 0, logErrors: false } });
    const client = await app.connect(await app.signedIn());
    const { reload } = app.store;
    Object.assign(app.store, { reload: () => Promise.reject(OUTAGE) });
    expect(await client.ask('whoami')).toEqual(exception({ status: 503, code: 'SESSION_STORE_UNAVAILABLE' }));
    expect(await client.ask('run', ['nothing'])).toEqual(exception({ status: 503, code: 'SESSION_STORE_UNAVAILABLE' }));
    expect(client.isOpen).toBe(true);
    Object.assign(app.store, { reload });
    expect(await client.ask('whoami')).toEqual(answer({ id: 'ada' }));
  });

  test('has what SessionManager and the session reject with told to its client as an exception with our code, and an outage logged', async () => {
    const errors: Error[] = [];
    const app = await open({ store: { logErrors: (error) => errors.push(error) } });
    const client = await app.connect(await app.signedIn());
    await app.signedIn();
    app.onMessage('revoke others', (session) => app.manager.revokeOthers(session as HttpSession));
    app.onMessage('save', async (session) => {
      session['cart'] = ['tea'];
      await session.save();
    });
    app.onMessage('gone', () => Promise.reject(new SessionGoneError()));
    app.onMessage('own fault', () => Promise.reject(new Error('of the application')));
    Object.assign(app.store, { save: () => Promise.reject(OUTAGE), revoke: () => Promise.reject(OUTAGE) });
    const unavailable = { status: 503, code: 'SESSION_STORE_UNAVAILABLE', message: 'The session store is unavailable. Try again.' };
    expect(await client.ask('run', ['revoke others'])).toEqual({ event: 'exception', data: unavailable });
    expect(errors).toEqual([OUTAGE]);
    expect(await client.ask('run', ['save'])).toEqual({ event: 'exception', data: unavailable });
    expect(await client.ask('run', ['gone'])).toEqual(exception({ status: 401, code: 'SESSION_GONE' }));
    expect(await client.ask('run', ['own fault'])).toEqual(exception({ status: 'error', message: 'Internal server error' }));
  });

  test('leaves what is refused to the filters of its gateway, if they want it', async () => {
    @Catch(WsException, SessionStoreUnavailableError)
    class OwnFilter extends BaseWsExceptionFilter {
      readonly caught: unknown[] = [];

      override catch(error: WsException | SessionStoreUnavailableError, host: ArgumentsHost) {
        this.caught.push(error instanceof WsException ? error.getError() : error);
        this.handleError(host.switchToWs().getClient(), new WsException('own words'), undefined);
      }
    }
    const filter = new OwnFilter();

    @UseFilters(filter)
    @UseGuards(SessionGuard)
    @WebSocketGateway(door.at('filtered'))
    class Filtered {
      @Roles('admin')
      @SubscribeMessage('guarded')
      guarded() {
        return answer('done');
      }

      @SubscribeMessage('outage')
      outage() {
        return Promise.reject(OUTAGE);
      }
    }
    const app = await open({ providers: [Filtered] });
    const client = await app.connect(await app.signedIn(), { at: 'filtered' });
    for (const message of ['guarded', 'outage'])
      expect(await client.ask(message)).toEqual(exception({ status: 'error', message: 'own words' }));
    expect(filter.caught).toEqual([expect.objectContaining({ code: 'SESSION_ROLE_MISSING' }), OUTAGE]);
  });

  test('is handled for nobody once its session has ended, although the socket does not know yet', async () => {
    const app = await open({ store: { recheckAfter: 0 } });
    const browser = await app.signedIn();
    const client = await app.connect(browser);
    const handled: unknown[] = [];
    app.onMessage('note', (session) => void handled.push(session.identity));
    await client.ask('run', ['note']);
    await app.store.destroy((await browser.sid()) as never);
    client.tell('run', ['note']);
    expect(await client.ended).toBe('ended');
    expect(handled).toEqual([{ id: 'ada' }]);
  });

  test('counts as activity, and an idle open socket does not', async () => {
    const app = await open();
    const browser = await app.signedIn();
    const client = await app.connect(browser);
    const touches: string[] = [];
    const { touch } = app.store;
    Object.assign(app.store, { touch: (...args: Parameters<typeof touch>) => (touches.push('touch'), touch.apply(app.store, args)) });
    let ahead = 0;
    Object.assign(app.store, { clock: { now: () => Date.now() + ahead } });
    await client.ask('whoami');
    expect(touches).toEqual([]);
    ahead = 61_000;
    await client.ask('whoami');
    await client.ask('whoami');
    expect(touches).toEqual(['touch']);
    const handle = app.sessions.handleOf((await browser.sid()) as never);
    const seen = async () => ((await app.store.describe?.([handle]))?.[0]?.lastSeenAt ?? 0) > Date.now() + 30_000;
    await until(seen, 'the message counts as the latest activity');
    const sessionEnd = (await app.store.describe?.([handle]))?.[0];
    expect(sessionEnd?.idle).toBe(1_800_000);
  });

  test('to a passive handler is no activity, and none gives the session a new secret, which no socket could carry', async () => {
    @UseGuards(SessionGuard)
    @WebSocketGateway(door.at('polling'))
    class Polling {
      @Passive()
      @SubscribeMessage('passive')
      look(@Identity('id') id: string) {
        return answer(id);
      }

      @SubscribeMessage('active')
      use(@Identity('id') id: string) {
        return answer(id);
      }
    }
    const app = await open({ providers: [Polling], store: { rotateAfter: 60, recheckAfter: 0 } });
    const browser = await app.signedIn();
    const client = await app.connect(browser, { at: 'polling' });
    const calls: string[] = [];
    for (const name of ['touch', 'rotate'] as const) {
      const call = app.store[name]?.bind(app.store) as (...args: unknown[]) => unknown;
      Object.assign(app.store, { [name]: (...args: unknown[]) => (calls.push(name), call(...args)) });
    }
    Object.assign(app.store, { clock: { now: () => Date.now() + 61_000 } });
    expect(await client.ask('passive')).toEqual(answer('ada'));
    expect(await client.ask('passive')).toEqual(answer('ada'));
    expect(calls).toEqual([]);
    expect(await client.ask('active')).toEqual(answer('ada'));
    await until(() => calls.length > 0, 'the message that is not passive counts');
    expect(calls).toEqual(['touch']);
  });

  test('has its session in SessionContext', async () => {
    const app = await open({ context: true });
    const [ada, eve] = [await app.connect(await app.signedIn()), await app.connect(await app.signedIn('eve'))];
    const context = app.app.get(SessionContext);
    app.onMessage('who', async (session) => {
      await new Promise(setImmediate);
      return [context.identity, context.session.handle === session.handle];
    });
    const told = await Promise.all([ada.ask('run', ['who']), eve.ask('run', ['who'])]);
    expect(told).toEqual([answer([{ id: 'ada' }, true]), answer([{ id: 'eve' }, true])]);
  });

  test('finds no session where SessionSockets is not provided, and the error says what to do', async () => {
    const app = await open();
    const socket = await app.connect(await app.signedIn());
    expect(await socket.ask('socket')).toEqual(answer({ identity: { id: 'ada' }, handle: expect.any(String) }));
    expect([app.sockets.identityOf({}), app.sockets.handleOf({})]).toEqual([undefined, undefined]);
  });
});
