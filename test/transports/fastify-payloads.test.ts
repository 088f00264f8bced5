import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { StreamableFile, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { SessionStoreUnavailableError } from '../../src/fastify.js';
import { Barrier } from '../support/barrier.js';
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

/** A way to answer. */
interface Way {
  readonly name: string;
  readonly give: (reply: FastifyReply, opened: Opened) => unknown;
  readonly status?: number;
  readonly text?: string;
  readonly method?: string;
  /** Whether it sends the reply itself. */
  readonly sends?: boolean;
}

/** The streams that were opened, and whether they were freed. */
type Opened = (() => boolean)[];

function nodeStream(opened: Opened): Readable {
  const stream = Readable.from([Buffer.from('payload')]);
  opened.push(() => stream.destroyed);
  return stream;
}

function webStream(opened: Opened): ReadableStream {
  let isFreed = false;
  opened.push(() => isFreed);
  let chunks = ['pay', 'load'];
  return new ReadableStream({
    pull(controller) {
      const [chunk, ...rest] = chunks;
      chunks = rest;
      if (chunk !== undefined) return controller.enqueue(Buffer.from(chunk));
      isFreed = true;
      controller.close();
    },
    cancel: () => void (isFreed = true),
  });
}

const WAYS: readonly Way[] = [
  { name: 'an object', give: () => ({ payload: 1 }), text: '{"payload":1}' },
  { name: 'a string', give: () => 'payload', text: 'payload' },
  { name: 'a buffer', give: () => Buffer.from('payload'), text: 'payload' },
  { name: 'a stream of Node', give: (_, opened) => nodeStream(opened), text: 'payload' },
  { name: 'a stream of the web', give: (_, opened) => webStream(opened), text: 'payload' },
  {
    name: 'a Response',
    give: (_, opened) => new Response(webStream(opened) as never, { status: 202, headers: { 'x-total': '2' } }),
    status: 202,
    text: 'payload',
  },
  { name: 'a Response without a body', give: () => new Response(null, { status: 202 }), status: 202, text: '' },
  { name: 'nothing', give: (reply) => reply.send(), text: '', sends: true },
  { name: 'a 204', give: (reply) => reply.code(204).send(), status: 204, text: '', sends: true },
  { name: 'a 304', give: (reply) => reply.code(304).send(), status: 304, text: '', sends: true },
  { name: 'HEAD', give: () => 'payload', text: '', method: 'HEAD' },
  { name: 'HEAD of a stream', give: (_, opened) => nodeStream(opened), text: '', method: 'HEAD' },
  { name: 'reply.redirect()', give: (reply) => reply.redirect('/there', 302), status: 302, text: '', sends: true },
  { name: 'reply.send() of a stream', give: (reply, opened) => reply.send(nodeStream(opened)), text: 'payload', sends: true },
  {
    name: 'a thrown error',
    give: () => {
      throw new Error('broken');
    },
    status: 500,
  },
  { name: 'trailers', give: (reply, opened) => withTrailer(reply, nodeStream(opened)), text: 'payload', sends: true },
  { name: 'a status message', give: (reply) => ((reply.raw.statusMessage = 'Fine'), 'payload'), text: 'payload' },
];

const NEST_WAYS: readonly Way[] = [
  { name: 'a StreamableFile', give: (_, opened) => new StreamableFile(nodeStream(opened), { length: 7 }), text: 'payload' },
];

/** With a sum at the end, which is known when the stream has been read. */
function withTrailer(reply: FastifyReply, stream: Readable): FastifyReply {
  const read = once(stream, 'end');
  read.catch(() => undefined);
  reply.trailer('x-sum', async () => read.then(() => 'sum'));
  return reply.send(stream);
}

const NOT_STORED = new SessionStoreUnavailableError('timeout');
const HEADERS = {
  vary: 'Origin',
  'access-control-allow-origin': 'https://shop.example',
  'x-total': '1',
  etag: '"1"',
  'content-disposition': 'attachment',
  'last-modified': 'Mon, 30 Nov 2026 00:00:00 GMT',
};

let app: FastifyApp;
afterEach(() => app.close());

describe.each(DOORS)('%s', (door, open) => {
  const ways = door === 'under Nest' ? [...WAYS, ...NEST_WAYS] : WAYS;

  describe.each(ways)('$name', ({ give, status = 200, text, method = 'GET', sends = false }) => {
    const path = sends && door === 'under Nest' ? '/own/payload' : '/payload';
    let opened: Opened;
    let reply: FastifyReply;
    const openWith = async () => {
      opened = [];
      app = await open({
        scripts: {
          '/payload': (request, given) => {
            reply = given;
            addToCart(request);
            void given.headers(HEADERS);
            return give(given, opened);
          },
        },
      });
    };

    test('leaves when the session is stored, with one cookie', async () => {
      await openWith();
      const barrier = (app.store.barrier = new Barrier(1));
      const answering = app.browser.send(method, path);
      await barrier.full;
      expect(reply.raw.headersSent).toBe(false);
      barrier.open();
      const answer = await answering;
      expect([answer.status, answer.setCookies.length]).toEqual([status, 1]);
      if (text !== undefined) expect(answer.text).toBe(text);
      expect(Object.getOwnPropertyNames(reply.raw)).not.toContain('end');
      expect((await app.browser.get('/read')).json).toEqual({ cart: ['tea'] });
      expect(app.store.writes).toEqual(['create']);
    });

    test('is replaced by 503 when the session cannot be stored', async () => {
      await openWith();
      app.store.failure = NOT_STORED;
      const client = await RawClient.connect(app.origin);
      client.request(method, path);
      const answer = await client.answer();
      expect([answer.statusLine, headerOf(answer, 'set-cookie')]).toEqual(['HTTP/1.1 503 Service Unavailable', []]);
      if (method === 'GET') expect(JSON.parse(answer.body)).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
      expect(answer.headers.filter(([name]) => !['connection', 'date', 'keep-alive'].includes(name))).toEqual([
        ['access-control-allow-origin', 'https://shop.example'],
        ['content-length', method === 'GET' ? String(answer.body.length) : expect.any(String)],
        ['content-type', 'application/json; charset=utf-8'],
        ['retry-after', '1'],
        ['vary', 'Origin, Accept'],
      ]);
      await until(() => opened.every((isFreed) => isFreed()), 'the streams are freed');
    });
  });

  const streams: readonly (readonly [string, (chunks: AsyncIterable<Buffer>) => unknown])[] = [
    ['of Node', (chunks) => Readable.from(chunks)],
    ['of the web', (chunks) => ReadableStream.from(chunks)],
  ];

  describe.each(streams)('a stream %s', (_kind, streamOf) => {
    test('that fails before its first byte is answered 500, with the cookie of what was stored', async () => {
      app = await open({
        scripts: {
          '/payload': (request) => {
            addToCart(request);
            return streamOf(failing());
          },
        },
      });
      const { status, setCookies } = await app.browser.get('/payload');
      expect([status, setCookies.length, app.store.writes]).toEqual([500, 1, ['create']]);
      expect((await app.browser.get('/read')).json).toEqual({ cart: ['tea'] });
    });

    test('that fails midway has been given its cookie, and what it has changed is stored', async () => {
      const barrier = new Barrier(1);
      app = await open({
        scripts: {
          '/payload': (request) => {
            addToCart(request);
            return streamOf(failing(barrier, () => addToCart(request, 'milk')));
          },
        },
      });
      const client = await RawClient.connect(app.origin);
      client.request('GET', '/payload');
      await client.receives('payload');
      barrier.open();
      const answer = await client.answer();
      expect([answer.status, headerOf(answer, 'set-cookie').length]).toEqual([200, 1]);
      const [cookie = ''] = headerOf(answer, 'set-cookie');
      const read = async () => (await app.browser.get('/read', { cookie: cookie.split(';')[0] ?? '' })).text;
      await until(async () => (await read()) === '{"cart":["tea","milk"]}', 'what the stream has changed is stored');
    });
  });

  test('a client that leaves: what was changed is stored, once', async () => {
    const barrier = new Barrier(1);
    app = await open({ scripts: { '/slow': slow(barrier) } });
    await app.browser.get('/change');
    const client = await RawClient.connect(app.origin);
    client.request('GET', '/slow', { cookie: await cookieHeader() });
    await barrier.full;
    client.leave();
    await until(async () => (await app.browser.get('/read')).text === '{"cart":["tea","milk"]}', 'it is stored');
    barrier.open();
    expect(app.store.writes).toEqual(['create', 'save']);
  });

  test('a client that leaves: what cannot be stored is logged', async () => {
    const barrier = new Barrier(1);
    app = await open({ scripts: { '/slow': slow(barrier) } });
    await app.browser.get('/change');
    app.store.failure = NOT_STORED;
    const client = await RawClient.connect(app.origin);
    client.request('GET', '/slow', { cookie: await cookieHeader() });
    await barrier.full;
    client.leave();
    await until(() => app.logged.length > 0, 'it is logged');
    barrier.open();
  });
});

const cookieHeader = async () => await app.browser.jar.getCookieString(app.origin);

/** Changes the session, and answers when the barrier opens. */
function slow(barrier: Barrier): FastifyScript {
  return async (request) => {
    addToCart(request, 'milk');
    await barrier.pass();
    return 'late';
  };
}

async function* failing(barrier?: Barrier, change?: () => void): AsyncGenerator<Buffer> {
  if (barrier !== undefined) yield Buffer.from('payload');
  await barrier?.pass();
  change?.();
  throw new Error('The source has failed.');
}

describe('without Nest', () => {
  test('handlerTimeout: what was changed is stored before the 503 leaves, with one cookie', async () => {
    const barrier = new Barrier(1);
    app = await openPlainFastify({
      server: { handlerTimeout: 1 },
      scripts: {
        '/slow': async (request) => {
          addToCart(request);
          await barrier.pass();
          return 'late';
        },
      },
    });
    const { status, json, setCookies } = await app.browser.get('/slow');
    expect([status, json.code, setCookies.length]).toEqual([503, 'FST_ERR_HANDLER_TIMEOUT', 1]);
    barrier.open();
    expect((await app.browser.get('/read')).json).toEqual({ cart: ['tea'] });
  });

  test.each([
    ['setErrorHandler()', '/broken', 418],
    ['setNotFoundHandler()', '/missing', 404],
  ])('what %s changes is stored, or answered 503', async (_name, path, expected) => {
    app = await openPlainFastify({
      scripts: {
        '/broken': () => {
          throw new Error('broken');
        },
      },
      prepare: (instance) => {
        instance.setErrorHandler((_error, request, reply) => {
          addToCart(request);
          return reply.code(418).send('teapot');
        });
        instance.setNotFoundHandler((request, reply) => {
          addToCart(request);
          return reply.code(404).send('missing');
        });
      },
    });
    const { status, setCookies } = await app.browser.get(path);
    expect([status, setCookies.length]).toEqual([expected, 1]);
    app.store.failure = NOT_STORED;
    const failed = await app.browser.get(path);
    expect([failed.status, failed.setCookies, failed.json.code]).toEqual([503, [], 'SESSION_STORE_UNAVAILABLE']);
  });
});

test('under Nest, what an exception filter changes is stored, or answered 503', async () => {
  const filter: ExceptionFilter = {
    catch(_error: unknown, host: ArgumentsHost) {
      addToCart(host.switchToHttp().getRequest());
      void host.switchToHttp().getResponse<FastifyReply>().code(418).send('teapot');
    },
  };
  app = await openNestFastify({
    scripts: {
      '/broken': () => {
        throw new Error('broken');
      },
    },
    prepare: (_instance, nest) => nest?.useGlobalFilters(filter),
  });
  const { status, setCookies } = await app.browser.get('/broken');
  expect([status, setCookies.length]).toEqual([418, 1]);
  app.store.failure = NOT_STORED;
  const failed = await app.browser.get('/broken');
  expect([failed.status, failed.setCookies, failed.json.code]).toEqual([503, [], 'SESSION_STORE_UNAVAILABLE']);
});
