import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../src/index.js';
import { useBlockableApps } from '../support/blockable-app.js';
import type { Answerer } from '../support/plain-app.js';
import { headerOf, type RawAnswer } from '../support/raw-client.js';

const LARGE = 'x'.repeat(1_000_000);
let directory: string;
let file: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'answers-'));
  file = join(directory, 'large.txt');
  await writeFile(file, LARGE);
});
afterAll(() => rm(directory, { recursive: true }));

interface Way {
  readonly name: string;
  readonly answer: Answerer;
  readonly method?: string;
  readonly request?: Record<string, string>;
}

/** The ways to answer a request. */
const WAYS: readonly Way[] = [
  { name: 'end', answer: (_, response) => response.end('done') },
  { name: 'end without a body', answer: (_, response) => response.end() },
  { name: 'end with a Buffer and a callback', answer: (_, response) => response.end(Buffer.from('done'), () => undefined) },
  { name: 'end with an encoding', answer: (_, response) => response.end('646f6e65', 'hex') },
  { name: 'end twice', answer: (_, response) => void response.end('done').end() },
  { name: 'a status and headers', answer: (_, response) => response.status(201).setHeader('x-one', '1').end('made') },
  { name: 'writeHead', answer: (_, response) => response.writeHead(202).end('later') },
  {
    name: 'writeHead with an object',
    answer: (_, response) => response.writeHead(202, { 'X-One': '1', 'X-Many': ['1', '2'] }).end('later'),
  },
  { name: 'writeHead with a flat list', answer: (_, response) => response.writeHead(200, ['X-One', '1', 'X-Two', '2']).end('done') },
  {
    name: 'writeHead with a flat list that repeats a name',
    answer: (_, response) => response.writeHead(200, ['Set-Cookie', 'a=1', 'X-One', '1', 'Set-Cookie', 'b=2']).end('done'),
  },
  {
    name: 'writeHead with a flat list that holds lists',
    answer: (_, response) => response.writeHead(200, ['Set-Cookie', ['a=1', 'b=2'], 'X-One', '1']).end('done'),
  },
  {
    name: 'writeHead with pairs',
    answer: (_, response) =>
      response
        .writeHead(200, [
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
          ['X-One', '1'],
        ] as never)
        .end('done'),
  },
  { name: 'writeHead with a reason', answer: (_, response) => response.writeHead(200, 'Fine').end('done') },
  {
    name: 'writeHead with a reason and headers',
    answer: (_, response) => response.writeHead(404, 'Not Here', { 'X-One': '1' }).end('gone'),
  },
  {
    name: 'writeHead with a Set-Cookie',
    answer: (_, response) => response.writeHead(200, { 'Set-Cookie': ['a=1; Path=/', 'b=2'] }).end('done'),
  },
  { name: 'writeHead and nothing else', answer: (_, response) => response.writeHead(200, { 'Content-Length': 0 }).end() },
  { name: 'write, then end', answer: (_, response) => void (response.write('one '), response.write('two '), response.end('three')) },
  {
    name: 'writeHead, write, then end',
    answer: (_, response) => void (response.writeHead(200, { 'Content-Length': 6 }).write('one'), response.end('two')),
  },
  { name: 'flushHeaders', answer: (_, response) => void (response.flushHeaders(), response.end('done')) },
  { name: 'writeHead, flushHeaders', answer: (_, response) => void (response.writeHead(200).flushHeaders(), response.end('done')) },
  { name: 'trailers', answer: (_, response) => void (response.write('one'), response.addTrailers({ 'X-Sum': '1' }), response.end()) },
  { name: 'a pipe', answer: (_, response) => void createReadStream(file).pipe(response) },
  { name: 'a pipeline', answer: (_, response) => pipeline(createReadStream(file), response) },
  { name: 'a pipeline of an iterator', answer: (_, response) => pipeline(Readable.from(['one', 'two', LARGE]), response) },
  { name: 'sendFile', answer: (_, response) => response.sendFile(file, { lastModified: false }) },
  {
    name: 'sendFile of a range',
    answer: (_, response) => response.sendFile(file, { lastModified: false }),
    request: { range: 'bytes=10-20' },
  },
  { name: 'a redirect', answer: (_, response) => response.redirect('/elsewhere') },
  { name: 'json', answer: (_, response) => response.json({ done: true }) },
  { name: 'send', answer: (_, response) => response.send('<p>done</p>') },
  { name: 'cookies of its own', answer: (_, response) => response.cookie('theme', 'dark').cookie('side', 'left').send('done') },
  { name: '204', answer: (_, response) => response.sendStatus(204) },
  { name: '304', answer: (_, response) => response.status(304).end() },
  { name: 'HEAD', answer: (_, response) => response.send('not seen'), method: 'HEAD' },
  { name: 'HEAD of a pipe', answer: (_, response) => void createReadStream(file).pipe(response), method: 'HEAD' },
  { name: 'HEAD of a file', answer: (_, response) => response.sendFile(file, { lastModified: false }), method: 'HEAD' },
];

