import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import compression from 'compression';
import type { Response } from 'express';
import { SessionGoneError, SessionStoreUnavailableError } from '../../src/index.js';
import { sessionMiddleware, sessionOf, type SessionHandler } from '../../src/express.js';
import { TEST_SECRET } from '../support/create-app.js';
import { Barrier } from '../support/barrier.js';
import { useBlockableApps, type BlockableApp } from '../support/blockable-app.js';
import { BlockableStore } from '../support/blockable-store.js';
import type { Answerer } from '../support/plain-app.js';
import { headerOf } from '../support/raw-client.js';
import { refusal } from '../support/refusal.js';
import { until } from '../support/until.js';

const OUTAGE = new SessionStoreUnavailableError('timeout');

/** What a handler tells the test. */
function notes(): { list: unknown[]; note: (what: unknown) => void } {
  const list: unknown[] = [];
  return { list, note: (what) => void list.push(what) };
}

/** Asks, and returns once a write of the store waits at the barrier. */
async function askBlocked(app: BlockableApp, headers: Record<string, string> = {}) {
  const barrier = app.hold();
  const client = await app.ask('GET', headers);
  await barrier.full;
  return { client, barrier };
}

describe('a buffered response', () => {
  const open = useBlockableApps();

  test('looks as sent to the application, which can change nothing about it any more', async () => {
    const { list, note } = notes();
    const app = await open(async (request, response) => {
      request.session['visits'] = 1;
      response.setHeader('X-One', '1').status(201).json({ done: true });
      note([response.headersSent, response.writableEnded]);
      for (const change of ['setHeader', 'appendHeader'] as const) note((await refusal(() => response[change]('X-Two', '2')))?.code);
      note((await refusal(() => response.removeHeader('X-One')))?.code);
      note((await refusal(() => response.writeHead(500)))?.code);
      response.statusCode = 500;
    });
    const { client, barrier } = await askBlocked(app);
    barrier.open();
    const answer = await client.answer();
    const sent = 'ERR_HTTP_HEADERS_SENT';
    expect(list).toEqual([[true, false], sent, sent, sent, sent]);
    expect(answer).toMatchObject({ status: 201, body: '{"done":true}' });
    expect([headerOf(answer, 'x-one'), headerOf(answer, 'x-two')]).toEqual([['1'], []]);
  });

  test('has ended when the end has left, and not before', async () => {
    const { list, note } = notes();
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      response.on('finish', () => note([response.writableEnded, response.writableFinished]));
      response.end('done');
      note([response.writableEnded, response.writableFinished]);
    });
    const { client, barrier } = await askBlocked(app);
    await app.roundTrip();
    barrier.open();
    await client.answer();
    expect(list).toEqual([
      [false, false],
      [true, true],
    ]);
  });

  test('looks as sent to those who know of it by its head only, as compression before 1.7.5', async () => {
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      for (const piece of ['one', 'two', 'three']) {
        if (!Reflect.get(response, '_header')) response.writeHead(response.statusCode);
        response.write(piece);
      }
      response.end();
    });
    const { client, barrier } = await askBlocked(app);
    barrier.open();
    expect(await client.answer()).toMatchObject({ status: 200, body: 'onetwothree' });
  });

  test('gets no method that it had not', async () => {
    const { list, note } = notes();
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      Object.defineProperty(response, 'setHeaders', { configurable: true, value: undefined });
      response.end('done');
      note([(response as { setHeaders?: unknown }).setHeaders, Object.hasOwn(response, 'appendHeader')]);
    });
    expect((await app.answer()).body).toBe('done');
    expect(list).toEqual([[undefined, false]]);
  });

  test('gives setHeader back as it found it', async () => {
    const own = function (this: Response, ...args: [string, string]) {
      return Object.getPrototypeOf(this).setHeader.apply(this, args);
    };
    let after: unknown;
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      response.setHeader = own as never;
      response.on('finish', () => (after = response.setHeader)).end('done');
    });
    expect(await app.answer()).toMatchObject({ status: 200, body: 'done' });
    expect(after).toBe(own);
  });

  test('is not spoilt by an error handler that answers once more', async () => {
    const app = await open(async (request, response) => {
      request.session['visits'] = 1;
      response.json({ done: true });
      await turn();
      await refusal(() => response.status(500).json({ error: 'something much longer than the answer before' }));
    });
    const { client, barrier } = await askBlocked(app);
    await app.roundTrip();
    barrier.open();
    const answer = await client.answer();
    expect(answer).toMatchObject({ status: 200, body: '{"done":true}' });
    expect(headerOf(answer, 'content-length')).toEqual(['13']);
  });

  test('is cut off by the default error handler of Express, as any answer is, and the session stays stored', async () => {
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      response.json({ done: true });
      throw new Error('after the answer');
    });
    const { client, barrier } = await askBlocked(app);
    barrier.open();
    expect((await client.answer()).statusLine).toBe('');
    expect(app.store.writes).toEqual(['create']);
    await app.roundTrip();
  });

  test('calls the callbacks of write and end in order', async () => {
    const { list, note } = notes();
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      response.write('one', () => note('one written'));
      response.write('two', 'utf8', () => note('two written'));
      response.end('three', () => note('ended'));
    });
    const { client, barrier } = await askBlocked(app);
    await app.roundTrip();
    expect(list).toEqual([]);
    barrier.open();
    expect((await client.answer()).body).toBe('onetwothree');
    expect(list).toEqual(['one written', 'two written', 'ended']);
  });

  test('takes small pieces, asks for a pause when there is more, and for more when it has left', async () => {
    const { list, note } = notes();
    const app = await open(async (request, response) => {
      request.session['visits'] = 1;
      note(response.write('x'.repeat(1_000)));
      note(response.write('x'.repeat(100_000)));
      note(response.write('y'));
      response.on('drain', () => note('drain'));
      await once(response, 'drain');
      response.end();
    });
    const { client, barrier } = await askBlocked(app);
    await app.roundTrip();
    expect(list).toEqual([true, false, false]);
    barrier.open();
    expect((await client.answer()).body).toHaveLength(101_001);
    expect(list).toEqual([true, false, false, 'drain']);
  });

  test('asks for more when the client reads on, where the connection is full', async () => {
    const piece = Buffer.alloc(100_000, 'x');
    const pieces = 300;
    let produced = 0;
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      const source = new Readable({ read: () => void source.push(produced++ < pieces ? piece : null) });
      source.pipe(response);
    });
    const { client, barrier } = await askBlocked(app);
    expect(produced).toBeLessThan(10);
    client.pause();
    barrier.open();
    await app.roundTrip();
    expect(produced).toBeLessThan(pieces);
    client.resume();
    expect((await client.answer()).body).toHaveLength(pieces * piece.length);
  });

  const streams: [string, Answerer][] = [
    ['a pipe', (_, response) => void Readable.from(['one', 'x'.repeat(300_000), 'two', 'y'.repeat(300_000)]).pipe(response)],
    ['a pipeline', (_, response) => pipeline(Readable.from(['one', 'x'.repeat(300_000), 'two', 'y'.repeat(300_000)]), response)],
    ['send', (_, response) => response.send('x'.repeat(300_000))],
  ];
  test.each(streams)('by %s passes through a compression that was mounted before', async (_, answer) => {
    const compress = compression({ threshold: 0 }) as unknown as SessionHandler;
    const change: Answerer = (request, response) => ((request.session['visits'] = 1), answer(request, response.type('text/plain')));
    const app = await open(change, { before: compress });
    const barrier = app.hold();
    const fetched = fetch(app.origin).then(async (response) => ({ response, text: await response.text() }));
    await barrier.full;
    await app.roundTrip();
    barrier.open();
    const { response, text } = await fetched;
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(response.headers.getSetCookie()).toHaveLength(1);
    expect(text.length).toBeGreaterThanOrEqual(300_000);
  });

  test('keeps its turn on a connection with several requests', async () => {
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      response.end('first');
    });
    const barrier = app.hold();
    const client = await app.ask('GET', { connection: 'keep-alive' });
    client.request('GET', '/ping');
    await barrier.full;
    await app.roundTrip();
    expect(client.received).toBe('');
    barrier.open();
    await client.answer();
    expect(client.received).toMatch(/first[^]*pong$/);
  });

  test.each([
    ['a proxy of it', (response: Response) => new Proxy(response, {})],
    ['an object that inherits from it', (response: Response) => Object.create(response) as Response],
  ])('waits when it is written through %s', async (_, wrap) => {
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      wrap(response).end('done');
    });
    const { client, barrier } = await askBlocked(app);
    await app.roundTrip();
    expect(client.received).toBe('');
    barrier.open();
    const answer = await client.answer();
    expect([answer.status, answer.body, headerOf(answer, 'set-cookie').length]).toEqual([200, 'done', 1]);
  });

  test('is not mixed up with another response that the application makes up for the same request', async () => {
    const { list, note } = notes();
    const app = await open((request, response) => {
      const other = Object.setPrototypeOf(new ServerResponse(request), Object.getPrototypeOf(response) as object) as Response;
      request.session['visits'] = 1;
      other.end('elsewhere');
      note([other.writableEnded, response.headersSent]);
      response.end('done');
    });
    const answer = await app.answer();
    expect([answer.status, answer.body, headerOf(answer, 'set-cookie').length]).toEqual([200, 'done', 1]);
    expect(list).toEqual([[true, false]]);
  });

  test('lets 100 Continue pass at once', async () => {
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      response.end('done');
    });
    const { client, barrier } = await askBlocked(app, { expect: '100-continue', 'content-length': '2' });
    await client.receives('HTTP/1.1 100 Continue\r\n\r\n');
    await app.roundTrip();
    expect(client.received).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    barrier.open();
    await client.receives('HTTP/1.1 200 OK\r\n');
    client.leave();
  });

  test('holds what changed between writeHead and the first byte', async () => {
    const app = await open((request, response) => {
      response.writeHead(200, { 'X-One': '1' });
      request.session['visits'] = 1;
      response.end('done');
    });
    const answer = await app.answer();
    expect(headerOf(answer, 'set-cookie')).toHaveLength(1);
    expect(app.store.writes).toEqual(['create']);
  });

  test('refuses at once what Node refuses to write', async () => {
    const { list, note } = notes();
    const app = await open(async (request, response) => {
      request.session['visits'] = 1;
      response.write('one');
      for (const bad of [42, null, {}, undefined]) note((await refusal(() => response.write(bad)))?.code);
      note((await refusal(() => response.end(42)))?.code);
      response.end('two');
    });
    expect((await app.answer()).body).toBe('onetwo');
    expect(list).toEqual([
      'ERR_INVALID_ARG_TYPE',
      'ERR_STREAM_NULL_VALUES',
      'ERR_INVALID_ARG_TYPE',
      'ERR_INVALID_ARG_TYPE',
      'ERR_INVALID_ARG_TYPE',
    ]);
  });

  test.each<[string, (response: Response) => unknown]>([
    ['write(null)', (response) => response.write(null)],
    ['end(42)', (response) => response.end(42)],
  ])('has not begun when Node refuses the first that is written, %s: the error is answered', async (_, write) => {
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      write(response);
    });
    expect((await app.answer()).status).toBe(500);
    expect(app.store.writes).toEqual(['create']);
  });

  test('is not spoilt by what is written after its end, which its writer is told', async () => {
    const { list, note } = notes();
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      response.on('error', () => note('an error'));
      response.end('done');
      note(response.write('more', (error) => note((error as { code?: string } | null | undefined)?.code)));
      response.flushHeaders();
    });
    const { client, barrier } = await askBlocked(app);
    await app.roundTrip();
    barrier.open();
    expect(await client.answer()).toMatchObject({ status: 200, body: 'done' });
    expect(list).toEqual([true, 'ERR_STREAM_WRITE_AFTER_END']);
  });

  test.each([
    ['its response', (response: Response) => response, ['second', 'sid']],
    // Node keeps what is set on it where the response itself does not look.
    ['a response that inherits from it', (response: Response) => Object.create(response) as Response, ['sid']],
  ])('waits for the session of a second request too, which is answered through %s', async (_, through, cookies) => {
    const store = new BlockableStore({ deadline: 60_000 });
    const barrier = (store.barrier = new Barrier(1));
    const second = sessionMiddleware({ secret: TEST_SECRET, store, name: 'second' });
    const app = await open((request, response) => {
      const [inner, answer] = [new IncomingMessage(request.socket), through(response)];
      request.session['visits'] = 1;
      second(inner, answer, () => (Object.assign(sessionOf(inner), { visits: 1 }), answer.end('done')));
    });
    const client = await app.ask();
    await barrier.full;
    await app.roundTrip();
    expect(client.received).toBe('');
    barrier.open();
    const answer = await client.answer();
    expect([answer.status, answer.body]).toEqual([200, 'done']);
    expect(headerOf(answer, 'set-cookie').map((cookie) => cookie.split('=', 1)[0])).toEqual(cookies);
  });

  test('is not mixed up with another response that has been given its methods', async () => {
    const { list, note } = notes();
    const app = await open((request, response) => {
      const { write, end, writeHead, flushHeaders } = response;
      const other = Object.assign(new ServerResponse(request as never), { write, end, writeHead, flushHeaders });
      request.session['visits'] = 1;
      other.writeHead(201).flushHeaders();
      other.write('else');
      other.end('where');
      note([other.writableEnded, other.statusCode, response.headersSent]);
      response.end('done');
    });
    expect(await app.answer()).toMatchObject({ status: 200, body: 'done' });
    expect(list).toEqual([[true, 201, false]]);
  });

  const impossible: [string, Answerer][] = [
    ['a status code', (_, response) => ((response.statusCode = 42), response.end('done'))],
    ['a status code given to writeHead', (_, response) => response.writeHead(42).end('done')],
    ['a reason', (_, response) => ((response.statusMessage = 'a\nb'), response.end('done'))],
    ['a header', (_, response) => response.writeHead(200, { 'X-One': 'a\nb' }).end('done')],
    ['a list of headers', (_, response) => response.writeHead(200, ['X-One']).end('done')],
  ];
  test.each(impossible)('with %s that Node refuses is 500, and harms no other request', async (_, answer) => {
    const app = await open((request, response) => ((request.session['visits'] = 1), answer(request, response)));
    expect((await app.answer()).status).toBe(500);
    await app.roundTrip();
  });
});

