import { afterEach, describe, expect, test } from '@jest/globals';
import { Controller, Post, Sse, UseGuards, type INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { EventSource } from 'eventsource';
import { Observable } from 'rxjs';
import {
  Identity,
  MemorySessionStore,
  Passive,
  Public,
  RedisSessionModule,
  Session,
  SessionGuard,
  SessionManager,
  type HttpSession,
  type StoreOptions,
} from '../../src/index.js';
import { SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import { Sessions } from '../../src/session/sessions.js';
import { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import { TestClock } from '../support/test-clock.js';
import { until } from '../support/until.js';

const PLATFORMS: [string, () => ExpressAdapter | FastifyAdapter][] = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
];

const apps: INestApplication[] = [];
const streams: EventSource[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

describe.each(PLATFORMS)('an @Sse() stream on %s', (_, adapter) => {
  /** An application that notes who produces, and for how long. */
  async function open(options: StoreOptions = {}) {
    const store = new MemorySessionStore({ logErrors: false, ...options });
    let producing = 0;
    const produce = (first: unknown) =>
      new Observable<{ data: unknown; retry: number }>((subscriber) => {
        producing++;
        // EventSource comes back at once.
        subscriber.next({ data: first, retry: 1 });
        return () => producing--;
      });

    @Controller()
    @UseGuards(SessionGuard)
    class EventsController {
      @Public()
      @Post('login')
      login(@Session() session: HttpSession) {
        return session.login({ id: 'ada' });
      }

      @Post('logout')
      logout(@Session() session: HttpSession) {
        return session.logout();
      }

      @Sse('mine')
      mine(@Identity('id') id: string) {
        return produce(id);
      }

      @Passive()
      @Sse('passive')
      passive(@Identity('id') id: string) {
        return produce(id);
      }

      @Public()
      @Sse('ticker')
      ticker() {
        return produce('public');
      }

      @Sse('counted')
      async counted(@Session() session: HttpSession & { opened?: number }) {
        session.opened = (session.opened ?? 0) + 1;
        return produce(session.opened);
      }
    }

    const module = await Test.createTestingModule({
      imports: [RedisSessionModule.forRoot({ session: { secret: TEST_SECRET }, store })],
      controllers: [EventsController],
    }).compile();
    const app = module.createNestApplication(adapter(), { logger: false, forceCloseConnections: true });
    apps.push(app);
    await app.listen(0, '127.0.0.1');
    const origin = (await app.getUrl()).replace('[::1]', '127.0.0.1');
    const browser = new Browser(origin);
    return {
      store,
      browser,
      origin,
      manager: app.get(SessionManager),
      producing: () => producing,
      watched: () => Sessions.of(store).watched.size,
      async listen(path: string) {
        const cookie = await browser.jar.getCookieString(origin);
        const statuses: number[] = [];
        const stream = new EventSource(origin + path, {
          fetch: async (url, init) => {
            const response = await fetch(url, { ...init, headers: { ...init.headers, ...(cookie === '' ? {} : { cookie }) } });
            statuses.push(response.status);
            return response;
          },
        });
        streams.push(stream);
        const first = new Promise<string>((resolve) => stream.addEventListener('message', ({ data }) => resolve(data as string)));
        return { stream, statuses, first };
      },
    };
  }

  test.each<[string, (app: Awaited<ReturnType<typeof open>>) => Promise<unknown>]>([
    ['signed out', ({ browser }) => browser.post('/logout')],
    ['revoked', ({ manager }) => manager.revokeAll('ada')],
  ])('that a guard let in ends when its session is %s, its producer too, and EventSource does not come back', async (__, end) => {
    const app = await open();
    await app.browser.post('/login');
    const { stream, statuses, first } = await app.listen('/mine');
    expect(await first).toBe('ada');
    await end(app);
    await until(() => stream.readyState === stream.CLOSED, 'EventSource has given up');
    expect([statuses, app.producing(), app.watched()]).toEqual([[200, 401], 0, 0]);
  });

  test('is completed by the end of its session, not cut off', async () => {
    const app = await open();
    await app.browser.post('/login');
    const response = await fetch(`${app.origin}/mine`, { headers: { cookie: await app.browser.jar.getCookieString(app.origin) } });
    // Rejects where the connection is closed in the middle of the response.
    const whole = response.text();
    await app.browser.post('/logout');
    expect(await whole).toContain('data: ada');
    expect([app.producing(), app.watched()]).toEqual([0, 0]);
  });

  test('that is passive is no activity, as one that is not is, and ends with its session all the same', async () => {
    const app = await open();
    const clock = Object.assign(app.store, { clock: new TestClock() }).clock;
    await app.browser.post('/login');
    const handle = Sessions.of(app.store).handleOf((await app.browser.sid()) as never);
    const seen = async () => {
      await Sessions.of(app.store).drain();
      return (await Sessions.of(app.store).describe([handle]))[0]?.lastSeenAt;
    };
    const atSignIn = await seen();
    expect(atSignIn).toEqual(expect.any(Number));
    // A touch is due.
    clock.advance(20 * 60_000);
    const passive = await app.listen('/passive');
    expect([await passive.first, await seen()]).toEqual(['ada', atSignIn]);
    const active = await app.listen('/mine');
    expect(await active.first).toBe('ada');
    expect(await seen()).toBeGreaterThan(Number(atSignIn));
    await app.browser.post('/logout');
    await until(() => passive.stream.readyState === passive.stream.CLOSED, 'EventSource has given up');
    await until(() => app.producing() === 0, 'nobody produces any more');
  });

  test('ends within the bound when another process ends its session', async () => {
    const app = await open({ recheckAfter: 1 });
    await app.browser.post('/login');
    const { stream, first } = await app.listen('/mine');
    await first;
    await app.store.destroy((await app.browser.sid()) as never);
    await until(() => stream.readyState === stream.CLOSED, 'EventSource has given up');
    expect(app.producing()).toBe(0);
  });

  test('goes on in an outage, and when it is public also after the end of the session', async () => {
    const app = await open({ recheckAfter: 1 });
    await app.browser.post('/login');
    const [ticker, mine] = [await app.listen('/ticker'), await app.listen('/mine')];
    await Promise.all([ticker.first, mine.first]);
    let looks = 0;
    const { reload } = app.store;
    const refusing = () => {
      looks++;
      return Promise.reject(new SessionStoreUnavailableError('connection'));
    };
    Object.assign(app.store, { reload: refusing });
    await app.store.destroy((await app.browser.sid()) as never);
    await until(() => looks >= 3, 'it was looked at again and again');
    expect(app.producing()).toBe(2);
    Object.assign(app.store, { reload });
    await until(() => mine.stream.readyState === mine.stream.CLOSED, 'the stream of the user has ended');
    expect([app.producing(), ticker.stream.readyState]).toEqual([1, ticker.stream.OPEN]);
  });

  test('leaves nothing watched when its client goes', async () => {
    const app = await open();
    await app.browser.post('/login');
    const { stream, first } = await app.listen('/mine');
    await first;
    expect(app.watched()).toBe(1);
    stream.close();
    await until(() => app.watched() === 0 && app.producing() === 0, 'nothing is watched any more');
  });

  test('has stored what its handler changed before the head by the time that the head is there', async () => {
    const app = await open();
    await app.browser.post('/login');
    const { stream } = await app.listen('/counted');
    await new Promise((resolve) => stream.addEventListener('open', resolve));
    const handle = (await app.browser.sid())?.slice(0, 22);
    const record = await Sessions.of(app.store).load((await app.browser.sid()) as never);
    expect([record?.handle, record?.entries.get('opened')]).toEqual([handle, '1']);
  });

  test('is refused with 401 to a visitor, which stops EventSource', async () => {
    const app = await open();
    const { stream, statuses } = await app.listen('/mine');
    await until(() => stream.readyState === stream.CLOSED, 'EventSource has given up');
    expect(statuses).toEqual([401]);
  });
});
