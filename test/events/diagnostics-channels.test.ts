import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { peekSession, Public, SESSION_REDIS, SessionManager } from '../../src/index.js';
import { diagnostics, onDiagnostics, type SessionDiagnostics } from '../../src/session/diagnostics.js';
import { SessionEvents } from '../../src/session/session-events.js';
import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import { hashedHandleOf, type Handle, type Sid } from '../../src/session/sid.js';
import { Barrier } from '../support/barrier.js';
import { CHANNEL_NAMES, useChannelRecorder, type Published } from '../support/channel-recorder.js';
import { doors, type Client } from '../support/doors.js';
import { CROSS_SITE, sendTo } from '../support/origin-client.js';
import { HeldCommands } from '../support/held-commands.js';
import { useOutages } from '../support/outage-harness.js';
import { blackouts } from '../support/outages.js';
import { answer, useSocketApps } from '../support/socket-app.js';
import { until } from '../support/until.js';
import { redisVariants, useVariant, variants } from '../support/variants.js';

const ENTRY = 'Earl Grey, 100 g';
const DURATION = expect.any(Number);
const EVENT_NAMES: readonly string[] = [
  'created',
  'loggedIn',
  'adopted',
  'loggedOut',
  'rotated',
  'destroyed',
  'revoked',
  'evicted',
  'lost',
  'rejected',
  'reused',
];

/** What was published since then, none of which can have taken longer, nor no time at all. Where an outage is known, nobody waits. */
function withinTime(published: Published[], began: number): Published[] {
  const elapsed = performance.now() - began;
  const timed = published.flatMap(([, message]) => ('duration' in message ? [message] : []));
  const wrong = timed.filter(({ duration, result }) => duration < 0 || duration > elapsed || (duration === 0 && result !== 'failed'));
  expect(wrong).toEqual([]);
  return published;
}