/** The same answer, its session change before it. */
function changing(answer: Answerer): Answerer {
  return (request, response) => {
    request.session['visits'] = 1;
    return answer(request, response);
  };
}

/** What an answer is without the session's part in it. */
function withoutSession({ headers, ...answer }: RawAnswer): RawAnswer {
  const isOurs = ([name, value]: readonly [string, string]) => (name === 'set-cookie' && value.startsWith('sid=')) || name === 'date';
  const isNoStore = ([name, value]: readonly [string, string]) => name === 'cache-control' && value === 'no-store';
  const isVary = ([name, value]: readonly [string, string]) => name === 'vary' && value === 'Cookie';
  const withoutVary = ([name, value]: readonly [string, string]) =>
    [name, name === 'vary' ? value.replace(/, Cookie$/, '') : value] as const;
  const others = headers.filter((header) => !isOurs(header) && !isNoStore(header) && !isVary(header));
  return { ...answer, headers: others.map(withoutVary) };
}

describe.each(WAYS)('an answer by $name', ({ answer, method = 'GET', request = {} }) => {
  const open = useBlockableApps();
  const plain = async () => withoutSession(await (await open(answer, { session: false })).answer(method, request));

  test('leaves when the session is stored, and no byte of it before', async () => {
    const app = await open(changing(answer));
    const barrier = app.hold();
    const client = await app.ask(method, request);
    await barrier.full;
    await app.roundTrip();
    expect(client.received).toBe('');
    barrier.open();
    const received = await client.answer();
    expect(withoutSession(received)).toEqual({ ...(await plain()), headers: expectedHeaders(await plain(), received) });
    expect(headerOf(received, 'set-cookie')).toContainEqual(
      expect.stringMatching(/^sid=s%3A[\w-]{54}\..*; Path=\/; HttpOnly; SameSite=Lax$/),
    );
    expect(headerOf(received, 'cache-control')).toEqual(['no-store']);
    expect(app.store.writes).toEqual(['create']);
  });

  test('leaves as it is when the session has not changed', async () => {
    const app = await open(async (incoming, response) => {
      expect(incoming.session['visits']).toBe(7);
      await answer(incoming, response);
    });
    const { pieces } = await pieceCount(await open(answer, { session: false }), method, request);
    const received = await pieceCount(app, method, { ...request, ...(await app.cookieOf({ visits: 7 })) });
    expect(withoutSession(received.answer)).toEqual(await plain());
    expect(headerOf(received.answer, 'set-cookie').filter((cookie) => cookie.startsWith('sid='))).toEqual([]);
    expect(app.store.writes).toEqual(['create']);
    if (received.answer.body.length < 1_000) expect(received.pieces).toBe(pieces);
  });

  test('gives way to 503 when the session cannot be stored', async () => {
    const app = await open(changing(answer), {
      before: (_, response, next) => (response.setHeader('Access-Control-Allow-Origin', '*'), next()),
    });
    app.store.failure = new SessionStoreUnavailableError('timeout');
    const received = await app.answer(method, request);
    expect(received.status).toBe(503);
    expect(received.headers.filter(([name]) => name !== 'date')).toEqual([
      ['access-control-allow-origin', '*'],
      ['connection', 'close'],
      ['content-length', expect.any(String)],
      ['content-type', 'application/json; charset=utf-8'],
      ['retry-after', '1'],
      ['vary', 'Accept'],
    ]);
    if (method !== 'HEAD') expect(JSON.parse(received.body)).toMatchObject({ statusCode: 503, code: 'SESSION_STORE_UNAVAILABLE' });
    expect(app.logged).toEqual([app.store.failure]);
  });
});

async function pieceCount(app: Awaited<ReturnType<ReturnType<typeof useBlockableApps>>>, method: string, request: Record<string, string>) {
  const client = await app.ask(method, request);
  const answer = await client.answer();
  return { answer, pieces: client.pieces };
}

/** A cached answer gets another Cache-Control with its cookie. */
function expectedHeaders(plain: RawAnswer, received: RawAnswer): RawAnswer['headers'] {
  const isReplaced = headerOf(received, 'cache-control').includes('no-store');
  return plain.headers.filter(([name]) => !(isReplaced && name === 'cache-control'));
}
