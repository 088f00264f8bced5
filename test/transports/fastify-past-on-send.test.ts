import { afterEach, describe, expect, test } from '@jest/globals';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Controller, Sse, type MessageEvent } from '@nestjs/common';
import fastify, { type FastifyReply } from 'fastify';
import { of, type Observable } from 'rxjs';
import { Session, type HttpSession } from '../../src/index.js';
import { sessionOf, SessionStoreUnavailableError } from '../../src/fastify.js';
import { Barrier } from '../support/barrier.js';
import { Browser } from '../support/browser.js';
import {
  addToCart,
  openNestFastify,
  openPlainFastify,
  type FastifyApp,
  type FastifyDoor,
  type FastifyScript,
} from '../support/fastify-app.js';
import { headerOf, RawClient } from '../support/raw-client.js';
import { until } from '../support/until.js';

const DOORS: readonly (readonly [string, FastifyDoor])[] = [
  ['without Nest', openPlainFastify],
  ['under Nest', openNestFastify],
];
const NOT_STORED = new SessionStoreUnavailableError('timeout');

let app: FastifyApp;
afterEach(() => app.close());

const cart = async (browser = app.browser) => (await browser.get('/read')).json.cart as string[] | null;

describe.each(DOORS)('%s', (door, open) => {
  /** Below which path a script sends its reply itself. */
  const own = door === 'under Nest' ? '/own' : '';

  test('no response is patched unless the session of Node’s request is used', async () => {
    const keys: Record<string, PropertyKey[]> = {};
    const look = (name: string, { raw }: FastifyReply) => void (keys[name] = Reflect.ownKeys(raw));
    app = await open({
      scripts: {
        '/ours': (request, reply) => {
          addToCart(request);
          look('ours', reply);
          return 'ours';
        },
        '/theirs': (request, reply) => {
          request.session.set('cart', ['tea']);
          look('theirs', reply);
          return 'theirs';
        },
        '/anonymous': (_request, reply) => (look('anonymous', reply), 'anonymous'),
        '/raw': (request, reply) => {
          Reflect.set(Reflect.get(request.raw, 'session') as object, 'cart', ['milk']);
          look('raw', reply);
          return 'raw';
        },
      },
      prepare: (instance) => void instance.addHook('onResponse', async (request, reply) => look(`after ${request.url}`, reply)),
    });
    for (const path of ['/ours', '/theirs', '/anonymous', '/raw']) await app.browser.get(path);
    await until(() => 'after /raw' in keys, 'all have been answered');
    const bare = await keysWithoutTheModule(open);
    for (const name of ['ours', 'theirs', 'anonymous']) expect([name, keys[name], keys[`after /${name}`]]).toEqual([name, ...bare]);
    expect(keys['raw']).toEqual(expect.arrayContaining(['writeHead', 'write', 'end']));
    expect(await cart()).toEqual(['milk']);
  });

  describe('a hijacked reply', () => {
    const hijack: FastifyScript = (_request, reply) => {
      reply.hijack();
      reply.raw.end('raw');
    };
    const scripts: Record<string, FastifyScript> = {
      '/unsaved': (request, reply) => {
        addToCart(request, 'milk');
        return hijack(request, reply);
      },
      '/saved': async (request, reply) => {
        addToCart(request, 'milk');
        await sessionOf(request).save();
        return hijack(request, reply);
      },
      '/signed-in': async (request, reply) => {
        await sessionOf(request).login({ id: 'ada' });
        return hijack(request, reply);
      },
      '/written': async (request, { raw }) => {
        addToCart(request, 'milk');
        raw.write('r');
        raw.end('aw');
      },
      '/who': (request) => ({ id: sessionOf(request).identity?.id ?? null }),
    };

    test.each(['/unsaved', '/written'])('is stored when it closes: %s', async (path) => {
      app = await open({ scripts });
      await app.browser.get('/change');
      expect((await app.browser.get(own + path)).text).toBe('raw');
      await until(async () => (await cart())?.length === 2, 'it is stored');
      expect(app.store.writes).toEqual(['create', 'save']);
    });

    test('that could not be stored is logged', async () => {
      app = await open({ scripts });
      await app.browser.get('/change');
      app.store.failure = NOT_STORED;
      expect((await app.browser.get(`${own}/unsaved`)).text).toBe('raw');
      await until(() => app.logged.length > 0, 'it is logged');
    });

    test('that begins a session without saving it is logged, since nobody can be given its cookie', async () => {
      app = await open({ scripts });
      const { setCookies } = await app.browser.get(`${own}/unsaved`);
      expect(setCookies).toEqual([]);
      await until(() => app.logged.length > 0, 'it is logged');
      expect(app.store.writes).toEqual([]);
    });

    test('has the cookie of what was saved before', async () => {
      app = await open({ scripts });
      const { text, setCookies } = await app.browser.get(`${own}/saved`);
      expect([text, setCookies.length, await cart()]).toEqual(['raw', 1, ['milk']]);
      expect(app.store.writes).toEqual(['create']);
    });

    test('has the cookie of a sign-in', async () => {
      app = await open({ scripts });
      const { text, setCookies } = await app.browser.get(`${own}/signed-in`);
      expect([text, setCookies.length, (await app.browser.get('/who')).json]).toEqual(['raw', 1, { id: 'ada' }]);
    });
  });

  describe('a hook that comes later and fails', () => {
    const openWithHook = (failsAlways: boolean) =>
      open({
        scripts: {
          '/hooked': (request) => {
            addToCart(request);
            return 'payload';
          },
        },
        prepare: (instance) => {
          let hasFailed = false;
          instance.addHook('onSend', (request, _reply, payload, done) => {
            if (request.url !== '/hooked' || (hasFailed && !failsAlways)) return done(null, payload);
            hasFailed = true;
            done(new Error('hook'));
          });
        },
      });

    test.each([
      ['once', false],
      ['always', true],
    ])('%s: the session is committed once, with one cookie', async (_name, failsAlways) => {
      app = await openWithHook(failsAlways);
      const { status, setCookies } = await app.browser.get('/hooked');
      expect([status, setCookies.length, app.store.writes]).toEqual([500, 1, ['create']]);
      expect(await cart()).toEqual(['tea']);
    });

    test('what could not be stored is answered 503 all the same', async () => {
      app = await openWithHook(false);
      app.store.failure = NOT_STORED;
      const { status, setCookies, json } = await app.browser.get('/hooked');
      expect([status, setCookies, json.code]).toEqual([503, [], 'SESSION_STORE_UNAVAILABLE']);
    });
  });
});