describe.each(variants)('diagnostics channels, $name', (variant) => {
  const harness = useVariant(variant);
  const recorder = useChannelRecorder();

  async function opened() {
    const app = await harness.open();
    app.on('/fill', ({ session }) => void (session['cart'] = [ENTRY]));
    app.on('/rotate', ({ session }) => session.rotate());
    const browser = app.browser();
    /** What is published during a request. */
    const during = async (path: string) => {
      recorder.take();
      const began = performance.now();
      await browser.post(path);
      await app.sessions.drain();
      return withinTime(recorder.take(), began);
    };
    return { app, browser, during };
  }

  test('tell nothing of a request without a session', async () => {
    const { during } = await opened();
    expect(await during('/whoami')).toEqual([]);
  });

  test('tell of each step in the life of a session', async () => {
    const { app, browser, during } = await opened();
    const bytes = Buffer.byteLength(`cart["${ENTRY}"]`);
    const filled = await during('/fill');
    expect(filled).toEqual([
      ['created', { handle: expect.any(String) }],
      ['save', { isNew: true, bytes }],
      ['commit', { result: 'stored', duration: DURATION }],
    ]);
    expect(await during('/read')).toEqual([['load', { result: 'found', duration: DURATION }]]);

    app.on('/more', ({ session }) => void (session['more'] = 1));
    expect(await during('/more')).toEqual([
      ['load', { result: 'found', duration: DURATION }],
      ['save', { isNew: false, bytes: bytes + Buffer.byteLength('more1') }],
      ['commit', { result: 'stored', duration: DURATION }],
    ]);

    const signedIn = await during('/login/ada');
    expect(signedIn.map(([name]) => name)).toEqual(expect.arrayContaining(['created', 'save', 'destroyed', 'loggedIn']));
    expect(signedIn.filter(([name]) => name === 'loggedIn')).toEqual([
      ['loggedIn', { handle: (await browser.sid())?.slice(0, 22), userId: 'ada', replaced: expect.any(String) }],
    ]);
    const signedOut = await during('/logout');
    expect(signedOut.map(([name]) => name)).toEqual(['load', 'destroyed']);
  });

  test('tell of a load that finds nothing, and of one that finds a session that was ended', async () => {
    const { app, browser, during } = await opened();
    await browser.post('/login/ada');
    await app.app.get(SessionManager).revokeAll('ada');
    expect(await during('/whoami')).toEqual([['load', { result: 'ended', duration: DURATION }]]);

    await browser.post('/login/ada');
    await harness.end(app, await browser.sid());
    expect(await during('/whoami')).toEqual([['load', { result: 'none', duration: DURATION }]]);
  });

  test('tell of a change that comes too late', async () => {
    const { app, browser, during } = await opened();
    await browser.post('/login/ada');
    const barrier = new Barrier(1);
    app.on('/slow', async ({ session }) => {
      session['cart'] = [ENTRY];
      await barrier.pass();
    });
    const published = during('/slow');
    await barrier.full;
    await app.app.get(SessionManager).revokeAll('ada');
    barrier.open();
    const names = (await published).filter(([name]) => name === 'lost' || name === 'commit');
    expect(names).toEqual([
      ['lost', expect.objectContaining({ userId: 'ada' })],
      ['commit', { result: 'lost', duration: DURATION }],
    ]);
  });

  test('tell of a session that must not be stored', async () => {
    const { app, during } = await opened();
    app.on('/large', ({ session }) => void (session['large'] = 'x'.repeat(17_000)));
    app.sessions.settings.failures.printTo({ error: () => undefined, warn: () => undefined });
    expect(await during('/large')).toEqual([['commit', { result: 'refused', duration: DURATION }]]);
  });

  test('tell of two sessions that get one id', async () => {
    const sid = 'an id that genid gives twice, long enough';
    const app = await harness.open({ session: { genid: () => sid } });
    app.sessions.settings.failures.printTo({ error: () => undefined, warn: () => undefined });
    app.on('/fill', ({ session }) => void (session['cart'] = [ENTRY]));
    const browser = app.browser();
    await browser.post('/fill');
    expect(recorder.of('created')).toEqual([{ handle: hashedHandleOf(sid as Sid) }]);
    await app.browser().post('/fill');
    expect(recorder.of('conflict')).toEqual([{ reason: 'id-in-use' }]);
    await browser.post('/login/ada');
    expect(recorder.of('conflict')).toEqual([{ reason: 'id-in-use' }]);
  });

  test('tell of a session that others change while it gets a new id, and each change is kept', async () => {
    let count = 0;
    const app = await harness.open({ session: { genid: () => `made by the application ${++count}` } });
    const browser = app.browser();
    app.on('/fill', ({ session }) => void (session['cart'] = ENTRY));
    app.on('/more', ({ session }) => void (session['more'] = ENTRY));
    await browser.post('/fill');
    const barrier = new Barrier(1);
    app.on('/rotate', async ({ session }) => {
      await barrier.pass();
      await session.rotate();
    });
    const rotated = browser.post('/rotate');
    await barrier.full;
    await browser.post('/more');
    barrier.open();
    await rotated;
    expect(recorder.of('conflict')).toEqual([{ reason: 'changed-meanwhile' }]);
    expect((await browser.get('/read')).json).toEqual({ cart: ENTRY, more: ENTRY });
  });

  test('tell of a refused request, and not of one that another site may send', async () => {
    const app = await harness.open({ session: { csrf: true } });
    await sendTo(app.origin, { path: '/plain', headers: { ...CROSS_SITE, connection: 'close' } });
    await sendTo(app.origin, { path: '/plain', method: 'GET', headers: { ...CROSS_SITE, connection: 'close' } });
    expect(recorder.take()).toEqual([['csrfRefused', { reason: 'cross-site' }]]);
  });

  test('hold no session id, secret, cookie, key or entry, and handle and user only where SessionEvents do', async () => {
    const { app, browser, during } = await opened();
    const sids = new Set<string>();
    const published = [];
    for (const path of ['/fill', '/read', '/login/ada', '/rotate', '/read', '/fill', '/logout', '/read']) {
      published.push(...(await during(path)));
      sids.add((await browser.sid()) ?? '');
    }
    expect(published.length).toBeGreaterThan(10);
    const text = JSON.stringify(published);
    const secrets = [...sids].filter((sid) => sid !== '').map((sid) => sid.slice(22));
    expect([ENTRY, app.sessions.settings.prefix, ...secrets].filter((secret) => text.includes(secret))).toEqual([]);
    const others = published.filter(([name]) => !EVENT_NAMES.includes(name));
    const named = [...sids].map((sid) => sid.slice(0, 22)).filter((handle) => handle !== '');
    expect([...named, 'ada'].filter((name) => JSON.stringify(others).includes(name))).toEqual([]);
  });
});

describe('diagnostics channels, two that change an identity', () => {
  const harness = useVariant(redisVariants[0]!);
  const recorder = useChannelRecorder();

  test('tell that the second one was made again', async () => {
    const app = await harness.open();
    const browser = app.browser();
    await browser.post('/login/ada');
    const manager = app.app.get(SessionManager);
    const held = new HeldCommands(await app.app.resolve(SESSION_REDIS)).next('compareAndSet');
    const first = manager.updateIdentity('ada', { roles: ['admin'] });
    await held.reached;
    await manager.updateIdentity('ada', { name: 'Ada' });
    expect(recorder.of('conflict')).toEqual([]);
    held.release();
    await first;
    expect(recorder.of('conflict')).toEqual([{ reason: 'changed-meanwhile' }]);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada', roles: ['admin'], name: 'Ada' } });
  });
});

