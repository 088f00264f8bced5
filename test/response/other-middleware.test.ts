import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, constants, createServer, type ClientHttp2Session, type Http2Server } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import compression from 'compression';
import express, { type RequestHandler, type Response } from 'express';
import expressSession from 'express-session';
import helmet from 'helmet';
import morgan from 'morgan';
import responseTime from 'response-time';
import { SessionStoreUnavailableError } from '../../src/index.js';
import { sessionMiddleware, sessionOf } from '../../src/express.js';
import { TEST_SECRET } from '../support/create-app.js';
import { Barrier } from '../support/barrier.js';
import { BlockableStore } from '../support/blockable-store.js';
import { serve, type PlainServer } from '../support/plain-app.js';
import { headerOf, RawClient, type RawAnswer } from '../support/raw-client.js';
import { refusal } from '../support/refusal.js';

const TEXT = 'some text, '.repeat(500);
let directory: string;
let file: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'neighbours-'));
  file = join(directory, 'text.txt');
  await writeFile(file, TEXT);
});
afterAll(() => rm(directory, { recursive: true }));

let servers: PlainServer[] = [];
beforeEach(() => {
  servers = [];
});
afterEach(() => Promise.all(servers.map((server) => server.close())));

describe('beside another middleware', () => {
  const logged: string[] = [];
  const lines = new Writable({ write: (line: Buffer, _, done) => (logged.push(String(line).trim()), done()) });
  beforeEach(() => void (logged.length = 0));

  /** A middleware, and what is to be seen of it in an answer. */
  const NEIGHBOURS: [string, () => RequestHandler, (answer: RawAnswer) => void][] = [
    ['compression', () => compression({ threshold: 0 }), (answer) => expect(headerOf(answer, 'content-encoding')).toEqual(['gzip'])],
    ['morgan', () => morgan(':status :res[x-one]', { stream: lines }) as RequestHandler, () => expect(logged).toEqual(['200 1'])],
    ['response-time', () => responseTime() as RequestHandler, (answer) => expect(headerOf(answer, 'x-response-time')).toHaveLength(1)],
    ['helmet', () => helmet() as RequestHandler, (answer) => expect(headerOf(answer, 'x-frame-options')).toEqual(['SAMEORIGIN'])],
  ];
  const ANSWERS: [string, (response: Response) => unknown][] = [
    ['send', (response) => response.type('text').send(TEXT)],
    ['pieces', (response) => (response.type('text').write(TEXT.slice(0, 100)), response.end(TEXT.slice(100)))],
    ['a pipe', (response) => Readable.from([TEXT.slice(0, 100), TEXT.slice(100)]).pipe(response.type('text'))],
    ['sendFile', (response) => response.sendFile(file)],
    ['a view', (response) => ((response.locals['text'] = TEXT), response.type('text').render('text.view'))],
  ];

  describe.each(NEIGHBOURS)('%s', (_, make, look) => {
    describe.each(['before', 'after'] as const)('mounted %s', (place) => {
      test.each(ANSWERS)('an answer by %s is whole, buffered and not', async (_name, answer) => {
        const store = new BlockableStore();
        const app = express().disable('x-powered-by').disable('etag');
        app.set('views', directory).engine('view', (_path, { text }: { text?: string }, done) => done(null, text));
        await writeFile(join(directory, 'text.view'), '');
        const session = sessionMiddleware({ secret: TEST_SECRET, store }) as RequestHandler;
        app.use(...(place === 'before' ? [make(), session] : [session, make()]));
        app.use((request, response) => {
          if (request.headers['x-change'] !== undefined) Object.assign(request.session, { visits: 1 });
          answer(response.set('X-One', '1'));
        });
        const server = await serve(app);
        servers.push(server);
        const ask = async (headers: Record<string, string>) => {
          logged.length = 0;
          const client = await RawClient.connect(server.origin);
          client.request('GET', '/', { 'accept-encoding': 'gzip', ...headers });
          const received = await client.answer();
          look(received);
          const body = Buffer.from(received.body, 'latin1');
          const isZipped = headerOf(received, 'content-encoding').length > 0;
          expect([received.status, (isZipped ? gunzipSync(body) : body).toString()]).toEqual([200, TEXT]);
          return headerOf(received, 'set-cookie');
        };
        expect(await ask({})).toEqual([]);
        const [cookie = '', ...more] = await ask({ 'x-change': '1' });
        expect([more, store.writes]).toEqual([[], ['create']]);
        expect(await ask({ cookie: cookie.split(';', 1)[0] ?? '' })).toEqual([]);
      });
    });
  });
});

