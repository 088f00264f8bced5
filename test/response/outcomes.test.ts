import { describe, expect, test } from '@jest/globals';
import { sessionOf } from '../../src/express.js';
import { SessionStoreUnavailableError } from '../../src/index.js';
import type { Sid } from '../../src/session/sid.js';
import { Barrier } from '../support/barrier.js';
import { useBlockableApps, type BlockableAppOptions } from '../support/blockable-app.js';
import type { Answerer, PlainRequest } from '../support/plain-app.js';
import { headerOf, type RawAnswer } from '../support/raw-client.js';
import { refusal } from '../support/refusal.js';
import { sidOf, signedCookie } from '../support/signed-cookie.js';

const MINUTE = 60_000;
const OUTAGE = new SessionStoreUnavailableError('timeout');

/** What an answer says of the session cookie. */
function cookieNews(answer: RawAnswer): 'set' | 'cleared' | 'nothing' {
  const [cookie, ...more] = headerOf(answer, 'set-cookie').filter((one) => one.startsWith('sid='));
  expect(more).toEqual([]);
  if (cookie === undefined) return 'nothing';
  return cookie.startsWith('sid=;') ? 'cleared' : 'set';
}

const write: Answerer = ({ session }, response) => ((session['visits'] = 2), response.end('done'));
const read: Answerer = ({ session }, response) => response.end(String(session['visits']));
const ignore: Answerer = (_, response) => response.end('done');

describe('a save that finds its session gone', () => {
  const open = useBlockableApps();

  test.each([true, false, 'touch'] as const)(
    'drops the change and leaves the cookie to a sign-in in parallel, rolling: %s',
    async (rolling) => {
      const app = await open(write, { session: { rolling, cookie: { maxAge: MINUTE } } });
      const headers = await app.cookieOf({ visits: 1 });
      const lost: unknown[] = [];
      app.sessions.events.on('lost', (event) => lost.push(event));
      const barrier = app.hold();
      const client = await app.ask('GET', headers);
      await barrier.full;
      await app.endBehind(headers);
      barrier.open();
      const answer = await client.answer();
      expect(answer).toMatchObject({ status: 200, body: 'done' });
      expect(cookieNews(answer)).toBe('nothing');
      expect(lost).toEqual([{ handle: app.sessions.handleOf(sidOf(headers.cookie)) }]);
      expect(await app.stored(headers)).toBeUndefined();
    },
  );

  test('says so by a sign-in that was to be built on it, and only then', async () => {
    const app = await open(async (request, response) => {
      await app.endBehind(headers);
      response.json(await refusal(() => sessionOf(request).login({ id: 'grace' })));
    });
    const headers = await app.cookieOf({ identity: { id: 'ada' } });
    const answer = await app.answer('GET', headers);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'SESSION_GONE' });
    expect(cookieNews(answer)).toBe('nothing');
  });
});

