import { setImmediate as turn } from 'node:timers/promises';
import { Controller, Req, Sse } from '@nestjs/common';
import { describe, expect, test } from '@jest/globals';
import type { Request } from 'express';
import { interval, map, take, tap } from 'rxjs';
import { SessionStoreUnavailableError } from '../../src/index.js';
import { sessionOf, type SessionHandler } from '../../src/express.js';
import { Barrier } from '../support/barrier.js';
import { useBlockableApps } from '../support/blockable-app.js';
import type { Answerer, PlainRequest } from '../support/plain-app.js';
import { headerOf } from '../support/raw-client.js';
import type { AnySession } from '../support/scripted-app.js';
import { useVariant } from '../support/variants.js';
import { until } from '../support/until.js';

const TOO_LATE: unknown = expect.objectContaining({ code: 'SESSION_MISUSE', message: expect.stringMatching(/cookie .*before/) });
const OUTAGE = new SessionStoreUnavailableError('timeout');

describe('a session that changes after the head is out', () => {
  const open = useBlockableApps();

  /** Sends the head at once, then an event, then waits for the test before it changes the session and ends. */
  const events = (changes: Barrier, change: (session: AnySession) => unknown = (session) => (session['visits'] = 2)): Answerer => {
    return async (request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
      response.write('data: one\n\n');
      await changes.pass();
      await change(sessionOf(request) as AnySession);
      response.end('data: two\n\n');
    };
  };

  test('is stored before the end of the response, which then comes', async () => {
    const changes = new Barrier(1);
    const app = await open(events(changes));
    const client = await app.ask('GET', await app.cookieOf({ visits: 1 }));
    await client.receives('data: one');
    const saving = app.hold();
    changes.open();
    await saving.full;
    await app.roundTrip();
    expect(client.received).not.toContain('data: two');
    saving.open();
    expect((await client.answer()).body).toBe('data: one\n\ndata: two\n\n');
    expect(app.store.writes).toEqual(['create', 'save']);
  });

  test('is logged when it cannot be stored, and the response ends all the same', async () => {
    const changes = new Barrier(1);
    const app = await open(events(changes));
    const client = await app.ask('GET', await app.cookieOf({ visits: 1 }));
    await client.receives('data: one');
    app.store.failure = OUTAGE;
    changes.open();
    expect((await client.answer()).body).toBe('data: one\n\ndata: two\n\n');
    expect(app.logged).toEqual([OUTAGE]);
  });

  test('is logged when it cannot be text, and the response ends all the same', async () => {
    const changes = new Barrier(1);
    changes.open();
    const app = await open(events(changes, (session) => (session['bad'] = 1n)));
    expect((await app.answer('GET', await app.cookieOf({}))).body).toBe('data: one\n\ndata: two\n\n');
    expect(app.logged).toMatchObject([{ code: 'SESSION_NOT_SERIALIZABLE' }]);
  });

  test('is stored when it changes while the head is buffered', async () => {
    const changes = new Barrier(1);
    const app = await open((request, response) => {
      request.session['visits'] = 2;
      return events(changes, (session) => (session['visits'] = 3))(request, response);
    });
    const headers = await app.cookieOf({ visits: 1 });
    const saving = app.hold();
    const client = await app.ask('GET', headers);
    await saving.full;
    changes.open();
    await turn();
    saving.open();
    expect((await client.answer()).body).toBe('data: one\n\ndata: two\n\n');
    expect(app.store.writes).toEqual(['create', 'save', 'save']);
    expect(await app.stored(headers)).toEqual({ visits: 3 });
  });

  test.each([
    ['logout', (request: PlainRequest) => void sessionOf(request).logout()],
    ["null with unset: 'destroy'", (request: PlainRequest) => (request.session = null as never)],
  ])('is ended by a late %s, of which the cookie can say nothing', async (_, end) => {
    const late: Answerer = (request, response) => (response.write('some'), end(request), response.end());
    const app = await open(late, { session: { unset: 'destroy' } });
    const headers = await app.cookieOf({ visits: 1 });
    const answer = await app.answer('GET', headers);
    expect(headerOf(answer, 'set-cookie')).toEqual([]);
    expect(await app.stored(headers)).toBeUndefined();
  });

  test('is stored once for each request of a connection whose client goes during the last', async () => {
    const reached = new Barrier(1);
    const app = await open((request, response) => {
      request.session['visits'] += 1;
      if (request.headers['x-last'] === undefined) response.end('done');
      else void reached.pass();
    });
    const headers = await app.cookieOf({ visits: 1 });
    const client = await app.ask('GET', { ...headers, connection: 'keep-alive' });
    await client.receives('done');
    client.request('GET', '/', { ...headers, connection: 'keep-alive', 'x-last': '1' });
    await reached.full;
    client.leave();
    await until(() => app.store.writes.length === 3, 'the change of the last request is stored');
    await app.roundTrip();
    expect(app.store.writes).toEqual(['create', 'save', 'save']);
    expect(await app.stored(headers)).toEqual({ visits: 3 });
  });

  test('is stored when somebody else had sent the head before the session was there', async () => {
    const early: SessionHandler = (_, response, next) => (response.flushHeaders(), next());
    const app = await open((request, response) => ((request.session['visits'] = 2), response.end('done')), { before: early });
    const headers = await app.cookieOf({ visits: 1 });
    expect(await app.answer('GET', headers)).toMatchObject({ status: 200, body: 'done' });
    expect(await app.stored(headers)).toEqual({ visits: 2 });
    expect(app.logged).toEqual([]);
    // A new session is of no use then, but no reason to fail.
    expect(await app.answer()).toMatchObject({ status: 200, body: 'done' });
    expect(app.store.writes).toEqual(['create', 'save']);
    expect(app.logged).toEqual([TOO_LATE]);
  });
});