describe('a second end with data', () => {
  const open = useBlockableApps();
  let errors: unknown[];
  beforeEach(() => {
    errors = [];
  });
  const twice =
    (isLater: boolean): Answerer =>
    async (_, response) => {
      response.on('error', (error) => errors.push(error));
      response.end('done');
      if (isLater) await once(response, 'finish');
      response.end('and more', () => undefined);
      response.end('and more');
    };
  const changing =
    (answer: Answerer): Answerer =>
    (request, response) => ((request.session['visits'] = 1), answer(request, response));
  const late =
    (answer: Answerer): Answerer =>
    (request, response) => (response.write('some, '), changing(answer)(request, response));

  test.each([
    ['while the first is buffered', changing(twice(false)), 'done'],
    ['after it has left', changing(twice(true)), 'done'],
    ['after a first that was not buffered', twice(false), 'done'],
    ['after a first that was not buffered has left', twice(true), 'done'],
    ['while the first waits for a change after the head', late(twice(false)), 'some, done'],
    ['after such a first has left', late(twice(true)), 'some, done'],
  ])('says nothing %s', async (_, answer, body) => {
    const app = await open(answer);
    expect(await app.answer('GET', await app.cookieOf({}))).toMatchObject({ status: 200, body });
    await app.roundTrip();
    expect(errors).toEqual([]);
  });

  test.each([
    ['before', twice(false)],
    ['after', twice(true)],
  ])('says nothing %s an answer in its place', async (_, answer) => {
    const app = await open(changing(answer));
    app.store.failure = OUTAGE;
    expect((await app.answer()).status).toBe(503);
    await app.roundTrip();
    expect(errors).toEqual([]);
  });

  test('calls whoever waits for it', async () => {
    const { list, note } = notes();
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      response.end('done', () => note('first'));
      response.end('more', () => note('second'));
    });
    await app.answer();
    await until(() => list.length === 2, 'both are called');
    expect(new Set(list)).toEqual(new Set(['first', 'second']));
  });
});