describe('the cookie', () => {
  const open = useBlockableApps();

  const destroyed = { unset: 'destroy' } as const;
  const own: [string, Answerer, BlockableAppOptions['session']?][] = [
    ['destroy', async ({ session }, response) => (await session.destroy(), response.end())],
    [
      'destroy with a callback',
      ({ session }, response) => session.destroy((error) => response.status(error === undefined ? 200 : 503).end()),
    ],
    ['logout', async (request, response) => (await sessionOf(request).logout(), response.end())],
    ['regenerate, and nothing written since', async ({ session }, response) => (await session.regenerate(), response.end())],
    ["null with unset: 'destroy'", (request, response) => ((request.session = null as never), response.end()), destroyed],
    ["delete with unset: 'destroy'", (request: Partial<PlainRequest>, response) => (delete request.session, response.end()), destroyed],
    [
      "destroy, then null with unset: 'destroy'",
      async (request, response) => (await request.session.destroy(), (request.session = null as never), response.end()),
      destroyed,
    ],
  ];

  test.each(own)('is cleared by %s', async (_, answer, session = {}) => {
    const app = await open(answer, { session });
    const headers = await app.cookieOf({ visits: 1 });
    const received = await app.answer('GET', headers);
    expect(headerOf(received, 'set-cookie')).toEqual([
      'sid=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax',
    ]);
    expect(headerOf(received, 'cache-control')).toEqual(['no-store']);
    expect(await app.stored(headers)).toBeUndefined();
  });

  test.each(own)('is not cleared by %s when that fails', async (_, answer, session = {}) => {
    const app = await open(answer, { session });
    const headers = await app.cookieOf({ visits: 1 });
    app.store.failure = OUTAGE;
    const received = await app.answer('GET', headers);
    expect(received.status).toBe(503);
    expect(cookieNews(received)).toBe('nothing');
    expect(await app.stored(headers)).toEqual({ visits: 1 });
  });

  const others: [string, Answerer][] = [
    ['asks for nothing', ignore],
    ['reads', read],
  ];
  test.each(others)('of a session that is not there is left alone by a request that %s', async (_, answer) => {
    const app = await open(answer);
    const headers = await app.cookieOf({ visits: 1 });
    await app.endBehind(headers);
    expect(cookieNews(await app.answer('GET', headers))).toBe('nothing');
  });

  test.each(own)(
    'is not cleared by %s in a request that came without one: a form of another site could sign the visitor out',
    async (_, answer, session = {}) => {
      const app = await open(answer, { session });
      expect(cookieNews(await app.answer())).toBe('nothing');
    },
  );

  test('of a new session comes with Cache-Control: no-store, unless noStore is false', async () => {
    const caching: Answerer = ({ session }, response) => ((session['visits'] = 1), response.set('Cache-Control', 'public').end());
    const cached = await (await open(caching, { session: { noStore: false } })).answer();
    const uncached = await (await open(caching)).answer();
    expect([cookieNews(cached), headerOf(cached, 'cache-control')]).toEqual(['set', ['public']]);
    expect([cookieNews(uncached), headerOf(uncached, 'cache-control')]).toEqual(['set', ['no-store']]);
  });

  test('leaves Cache-Control alone where it is not set', async () => {
    const app = await open((_, response) => response.set('Cache-Control', 'public').end());
    expect(headerOf(await app.answer('GET', await app.cookieOf({})), 'cache-control')).toEqual(['public']);
  });

  test('takes the place of one of its name that the application sets', async () => {
    const app = await open(({ session }, response) => ((session['visits'] = 1), response.cookie('sid', 'mine').end()));
    expect(headerOf(await app.answer(), 'set-cookie')).toEqual([expect.stringMatching(/^sid=s%3A/)]);
  });

  test('joins the cookies of the application', async () => {
    const app = await open(({ session }, response) => ((session['visits'] = 1), response.cookie('theme', 'dark').end()));
    expect(headerOf(await app.answer(), 'set-cookie')).toEqual([expect.stringMatching(/^sid=s/), 'theme=dark; Path=/']);
  });
});