describe('express-session on the same request', () => {
  const theirs = () =>
    expressSession({
      secret: TEST_SECRET,
      name: 'theirs',
      resave: false,
      saveUninitialized: false,
      store: new expressSession.MemoryStore(),
    });
  const ours = () => sessionMiddleware({ secret: TEST_SECRET, store: new BlockableStore(), name: 'ours' }) as RequestHandler;

  test.each([
    ['ours', [ours, theirs]],
    ['theirs', [theirs, ours]],
  ])('leaves it to the one that comes first: %s', async (first, makes) => {
    const app = express().use(...makes.map((make) => make()));
    app.use((request, response) => {
      const session = request.session as unknown as { visits?: number };
      session.visits = (session.visits ?? 0) + 1;
      response.json([session.visits, typeof request.sessionID, typeof request.sessionStore]);
    });
    const server = await serve(app);
    servers.push(server);
    const browser = server.browser();
    expect((await browser.get('/')).json).toEqual([1, 'string', 'object']);
    expect((await browser.get('/')).json).toEqual([2, 'string', 'object']);
    const response = await fetch(server.origin);
    expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(`^${first}=`)]);
  });
});

describe('over HTTP/2', () => {
  let server: Http2Server | undefined;
  let client: ClientHttp2Session | undefined;
  const warnings: string[] = [];
  const warn = (warning: Error) => void warnings.push(warning.message);
  beforeEach(() => {
    warnings.length = 0;
    process.on('warning', warn);
  });
  afterEach(async () => {
    process.off('warning', warn);
    client?.destroy();
    await new Promise((resolve) => server?.close(resolve));
  });

  async function open(store: BlockableStore, handler: (request: IncomingMessage, response: ServerResponse) => unknown) {
    const session = sessionMiddleware({ secret: TEST_SECRET, store });
    server = createServer((request, response) => {
      const [http1Request, http1Response] = [request, response] as unknown as [IncomingMessage, ServerResponse];
      session(http1Request, http1Response, () => void handler(http1Request, http1Response));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connection = (client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
    return async (headers: Record<string, string> = {}) => {
      const stream = connection.request({ [constants.HTTP2_HEADER_PATH]: '/', ...headers });
      const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      return { head, body: Buffer.concat(chunks).toString() };
    };
  }

  test('a response is buffered, looks as sent meanwhile, and leaves with its cookie', async () => {
    const store = new BlockableStore({ deadline: 60_000 });
    const barrier = (store.barrier = new Barrier(1));
    const seen: unknown[] = [];
    const ask = await open(store, async (request, response) => {
      Object.assign(sessionOf(request), { visits: 1 });
      response.setHeader('X-One', '1');
      const hadSetHeaders = 'setHeaders' in response;
      response.end('done');
      seen.push(response.headersSent, response.writableEnded, 'setHeaders' in response === hadSetHeaders);
      for (const change of ['setHeader', 'appendHeader'] as const) seen.push((await refusal(() => response[change]('X-Two', '2')))?.code);
      response.end('more');
      barrier.open();
    });
    const { head, body } = await ask();
    expect(seen).toEqual([true, false, true, 'ERR_HTTP_HEADERS_SENT', 'ERR_HTTP_HEADERS_SENT']);
    expect([head[':status'], head['x-one'], head['x-two'], body]).toEqual([200, '1', undefined, 'done']);
    expect(head['set-cookie']).toEqual([expect.stringMatching(/^sid=s%3A/)]);
    expect(warnings).toEqual([]);
  });

  test('what is answered in the place of an answer has no status message, of which Node would warn', async () => {
    const store = new BlockableStore({ logErrors: false });
    store.failure = new SessionStoreUnavailableError('timeout');
    const ask = await open(store, (request, response) => (Object.assign(sessionOf(request), { visits: 1 }), response.end('done')));
    const { head, body } = await ask({ accept: 'text/html' });
    expect([head[':status'], head['content-type']]).toEqual([503, 'text/html; charset=utf-8']);
    expect(body).toContain('<h1>Service Unavailable</h1>');
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });
});