/** What Node's response has in a handler, and when it has been sent. */
async function keysWithoutTheModule(open: FastifyDoor): Promise<[PropertyKey[], PropertyKey[]]> {
  const keys: PropertyKey[][] = [];
  const look = ({ raw }: FastifyReply) => void keys.push(Reflect.ownKeys(raw));
  const onResponse = async (_request: unknown, reply: FastifyReply) => look(reply);
  const script: FastifyScript = (_request, reply) => (look(reply), 'bare');
  const bare = fastify();
  const other =
    open === openNestFastify
      ? await open({ forRoutes: [], scripts: { '/bare': script }, prepare: (it) => void it.addHook('onResponse', onResponse) })
      : undefined;
  bare.addHook('onResponse', onResponse).get('/bare', async (request, reply) => script(request, reply));
  const origin = other?.origin ?? (await bare.listen({ host: '127.0.0.1', port: 0 }));
  await new Browser(origin).get('/bare');
  await until(() => keys.length === 2, 'the response has been sent');
  await Promise.all([bare.close(), other?.close()]);
  return [keys[0] ?? [], keys[1] ?? []];
}

describe('a middleware of Nest that uses the session of Node’s request', () => {
  type Next = () => void;
  type Middleware = (request: IncomingMessage & { session?: { cart: string[] } }, response: ServerResponse, next: Next) => void;
  const openWith = async (middleware: Middleware) => {
    app = await openNestFastify({
      prepare: (_instance, nest) =>
        nest?.use((request: IncomingMessage, response: ServerResponse, next: Next) =>
          request.url === '/middleware' ? middleware(request, response, next) : next(),
        ),
    });
  };
  const change = (request: { session?: { cart: string[] } }) => {
    if (request.session !== undefined) request.session.cart = ['tea'];
  };
  const endings: readonly (readonly [string, number, (response: ServerResponse) => void])[] = [
    ['res.end()', 200, (response) => response.end('ended')],
    ['a redirect', 302, (response) => response.writeHead(302, { location: '/there' }).end()],
    ['write and end', 200, (response) => (response.write('en'), response.end('ded'))],
  ];

  test.each(endings)('ends by %s: nothing leaves before the session is stored', async (_name, status, end) => {
    let written = () => -1;
    await openWith((request, response) => {
      change(request);
      written = () => request.socket.bytesWritten;
      end(response);
    });
    const barrier = (app.store.barrier = new Barrier(1));
    const answering = app.browser.get('/middleware');
    await barrier.full;
    expect(written()).toBe(0);
    barrier.open();
    const { status: answered, setCookies } = await answering;
    expect([answered, setCookies.length, await cart()]).toEqual([status, 1, ['tea']]);
  });

  test.each(endings)('ends by %s: 503 when the session cannot be stored', async (_name, _status, end) => {
    await openWith((request, response) => {
      change(request);
      end(response);
    });
    app.store.failure = NOT_STORED;
    const { status, setCookies, json } = await app.browser.get('/middleware');
    expect([status, setCookies, json.code]).toEqual([503, [], 'SESSION_STORE_UNAVAILABLE']);
  });

  test('goes on to a handler: stored once, with one cookie', async () => {
    app = await openNestFastify({
      prepare: (_instance, nest) =>
        nest?.use((request: IncomingMessage, _response: ServerResponse, next: Next) => {
          if (request.url === '/change') change(request as { session?: { cart: string[] } });
          next();
        }),
    });
    const { status, setCookies } = await app.browser.get('/change');
    expect([status, setCookies.length, await cart(), app.store.writes]).toEqual([200, 1, ['tea', 'tea'], ['create']]);
  });
});