describe('a session that begins after the head is out', () => {
  const open = useBlockableApps();
  const begin: Answerer = (request, response) => (response.write('some'), (request.session['visits'] = 1), response.end());

  test('is not stored, since its cookie can no longer be sent, and an error says so', async () => {
    const app = await open(begin);
    expect(await app.answer()).toMatchObject({ status: 200, body: 'some' });
    expect([app.store.writes, app.logged]).toEqual([[], [TOO_LATE]]);
  });

  test('does not take the place of another either, which stays', async () => {
    const app = await open(async (request, response) => {
      response.write('some');
      await request.session.regenerate().catch((error: { code: string }) => response.write(error.code));
      response.end();
    });
    const headers = await app.cookieOf({ visits: 1 });
    expect((await app.answer('GET', headers)).body).toBe('someSESSION_MISUSE');
    expect([app.store.writes, await app.stored(headers)]).toEqual([['create'], { visits: 1 }]);
  });

  test('is told of once, also when the client leaves before the end', async () => {
    const end = new Barrier(1);
    const app = await open(async (request, response) => {
      response.write('some');
      request.session['visits'] = 1;
      await end.pass();
      response.end();
    });
    const client = await app.ask();
    await client.receives('some');
    client.leave();
    await until(() => app.logged.length > 0, 'the error is logged');
    end.open();
    await app.roundTrip();
    expect([app.store.writes, app.logged]).toEqual([[], [TOO_LATE]]);
  });

  test('is stored all the same when its client has left before the head was out', async () => {
    const end = new Barrier(1);
    const app = await open(async (request, response) => {
      response.writeHead(200);
      request.session['visits'] = 1;
      await end.pass();
      response.end();
    });
    const client = await app.ask();
    await end.full;
    client.leave();
    await until(() => app.store.writes.length > 0, 'the session is stored');
    end.open();
    await app.roundTrip();
    expect([app.store.writes, app.logged]).toEqual([['create'], []]);
  });

  test('is no matter when nothing is put into it', async () => {
    const app = await open((request, response) => (response.write('some'), response.end(String(request.session['visits']))));
    expect((await app.answer()).body).toBe('someundefined');
    expect([app.store.writes, app.logged]).toEqual([[], []]);
  });
});

describe('a touch', () => {
  const open = useBlockableApps();
  const due = { touchAfter: 0, deadline: 60_000 };

  const answers: [string, Answerer][] = [
    ['an answer', (_, response) => response.end('done')],
    ['an answer in pieces', (_, response) => (response.write('do'), response.end('ne'))],
    [
      'an answer that read the session',
      ({ session }, response) => (response.write(String(session['visits']).slice(1)), response.end('done')),
    ],
  ];
  test.each(answers)('is made once for %s, which does not wait for it', async (_, answer) => {
    const app = await open(answer, { store: due });
    const headers = await app.cookieOf({ visits: 1 });
    const barrier = app.hold();
    expect(await app.answer('GET', headers)).toMatchObject({ status: 200, body: 'done' });
    barrier.open();
    await app.roundTrip();
    expect(app.store.writes).toEqual(['create', 'touch']);
  });

  test('that fails is logged, and changes nothing about the answer', async () => {
    const app = await open((_, response) => response.end('done'), { store: due });
    const headers = await app.cookieOf({ visits: 1 });
    app.store.failure = OUTAGE;
    expect(await app.answer('GET', headers)).toMatchObject({ status: 200, body: 'done' });
    expect(app.logged).toEqual([OUTAGE]);
  });

  test('is waited for where the response sends the cookie again, which is left alone when the session has ended', async () => {
    const app = await open((_, response) => response.end('done'), { store: due, session: { cookie: { maxAge: 60_000 } } });
    const headers = await app.cookieOf({ visits: 1 });
    const barrier = app.hold();
    const client = await app.ask('GET', headers);
    await barrier.full;
    await app.endBehind(headers);
    barrier.open();
    const answer = await client.answer();
    expect(answer).toMatchObject({ status: 200, body: 'done' });
    expect(headerOf(answer, 'set-cookie')).toEqual([]);
  });
});