describe('an answer that Node refuses to send', () => {
  const open = useBlockableApps();
  const refused: [string, string, Answerer][] = [
    ['a status code', 'ERR_HTTP_INVALID_STATUS_CODE', (_, response) => ((response.statusCode = 1_000), response.end('done'))],
    ['a reason', 'ERR_INVALID_CHAR', (_, response) => ((response.statusMessage = 'a\nb'), response.end('done'))],
    ['a reason given to writeHead', 'ERR_INVALID_CHAR', (_, response) => response.writeHead(200, 'a\nb').end('done')],
    [
      'a trailer',
      'ERR_HTTP_TRAILER_INVALID',
      (_, response) => response.setHeader('Trailer', 'X-Sum').setHeader('Content-Length', 4).end('done'),
    ],
    [
      'a length',
      'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
      (_, response) => ((response.strictContentLength = true), response.setHeader('Content-Length', 2).write('done'), response.end()),
    ],
  ];

  test.each(refused)('for %s is the 500 of the framework when it was not buffered', async (_, code, answer) => {
    const caught: unknown[] = [];
    const app = await open(async (request, response) => {
      const failure = await refusal(() => answer(request, response));
      caught.push(failure?.code);
      if (response.headersSent) return response.destroy();
      response.removeHeader('Trailer');
      response.statusMessage = '';
      return response.status(500).end('by the framework');
    });
    const received = await app.answer('GET', await app.cookieOf({ visits: 1 }));
    expect(caught).toEqual([code]);
    if (code !== 'ERR_HTTP_CONTENT_LENGTH_MISMATCH') expect(received).toMatchObject({ status: 500, body: 'by the framework' });
    expect(app.logged).toEqual([]);
  });

  test.each(refused)('for %s is told in its own words when it was buffered, and what was stored is not denied', async (_, code, answer) => {
    const app = await open((request, response) => ((request.session['visits'] = 1), answer(request, response)));
    const { client, barrier } = await askBlocked(app);
    barrier.open();
    const received = await client.answer();
    expect(app.logged).toEqual([expect.objectContaining({ code, stack: expect.stringContaining('Error') })]);
    expect(app.store.writes).toEqual(['create']);
    if (code === 'ERR_HTTP_CONTENT_LENGTH_MISMATCH') return expect(received.statusLine).toBe('');
    expect(received.status).toBe(500);
    expect(JSON.parse(received.body)).toEqual({ statusCode: 500, error: 'Internal Server Error', message: 'Internal server error' });
    const [cookie = ''] = headerOf(received, 'set-cookie');
    expect(await app.stored({ cookie: cookie.split(';', 1)[0] ?? '' })).toEqual({ visits: 1 });
  });

  test('after its head has left cuts it off, and ends nothing else', async () => {
    const app = await open(async (request, response) => {
      response.strictContentLength = true;
      response.setHeader('Content-Length', 100).write('some');
      request.session['visits'] = 2;
      response.end('more');
    });
    const received = await app.answer('GET', await app.cookieOf({ visits: 1 }));
    expect(received.body).not.toHaveLength(100);
    expect(app.logged).toMatchObject([{ code: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH' }]);
    await app.roundTrip();
  });

  test('by whatever stands beneath is logged, and the connection closed', async () => {
    const broken = () => {
      throw new Error('broken beneath');
    };
    const app = await open((request, response) => ((request.session['visits'] = 1), response.end('done')), {
      before: (_, response, next) => ((response.end = broken as never), next()),
    });
    expect((await app.answer()).statusLine).toBe('');
    expect(app.logged).toEqual([new Error('broken beneath'), new Error('broken beneath')]);
  });

  test('is printed with its stack, and an error of ours without', async () => {
    const printed = jest.spyOn(console, 'error').mockReturnValue();
    try {
      const app = await open(
        (request, response) => ((request.session['visits'] = 1), (response.statusCode = 1_000), response.end('done')),
        {
          store: { logErrors: true },
        },
      );
      expect((await app.answer()).status).toBe(500);
      app.store.failure = OUTAGE;
      expect((await app.answer()).status).toBe(503);
      expect(printed.mock.calls).toEqual([
        [expect.stringMatching(/Invalid status code: 1000\n +at /)],
        [expect.stringMatching(/unavailable \(timeout\)[^\n]*$/)],
      ]);
    } finally {
      printed.mockRestore();
    }
  });
});

describe('a replaced response', () => {
  const open = useBlockableApps();

  test('takes what the application still writes, and tells it that all is well', async () => {
    const { list, note } = notes();
    const app = await open(async (request, response) => {
      request.session['visits'] = 1;
      response.on('error', note);
      response.write('x'.repeat(100_000), () => note('written'));
      await once(response, 'drain');
      note(response.write('more', () => note('more written')));
      response.writeHead(200);
      response.flushHeaders();
      response.end('end', () => note('ended'));
      response.end();
    });
    app.store.failure = OUTAGE;
    expect((await app.answer()).status).toBe(503);
    await until(() => list.length === 4, 'the application has ended its answer');
    expect(list.map(String).toSorted()).toEqual(['ended', 'more written', 'true', 'written']);
  });

  test.each([
    ['a pipe', (source: Readable, response: Response) => void source.pipe(response)],
    ['a pipeline', (source: Readable, response: Response) => pipeline(source, response)],
  ])('does not leave the source of %s open', async (_, feed) => {
    const source = Readable.from(['one', 'x'.repeat(300_000), 'y'.repeat(300_000)]);
    const app = await open((request, response) => ((request.session['visits'] = 1), feed(source, response)));
    app.store.failure = OUTAGE;
    expect((await app.answer()).status).toBe(503);
    await until(() => source.destroyed, 'the source is closed');
  });

  test('keeps the connection for the next request', async () => {
    const app = await open((request, response) => {
      request.session['visits'] = 1;
      response.writeHead(200, { connection: 'keep-alive', 'content-length': '4' }).end('done');
    });
    app.store.failure = OUTAGE;
    const client = await app.ask('GET', { connection: 'keep-alive' });
    await client.receives('SESSION_STORE_UNAVAILABLE');
    client.request('GET', '/ping');
    await client.answer();
    expect(client.received).toMatch(/^HTTP\/1.1 503 [^]*HTTP\/1.1 200 OK[^]*pong$/);
  });

  const unstorable: [string, unknown, string][] = [
    ['is too large', 'x'.repeat(20_000), 'SESSION_LIMIT_EXCEEDED'],
    ['cannot be text', 1n, 'SESSION_NOT_SERIALIZABLE'],
  ];
  test.each(unstorable)('is 500 when an entry %s', async (_, value, code) => {
    const app = await open((request, response) => {
      request.session['bad'] = value;
      response.cookie('theme', 'dark').json({ done: true });
    });
    const answer = await app.answer();
    expect(JSON.parse(answer.body)).toEqual({
      statusCode: 500,
      error: 'Internal Server Error',
      message: 'The session could not be stored.',
      code,
    });
    expect([headerOf(answer, 'set-cookie'), headerOf(answer, 'retry-after')]).toEqual([[], []]);
    expect(app.logged).toMatchObject([{ code }]);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('no log');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no log'))],
  ])('is 503 also where store.logErrors %s, and the failure is printed instead', async (_, logErrors: (error: Error) => void) => {
    const [printed, warned] = [jest.spyOn(console, 'error').mockReturnValue(), jest.spyOn(process, 'emitWarning').mockReturnValue()];
    try {
      const app = await open(({ session }, response) => ((session['visits'] = 2), response.end('done')), { store: { logErrors } });
      const headers = await app.cookieOf({ visits: 1 });
      app.store.failure = OUTAGE;
      expect(await app.answer('GET', headers)).toMatchObject({ status: 503, body: expect.stringContaining('SESSION_STORE_UNAVAILABLE') });
      expect(printed.mock.calls).toEqual([[expect.stringContaining('unavailable (timeout)')]]);
      expect(warned.mock.calls).toEqual([[expect.stringContaining('no log'), { type: 'SessionLoggerError' }]]);
    } finally {
      printed.mockRestore();
      warned.mockRestore();
    }
  });

  test('is 503 when storing takes longer than the deadline', async () => {
    const app = await open(
      (request, response) => {
        request.session['visits'] = 1;
        response.end('done');
      },
      { store: { deadline: 50 } },
    );
    const { client, barrier } = await askBlocked(app);
    expect(await client.answer()).toMatchObject({ status: 503, body: expect.stringContaining('SESSION_STORE_UNAVAILABLE') });
    barrier.open();
  });
});

describe('a call that the answer does not wait for', () => {
  const open = useBlockableApps();
  const calls: [string, Answerer, string[]][] = [
    ['save', ({ session }) => ((session['visits'] = 2), session.save()), ['save']],
    ['save with a callback', ({ session }) => ((session['visits'] = 2), session.save(() => undefined)), ['save']],
    ['login', (request) => sessionOf(request).login({ id: 'ada' }), ['create', 'destroy']],
    ['logout', (request) => sessionOf(request).logout(), ['destroy']],
    ['destroy', ({ session }) => session.destroy(), ['destroy']],
    ['destroy, then null', (request) => (void request.session.destroy(), (request.session = null as never)), ['destroy']],
    ['regenerate', ({ session }) => session.regenerate(), ['destroy']],
    ['rotate', (request) => sessionOf(request).rotate(), ['rotate', 'touch']],
  ];

  test.each(calls)('%s is done before a byte leaves', async (_, call, writes) => {
    const app = await open((request, response) => (void call(request, response), response.end('done')));
    const headers = await app.cookieOf({ visits: 1 });
    const { client, barrier } = await askBlocked(app, headers);
    await app.roundTrip();
    expect(client.received).toBe('');
    barrier.open();
    const answer = await client.answer();
    expect(answer).toMatchObject({ status: 200, body: 'done' });
    expect(headerOf(answer, 'set-cookie')).toHaveLength(writes.includes('save') ? 0 : 1);
    expect(app.store.writes).toEqual(['create', ...writes]);
  });

  test.each(calls)('%s turns the answer into 503 when it fails', async (_, call) => {
    const app = await open((request, response) => (void call(request, response), response.end('done')));
    const headers = await app.cookieOf({ visits: 1 });
    app.store.failure = OUTAGE;
    const answer = await app.answer('GET', headers);
    expect(answer).toMatchObject({ status: 503, body: expect.stringContaining('SESSION_STORE_UNAVAILABLE') });
    expect(headerOf(answer, 'set-cookie')).toEqual([]);
  });

  test('login turns the answer into 401 when the session of a signed-in requester has ended meanwhile', async () => {
    const app = await open((request, response) => (void sessionOf(request).login({ id: 'ada' }), response.end('done')));
    const headers = await app.cookieOf({ identity: { id: 'ada' } });
    const { client, barrier } = await askBlocked(app, headers);
    await app.endBehind(headers);
    barrier.open();
    expect(JSON.parse((await client.answer()).body)).toMatchObject({ statusCode: 401, code: new SessionGoneError().code });
  });
});