test('cookies of a middleware of Nest, of the reply and of the session all leave', async () => {
  app = await openNestFastify({
    scripts: {
      '/cookies': (request, reply) => {
        addToCart(request);
        void reply.header('set-cookie', 'reply=1').header('set-cookie', 'more=1');
        return 'cookies';
      },
    },
    prepare: (_instance, nest) =>
      nest?.use((_request: IncomingMessage, response: ServerResponse, next: () => void) => {
        response.setHeader('Set-Cookie', ['middleware=1']);
        next();
      }),
  });
  const client = await RawClient.connect(app.origin);
  client.request('GET', '/cookies');
  const names = headerOf(await client.answer(), 'set-cookie').map((cookie) => cookie.split('=')[0]);
  expect(new Set(names)).toEqual(new Set(['middleware', 'more', 'reply', 'sid']));
  expect(names).toHaveLength(4);
});

describe('@Sse()', () => {
  const hold = { barrier: new Barrier(1) };
  const addMilk = (session: HttpSession) => Object.assign(session, { cart: ['milk'] });

  @Controller('events')
  class EventsController {
    @Sse('at-once')
    atOnce(@Session() session: HttpSession): Observable<MessageEvent> {
      addMilk(session);
      return of({ data: 'event' });
    }

    @Sse('later')
    async later(@Session() session: HttpSession): Promise<Observable<MessageEvent>> {
      await hold.barrier.pass();
      addMilk(session);
      return of({ data: 'event' });
    }

    @Sse('saved')
    async saved(@Session() session: HttpSession): Promise<Observable<MessageEvent>> {
      addMilk(session);
      await session.save();
      return of({ data: 'event' });
    }
  }

  const openWith = async () => {
    hold.barrier = new Barrier(1);
    app = await openNestFastify({ controllers: [EventsController] });
  };

  test.each(['at-once', 'saved'])('what its handler changes before it waits is stored before the head leaves: %s', async (path) => {
    await openWith();
    const { setCookies, text } = await app.browser.get(`/events/${path}`);
    expect([setCookies.length, await cart()]).toEqual([1, ['milk']]);
    expect(text).toContain('data: event');
  });

  test('what cannot be stored before the head leaves is answered 503', async () => {
    await openWith();
    app.store.failure = NOT_STORED;
    const { status, setCookies, json } = await app.browser.get('/events/at-once');
    expect([status, setCookies, json.code]).toEqual([503, [], 'SESSION_STORE_UNAVAILABLE']);
  });

  test('what its handler changes later is stored at the end, or logged', async () => {
    await openWith();
    await app.browser.get('/change');
    const first = app.browser.get('/events/later');
    await hold.barrier.full;
    hold.barrier.open();
    expect((await first).text).toContain('data: event');
    await until(async () => (await cart())?.[0] === 'milk', 'it is stored');
    await app.browser.get('/change');
    app.store.failure = NOT_STORED;
    await app.browser.get('/events/later');
    await until(() => app.logged.length > 0, 'it is logged');
    expect(await cart()).toEqual(['milk', 'tea']);
  });
});