describe('when the cookie is sent', () => {
  const open = useBlockableApps();
  const due = { touchAfter: 0 };
  const table: [
    rolling: true | 'touch' | false,
    maxAge: number | undefined,
    answer: Answerer,
    isDue: boolean,
    expected: 'set' | 'nothing',
  ][] = [
    [true, MINUTE, ignore, false, 'set'],
    [true, MINUTE, read, false, 'set'],
    [true, MINUTE, write, false, 'set'],
    [true, undefined, read, false, 'set'],
    ['touch', MINUTE, ignore, false, 'nothing'],
    ['touch', MINUTE, ignore, true, 'set'],
    ['touch', MINUTE, read, true, 'set'],
    ['touch', MINUTE, write, false, 'set'],
    ['touch', undefined, read, true, 'nothing'],
    ['touch', undefined, write, true, 'nothing'],
    [false, MINUTE, ignore, true, 'nothing'],
    [false, MINUTE, read, true, 'nothing'],
    [false, MINUTE, write, false, 'set'],
    [false, undefined, write, true, 'nothing'],
  ];

  const titled = table.map(
    (row) => [`${row[2].name}, rolling: ${row[0]}, maxAge: ${row[1]}, touch due: ${row[3]}: ${row[4]}`, ...row] as const,
  );
  test.each(titled)('%s', async (_, rolling, maxAge, answer, isDue, expected) => {
    const app = await open(answer, { session: { rolling, cookie: { maxAge } }, store: isDue ? due : {} });
    const received = await app.answer('GET', await app.cookieOf({ visits: 1 }));
    expect(cookieNews(received)).toBe(expected);
    if (expected === 'set' && maxAge !== undefined) {
      const [, expires = ''] = /Expires=([^;]+)/.exec(headerOf(received, 'set-cookie').join()) ?? [];
      expect(Math.abs(Date.parse(expires) - Date.now() - MINUTE)).toBeLessThan(50_000);
    }
  });

  test.each<[string, (request: PlainRequest) => unknown]>([
    ['leaves the session alone', () => undefined],
    ['reads it', ({ session }) => session['visits']],
    ['has stored a change', ({ session }) => Object.assign(session, { visits: 2 }).save()],
  ])('never over that of a sign-in in parallel, by a request that %s, rolling: true', async (_, act) => {
    const signedIn = new Barrier(1);
    const answer: Answerer = async (request, response) => {
      await act(request);
      await signedIn.pass();
      response.end('done');
    };
    const app = await open(answer, { session: { rolling: true, cookie: { maxAge: MINUTE } } });
    const headers = await app.cookieOf({ visits: 1 });
    const client = await app.ask('GET', headers);
    await signedIn.full;
    await app.endBehind(headers);
    signedIn.open();
    const received = await client.answer();
    expect([received.status, cookieNews(received)]).toEqual([200, 'nothing']);
  });

  test.each([true, 'touch', false] as const)('never to a visitor who wrote nothing, rolling: %s', async (rolling) => {
    const app = await open(read, { session: { rolling, cookie: { maxAge: MINUTE } } });
    expect(cookieNews(await app.answer())).toBe('nothing');
    expect(app.store.writes).toEqual([]);
  });

  test('resave: true touches with every request and writes no entry that has not changed', async () => {
    const app = await open(read, { session: { resave: true } });
    const headers = await app.cookieOf({ visits: 1 });
    for (let request = 0; request < 3; request++) await app.answer('GET', headers);
    expect(app.store.writes).toEqual(['create', 'touch', 'touch', 'touch']);
  });

  test.each([
    ['looks at it', read],
    ['does not', ignore],
  ])('saveUninitialized: true, also to a visitor who %s', async (_, answer) => {
    const app = await open(answer, { session: { saveUninitialized: true } });
    const received = await app.answer();
    expect(cookieNews(received)).toBe('set');
    expect(await app.stored({ cookie: headerOf(received, 'set-cookie').join() })).toEqual({});
  });

  test("unset: 'keep' stores nothing of the request, and leaves session and cookie", async () => {
    const app = await open((request, response) => {
      request.session['visits'] = 2;
      request.session = null as never;
      response.end(JSON.stringify(request.session));
    });
    const headers = await app.cookieOf({ visits: 1 });
    const received = await app.answer('GET', headers);
    expect(received.body).toBe('null');
    expect(cookieNews(received)).toBe('nothing');
    expect(await app.stored(headers)).toEqual({ visits: 1 });
    expect(app.store.writes).toEqual(['create']);
  });
});

describe('how long a session lives', () => {
  const open = useBlockableApps();
  const changes: [string, Answerer][] = [
    ['without another change', ({ session }, response) => ((session.cookie.maxAge = MINUTE), response.end())],
    [
      'after a save',
      async ({ session }, response) => ((session['visits'] = 2), await session.save(), (session.cookie.maxAge = MINUTE), response.end()),
    ],
    [
      'after login',
      async (request, response) => (
        await sessionOf(request).login({ id: 'ada' }),
        (request.session.cookie.maxAge = MINUTE),
        response.end()
      ),
    ],
    [
      'before login',
      async (request, response) => (
        (request.session.cookie.maxAge = MINUTE),
        await sessionOf(request).login({ id: 'ada' }),
        response.end()
      ),
    ],
  ];
  test.each(changes)('is what the application sets %s', async (_, change) => {
    const app = await open(change);
    const headers = await app.cookieOf({ visits: 1 });
    const [cookie = headers.cookie] = headerOf(await app.answer('GET', headers), 'set-cookie');
    const record = await app.sessions.load(sidOf(cookie));
    expect(record).toMatchObject({ idle: MINUTE, cookie: { originalMaxAge: MINUTE } });
  });

  test('is not written when it is read only', async () => {
    const app = await open(({ session }, response) => response.json({ ...session, maxAge: session.cookie.maxAge }), {
      session: { cookie: { maxAge: MINUTE } },
    });
    const first = await app.answer('GET', await app.cookieOf({ visits: 1 }));
    expect(JSON.parse(first.body)).toMatchObject({ visits: 1, cookie: { originalMaxAge: MINUTE } });
    expect(app.store.writes).toEqual(['create']);
  });
});