describe.each(redisVariants)('diagnostics channels in an outage, $name', (variant) => {
  const outages = useOutages(variant);
  const recorder = useChannelRecorder();
  const [frozen] = blackouts.filter(({ name }) => name === 'is frozen');

  test('tell once of a request that could not have its session, and not of one that needed none or only looked', async () => {
    const app = await outages.open();
    app.sessions.settings.failures.printTo({ error: () => undefined, warn: () => undefined });
    const browser = app.browser();
    await browser.post('/login/ada');
    app.on('/peek', ({ request }) => void peekSession(request as never));
    app.on('/insist', ({ request }) => {
      expect(() => request.session).toThrow();
      return request.session;
    });
    await outages.begin(frozen!);
    recorder.take();
    const began = performance.now();
    await browser.get('/plain');
    await browser.get('/peek');
    expect(withinTime(recorder.take(), began)).toEqual([
      ['load', { result: 'failed', reason: expect.stringMatching(/timeout|outage/), duration: DURATION }],
      ['load', { result: 'failed', reason: expect.stringMatching(/timeout|outage/), duration: DURATION }],
    ]);
    expect((await browser.get('/insist')).status).toBe(503);
    expect(recorder.of('unavailable')).toEqual([{ reason: expect.stringMatching(/timeout|outage/) }]);
    expect((await browser.get('/whoami')).status).toBe(503);
    expect(recorder.of('unavailable')).toHaveLength(1);
  });

  test('tell of a change that could not be stored', async () => {
    const app = await outages.openPatient();
    app.sessions.settings.failures.printTo({ error: () => undefined, warn: () => undefined });
    app.on('/fill', ({ session }) => void (session['cart'] = [ENTRY]));
    await outages.harness.client.config('SET', 'maxmemory', '1');
    try {
      const { status } = await app.browser().post('/fill');
      const published = recorder.take();
      expect(published.filter(([name]) => name === 'commit')).toEqual([
        ['commit', { result: 'failed', reason: 'OOM', duration: DURATION }],
      ]);
      if (!variant.storesFirst) return;
      expect(status).toBe(503);
      expect(published.filter(([name]) => name === 'unavailable')).toEqual([['unavailable', { reason: 'OOM' }]]);
    } finally {
      await outages.harness.client.config('SET', 'maxmemory', '0');
    }
  });

  test('tell of a call of SessionManager that was answered 503', async () => {
    const app = await outages.open();
    app.sessions.settings.failures.printTo({ error: () => undefined, warn: () => undefined });
    const manager = app.app.get(SessionManager);
    app.on('/revoke', () => manager.revokeAll('ada'));
    await outages.begin(frozen!);
    const { status } = await app.browser().post('/revoke');
    expect([status, recorder.of('unavailable').length]).toEqual([503, 1]);
  });
});

describe.each(doors)('diagnostics channels, sockets by $name', (door) => {
  const open = useSocketApps(door);
  const recorder = useChannelRecorder();

  test('tell of a socket that opens, and once that it has closed, and why', async () => {
    const app = await open();
    const browser = await app.signedIn('ada');
    recorder.take();
    const client: Client = await app.connect(browser);
    await client.ask('whoami');
    expect(recorder.of('socketOpened')).toEqual([{ isSignedIn: true }]);
    await app.manager.revokeAll('ada');
    await client.ended;
    const closed: unknown[] = [];
    await until(() => Promise.resolve(closed.push(...recorder.of('socketClosed')) > 0), 'the closing is told');
    expect(closed).toEqual([{ isSignedIn: true, opened: { isSignedIn: true }, reason: 'revoked' }]);
  });

  test("tell that a visitor's is nobody's", async () => {
    @Public()
    @WebSocketGateway(door.at('open'))
    class OpenGateway {
      @SubscribeMessage('hello')
      hello() {
        return answer('hello');
      }
    }

    const app = await open({ providers: [OpenGateway] });
    const client = await app.connect(undefined, { at: 'open' });
    await client.ask('hello');
    expect(recorder.of('socketOpened')).toEqual([{ isSignedIn: false }]);
    await client.close();
    const closed: unknown[] = [];
    await until(() => Promise.resolve(closed.push(...recorder.of('socketClosed')) > 0), 'the closing is told');
    expect(closed).toEqual([{ isSignedIn: false, opened: { isSignedIn: false }, reason: undefined }]);
  });

  test('tell of a handshake that a page of another site has sent', async () => {
    const app = await open();
    await door.connect(app.origin, { headers: { origin: 'https://evil.example' } });
    expect(recorder.of('csrfRefused').map(({ reason }) => reason)).toContain('cross-origin');
    expect(recorder.of('socketOpened')).toEqual([]);
  });
});