describe('a client that leaves', () => {
  const open = useBlockableApps();

  test('while its response is buffered changes nothing about what is stored, once', async () => {
    const app = await open((request, response) => {
      request.session['visits'] = 2;
      response.write('x'.repeat(100_000));
      response.end('done');
    });
    const headers = await app.cookieOf({ visits: 1 });
    const barrier = app.hold();
    const client = await app.ask('GET', headers);
    await barrier.full;
    client.leave();
    await app.roundTrip();
    barrier.open();
    await app.roundTrip();
    expect(await app.stored(headers)).toEqual({ visits: 2 });
    expect(app.store.writes).toEqual(['create', 'save']);
  });

  test.each([
    ['before anything was written', () => undefined],
    ['in the middle of the answer', (response: { write(text: string): unknown }) => void response.write('some')],
  ])('%s changes nothing about what is stored, once', async (_, begin) => {
    const [change, end] = [new Barrier(1), new Barrier(1)];
    const app = await open(async (request, response) => {
      begin(response);
      request.session['visits'] = 2;
      response.on('close', () => void change.pass());
      await end.pass();
      response.end('done');
    });
    const headers = await app.cookieOf({ visits: 1 });
    const client = await app.ask('GET', headers);
    await end.full;
    client.leave();
    await change.full;
    await until(async () => (await app.stored(headers))?.['visits'] === 2, 'the change is stored');
    end.open();
    await app.roundTrip();
    expect(app.store.writes).toEqual(['create', 'save']);
  });

  test.each<[what: string, use: (session: AnySession) => unknown, writes: string[]]>([
    ['an entry assigned', (session) => (session['visits'] = 1), ['create']],
    ['a CSRF token given out', (session) => session.csrfToken(), ['create']],
    [
      'a save, and another age of its cookie after that',
      (session) => session.save().then(() => (session.cookie.maxAge = 120_000)),
      ['create', 'touch'],
    ],
  ])('has a session that is new stored, with %s', async (_, use, writes) => {
    const [used, end] = [new Barrier(1), new Barrier(1)];
    const app = await open(async (request, response) => {
      await use(sessionOf(request) as AnySession);
      used.pass().catch(() => undefined);
      await end.pass();
      response.end('done');
    });
    const client = await app.ask('GET', {});
    await used.full;
    client.leave();
    await until(() => app.store.writes.length === writes.length, 'all is stored');
    expect(app.store.writes).toEqual(writes);
    end.open();
  });

  test('does not keep a later change of its request from being stored', async () => {
    const gone = new Barrier(1);
    const app = await open(async (request, response) => {
      await new Promise((resolve) => response.on('close', resolve));
      request.session['visits'] = 2;
      response.end('done');
      gone.pass().catch(() => undefined);
    });
    const headers = await app.cookieOf({ visits: 1 });
    const client = await app.ask('GET', headers);
    await app.roundTrip();
    client.leave();
    await gone.full;
    await until(async () => (await app.stored(headers))?.['visits'] === 2, 'the change is stored');
  });
});

@Controller()
class EventsController {
  @Sse('events')
  events(@Req() request: Request) {
    const session = request.session as unknown as AnySession;
    return interval(5).pipe(
      take(3),
      tap((n) => (session['seen'] = n)),
      map((n) => ({ data: String(n) })),
    );
  }
}

describe('events of Nest', () => {
  const harness = useVariant({ platform: 'express', name: 'builtin × memory', middleware: 'builtin', kind: 'memory', storesFirst: true });

  test('are sent as they come, and what changed meanwhile is stored', async () => {
    const app = await harness.open({ controllers: [EventsController] });
    app.on('/write', ({ session }) => void (session['note'] = 'kept'));
    const browser = app.browser();
    await browser.get('/write');
    const answer = await browser.get('/events');
    expect(answer.text.match(/data: \d/g)).toEqual(['data: 0', 'data: 1', 'data: 2']);
    await until(async () => (await harness.stored(app, await browser.sid()))?.entries['seen'] === 2, 'the last change is stored');
  });
});