describe('req.session', () => {
  const open = useBlockableApps();

  test.each([
    ['at first', () => undefined],
    ['later', (session: unknown) => void session],
  ])('refuses to be another object %s', async (_, look) => {
    const app = await open(async (request, response) => {
      if (look.length > 0) look(request.session);
      response.json(await refusal(() => (request.session = { visits: 9 } as never)));
    });
    const headers = await app.cookieOf({ visits: 1 });
    expect(JSON.parse((await app.answer('GET', headers)).body)).toMatchObject({ code: 'SESSION_MISUSE' });
    expect(await app.stored(headers)).toEqual({ visits: 1 });
  });

  test('may be assigned itself', async () => {
    const app = await open((request, response) => {
      const { session } = request;
      request.session = session;
      request.session['visits'] = 2;
      response.end();
    });
    const headers = await app.cookieOf({ visits: 1 });
    await app.answer('GET', headers);
    expect(await app.stored(headers)).toEqual({ visits: 2 });
  });

  test('throws 503 when it could not be loaded, and a request that does not ask for it goes on', async () => {
    const app = await open(read);
    const headers = await app.cookieOf({ visits: 1 });
    app.store.loadFailure = OUTAGE;
    const answer = await app.answer('GET', headers);
    expect([answer.status, headerOf(answer, 'retry-after'), cookieNews(answer)]).toEqual([503, ['1'], 'nothing']);
    expect(await (await fetch(`${app.origin}/ping`, { headers })).text()).toBe('pong');
  });
});

describe('several cookies of the name', () => {
  const open = useBlockableApps();
  const unknown = () => `${'x'.repeat(22)}${Math.random().toString(36).padEnd(32, 'x').slice(0, 32).replace('.', '_')}` as Sid;

  test('the first whose session exists counts', async () => {
    const app = await open(read);
    const [one, two] = [await app.cookieOf({ visits: 1 }), await app.cookieOf({ visits: 2 })];
    const cookie = [signedCookie(unknown()), 'sid=nonsense', one.cookie, two.cookie].join('; ');
    expect((await app.answer('GET', { cookie })).body).toBe('1');
  });

  test('at most three that are signed are looked for', async () => {
    const app = await open(read);
    const there = await app.cookieOf({ visits: 1 });
    const absent = [unknown(), unknown(), unknown()].map((sid) => signedCookie(sid));
    expect((await app.answer('GET', { cookie: [...absent.slice(1), there.cookie].join('; ') })).body).toBe('1');
    expect((await app.answer('GET', { cookie: [...absent, there.cookie].join('; ') })).body).toBe('undefined');
    expect(app.store.loads).toBe(3 + 3);
  });

  test('a few that are planted do not hide the one that counts', async () => {
    const app = await open(read);
    const there = await app.cookieOf({ visits: 1 });
    const planted = Array.from({ length: 10 }, (_, index) => `sid=s%3Aplanted${index}.${'x'.repeat(43)}`);
    expect((await app.answer('GET', { cookie: [...planted, there.cookie].join('; ') })).body).toBe('1');
    expect(app.store.loads).toBe(1);
  });

  test('the same one twice is looked for once', async () => {
    const app = await open(read);
    const cookie = signedCookie(unknown());
    await app.answer('GET', { cookie: `${cookie}; ${cookie}` });
    expect(app.store.loads).toBe(1);
  });
});

describe('two requests of one session', () => {
  const open = useBlockableApps();

  test('share no object', async () => {
    const barrier = new Barrier(2);
    const app = await open(async ({ session }, response) => {
      const seen = session['cart'].length;
      session['cart'].push('tea');
      await barrier.pass();
      response.end(String(seen));
    });
    const headers = await app.cookieOf({ cart: [] });
    const clients = await Promise.all([app.ask('GET', headers), app.ask('GET', headers)]);
    await barrier.full;
    barrier.open();
    expect((await Promise.all(clients.map((client) => client.answer()))).map(({ body }) => body)).toEqual(['0', '0']);
  });
});