describe.each(doors)('diagnostics channels, which nobody listens to at first, sockets by $name', (door) => {
  const open = useSocketApps(door);

  test('tell that a socket has closed only where they have told that it opened', async () => {
    const app = await open();
    const unheard = await app.connect(await app.signedIn('ada'));
    const told: object[] = [];
    const closed: object[] = [];
    const stops = [
      onDiagnostics('socketOpened', (message) => void told.push(message)),
      onDiagnostics('socketClosed', ({ opened }) => void closed.push(opened)),
    ];
    try {
      await app.connect(await app.signedIn('grace'));
      await app.manager.revokeAll('ada');
      await unheard.ended;
      await unheard.close();
      await app.manager.revokeAll('grace');
      await until(() => Promise.resolve(closed.length > 0), 'a closing is told');
      expect(told).toEqual([{ isSignedIn: true }]);
      expect(closed).toHaveLength(1);
      expect(closed[0]).toBe(told[0]);
    } finally {
      for (const stop of stops) stop();
    }
  });

  test('tell whoever listens only to what closes', async () => {
    const app = await open();
    const reasons: (string | undefined)[] = [];
    const stop = onDiagnostics('socketClosed', ({ reason }) => void reasons.push(reason));
    try {
      await app.connect(await app.signedIn('ada'));
      await app.manager.revokeAll('ada', 'password-changed');
      await until(() => Promise.resolve(reasons.length > 0), 'the closing is told');
      expect(reasons).toEqual(['password-changed']);
    } finally {
      stop();
    }
  });
});

describe('diagnostics channels', () => {
  afterEach(() => void jest.restoreAllMocks());

  test('are named after this package, and carry each event of this process', () => {
    const seen: unknown[] = [];
    const handle = 'h'.repeat(22) as Handle;
    const events = SessionEvents.of({});
    for (const name of EVENT_NAMES) {
      const listen = (message: unknown) => void seen.push([name, message]);
      subscribe(`nestjs-redis-session:${name}`, listen);
      events.emit(name as 'created', { handle });
      events.emit(name as 'created', { handle, remote: true });
      unsubscribe(`nestjs-redis-session:${name}`, listen);
    }
    expect(seen).toEqual(EVENT_NAMES.map((name) => [name, { handle }]));
    expect(CHANNEL_NAMES).toEqual(expect.arrayContaining([...EVENT_NAMES]));
  });

  test('are not published to, and no clock is read for them, while nobody listens', async () => {
    const published = CHANNEL_NAMES.map((name) => jest.spyOn(diagnostics[name] as { publish: (message: object) => void }, 'publish'));
    const quiet = await readsOfAClock();
    expect(published.filter(({ mock }) => mock.calls.length > 0)).toEqual([]);
    const listen = () => undefined;
    for (const name of CHANNEL_NAMES) subscribe(`nestjs-redis-session:${name}`, listen);
    const heard = await readsOfAClock();
    for (const name of CHANNEL_NAMES) unsubscribe(`nestjs-redis-session:${name}`, listen);
    // When a commit begins, and when it ends.
    expect(heard).toBe(quiet + 2);
  });
});

/** How often the time is asked for in a request that changes its session. */
async function readsOfAClock(): Promise<number> {
  const { commitSession } = await import('../../src/http/request/commit-session.js');
  const { RequestState, keepState } = await import('../../src/http/request/request-state.js');
  const { httpSessionIn } = await import('../../src/http/request/session-access.js');
  const { loadSession } = await import('../../src/http/request/load-session.js');
  const { StubTransport } = await import('../support/stub-transport.js');
  const request = { headers: {}, socket: {} } as never;
  const state = new RequestState(new StubTransport(new MemorySessionStore(), { request }));
  keepState(request, state);
  await new Promise<void>((resolve) => loadSession(state, resolve));
  (httpSessionIn(state) as unknown as SessionDiagnostics & Record<string, unknown>)['cart'] = [ENTRY];
  const clock = jest.spyOn(performance, 'now');
  await commitSession(state);
  const { length } = clock.mock.calls;
  clock.mockRestore();
  return length;
}
