import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { MemorySessionStore, SessionGuard, SessionManager } from '../../src/index.js';
import { sessionMiddleware, sessionOf } from '../../src/express.js';
import { generateSid } from '../../src/session/sid.js';
import { forgetWarnings } from '../../src/session/warn-once.js';
import type { Answer } from '../support/browser.js';
import { CapturedLog } from '../support/captured-log.js';
import { TEST_SECRET } from '../support/create-app.js';
import { CROSS_SITE, sendTo } from '../support/origin-client.js';
import { plainExpress, serve, type PlainServer } from '../support/plain-app.js';
import { headerOf } from '../support/raw-client.js';
import type { ScriptedApp } from '../support/scripted-app.js';
import { signedCookie, sidOf } from '../support/signed-cookie.js';
import { storedSid } from '../support/stored-sid.js';
import { useVariant, variants, type HarnessOptions } from '../support/variants.js';

const HEADER = 'X-Session';

@Controller('guarded')
@UseGuards(SessionGuard)
class GuardedController {
  @Get() me(): string {
    return 'me';
  }
}

/** The value that a response gives the client; `null` for none. */
const told = ({ headers }: Answer) => headers.get(HEADER);

beforeEach(forgetWarnings);

// express-session carries its sessions in its own cookie only, and the option stops the start there.
describe.each(variants.filter(({ middleware }) => middleware === 'builtin'))('session.header, $name', (variant) => {
  const harness = useVariant(variant);

  const open = ({ session, ...options }: HarnessOptions = {}) =>
    harness.open({ controllers: [GuardedController], session: { header: HEADER, ...session }, ...options });

  /** A client that sends that value, and keeps no cookies. */
  const ask = (app: ScriptedApp, path: string, value?: string, headers: Record<string, string> = {}) =>
    app.browser().post(path, undefined, { ...(value === undefined ? {} : { [HEADER]: value }), ...headers });

  const look = (app: ScriptedApp, path: string, value: string) => app.browser().get(path, { [HEADER]: value });

  async function signIn(app: ScriptedApp, value = 'new'): Promise<string> {
    return told(await ask(app, '/login/ada', value)) ?? '';
  }

  const valueOf = (sid: string, secret = TEST_SECRET) => signedCookie(sid, { secret }).slice('sid='.length);

  test('a client that asks with "new" gets its new session in the header, and no cookie', async () => {
    const app = await open();
    const answer = await ask(app, '/login/ada', 'new');
    expect(told(answer)).toMatch(/^s%3A/);
    expect([answer.setCookies, answer.headers.get('cache-control')]).toEqual([[], 'no-store']);
  });

  test('its session serves the requests that bring the value, with no header while there is nothing new', async () => {
    const app = await open({ session: { rolling: true, cookie: { maxAge: 1_800_000 } } });
    const value = await signIn(app);
    for (const path of ['/whoami', '/guarded']) {
      const answer = await look(app, path, value);
      expect([answer.status, told(answer), answer.setCookies]).toEqual([200, null, []]);
    }
    expect((await look(app, '/whoami', value)).json).toEqual({ identity: { id: 'ada' } });
  });

  test('the value is what the cookie would have', async () => {
    const app = await open();
    const value = await signIn(app);
    expect((await app.browser().get('/whoami', { cookie: `sid=${value}` })).json).toEqual({ identity: { id: 'ada' } });
  });

  test('a change is stored, and tells the client nothing', async () => {
    const app = await open({ session: { cookie: { maxAge: 1_800_000 } } });
    const value = await signIn(app);
    app.on('/change', ({ session }) => void (session['n'] = 1));
    const answer = await ask(app, '/change', value);
    expect([told(answer), answer.setCookies]).toEqual([null, []]);
    expect((await look(app, '/read', value)).json).toMatchObject({ n: 1 });
  });

  test('a sign-in and a rotation give a new value, and the one before a sign-in is dead', async () => {
    const app = await open();
    app.on('/rotate', ({ session }) => session.rotate());
    const first = await signIn(app);
    const second = await signIn(app, first);
    const third = told(await ask(app, '/rotate', second));
    expect(new Set([first, second, third]).size).toBe(3);
    expect((await look(app, '/whoami', third ?? '')).json).toEqual({ identity: { id: 'ada' } });
    expect((await look(app, '/whoami', first)).json).toEqual({ identity: null });
  });

  test('a request that comes with "new" and puts nothing into its session gets none', async () => {
    const app = await open();
    const answer = await look(app, '/whoami', 'new');
    expect([answer.json, told(answer), answer.setCookies]).toEqual([{ identity: null }, null, []]);
  });

  test('"ended" says that the session has, by sign-out', async () => {
    const app = await open();
    const value = await signIn(app);
    const answer = await ask(app, '/logout', value);
    expect([told(answer), answer.setCookies]).toEqual(['ended', []]);
  });

  test('"ended" says that it has, by revocation, with the reason', async () => {
    const app = await open();
    const value = await signIn(app);
    await app.app.get(SessionManager).revokeAll('ada', 'stolen');
    const answer = await look(app, '/guarded', value);
    expect([answer.status, answer.json.reason, told(answer), answer.setCookies]).toEqual([401, 'stolen', 'ended', []]);
  });

  test('"ended" says that it has, by time', async () => {
    const app = await open();
    const value = await signIn(app);
    await harness.expire(app, sidOf(`sid=${value}`));
    const answer = await look(app, '/guarded', value);
    expect([answer.status, told(answer), answer.setCookies]).toEqual([401, 'ended', []]);
  });

  test('a client that sends "ended" back is one without a session', async () => {
    const log = new CapturedLog();
    const app = await open({ logger: log });
    expect(await signIn(app, 'ended')).toMatch(/^s%3A/);
    expect(log.matching('suspicious')).toEqual([]);
  });

  test('a sign-in with the value of a session that has ended gives a new value', async () => {
    const app = await open();
    const value = await signIn(app);
    await ask(app, '/logout', value);
    expect((await look(app, '/whoami', await signIn(app, value))).json).toEqual({ identity: { id: 'ada' } });
  });

  test.each<[string, (value: string) => string]>([
    ['of another signature', (value) => `${value.slice(0, -2)}xx`],
    ['signed with another secret', (value) => valueOf(sidOf(`sid=${value}`), 'another secret, which is long enough too')],
    ['a bare sid', (value) => sidOf(`sid=${value}`)],
    ['several', (value) => `${value}, ${value}`],
    ['too long', (value) => value + 'a'.repeat(5_000)],
    ['no value at all', () => 'nonsense'],
  ])('a value that is not ours opens nothing, and is counted as suspicious: %s', async (_what, change) => {
    const log = new CapturedLog();
    const app = await open({ logger: log });
    const answer = await look(app, '/guarded', change(await signIn(app)));
    expect([answer.status, told(answer), answer.setCookies]).toEqual([401, null, []]);
    expect(log.matching('Possibly suspicious: 1 session header(s)')).toHaveLength(1);
  });

  test('a session that begins with such a value comes back in the header', async () => {
    const app = await open();
    const answer = await ask(app, '/login/ada', 'nonsense');
    expect([told(answer)?.slice(0, 4), answer.setCookies]).toEqual(['s%3A', []]);
  });

  test('an empty value opens nothing, and begins a session in the header', async () => {
    const app = await open();
    const answer = await sendTo(app.origin, { path: '/login/ada', headers: { [HEADER]: '' } });
    expect([headerOf(answer, 'x-session'), headerOf(answer, 'set-cookie')]).toEqual([[expect.stringMatching(/^s%3A/)], []]);
  });

  test('a request without the header gets a cookie, as ever, and no header', async () => {
    const app = await open();
    const answer = await ask(app, '/login/ada');
    expect([told(answer), answer.setCookies.length]).toEqual([null, 1]);
  });

  test('of both the cookie counts, and the header is ignored, which is logged once', async () => {
    const log = new CapturedLog();
    const app = await open({ logger: log });
    const [value, sid] = [await signIn(app), await storedSid(app.store, { n: 1 })];
    for (let time = 0; time < 2; time++) {
      const answer = await app.browser().post('/login/grace', undefined, { cookie: signedCookie(sid), [HEADER]: value });
      expect([told(answer), answer.setCookies.length]).toEqual([null, 1]);
    }
    expect((await look(app, '/whoami', value)).json).toEqual({ identity: { id: 'ada' } });
    expect(log.matching('has both the session cookie and the header "X-Session"')).toHaveLength(1);
  });

  test('a cookie that opens nothing counts all the same: it may be a browser that sends it', async () => {
    const app = await open();
    const answer = await app.browser().get('/whoami', { cookie: 'sid=nonsense', [HEADER]: await signIn(app) });
    expect(answer.json).toEqual({ identity: null });
  });

  test('cookies of other names do not count', async () => {
    const app = await open();
    const answer = await app.browser().get('/whoami', { cookie: 'sidx=1; other=2', [HEADER]: await signIn(app) });
    expect(answer.json).toEqual({ identity: { id: 'ada' } });
  });

  test('Vary names it where the session was asked for, however the request came', async () => {
    const app = await open();
    for (const answer of [await look(app, '/whoami', 'new'), await app.browser().get('/whoami')])
      expect(answer.headers.get('vary')).toBe(`Cookie, ${HEADER}`);
    expect((await look(app, '/plain', 'new')).headers.get('vary')).toBeNull();
  });

  test('is any case of the name', async () => {
    const app = await open();
    const value = await signIn(app);
    expect((await app.browser().get('/whoami', { 'x-SESSION': value })).json).toEqual({ identity: { id: 'ada' } });
  });

  test('CSRF does not apply to a request that comes by it, and does to one with a cookie', async () => {
    const app = await open({ session: { csrf: true } });
    const value = await signIn(app);
    const send = async (headers: Record<string, string>) =>
      (await sendTo(app.origin, { path: '/whoami', headers: { ...CROSS_SITE, ...headers } })).status;
    expect(await send({ [HEADER]: value })).toBe(200);
    expect(await send({ [HEADER]: 'new' })).toBe(200);
    expect(await send({ [HEADER]: value, cookie: signedCookie(generateSid()) })).toBe(403);
    expect(await send({ [HEADER]: value, cookie: 'sid=' })).toBe(403);
    expect(await send({})).toBe(403);
  });

  test('with cookie.secure: true, no value is sent over http, and the log says so', async () => {
    const log = new CapturedLog();
    const app = await open({ session: { cookie: { secure: true } }, logger: log });
    expect(told(await ask(app, '/login/ada', 'new'))).toBeNull();
    expect(log.matching('"session.cookie.secure" is true, and the request came over http')).toHaveLength(1);
  });

  test('off, the header is nothing', async () => {
    const app = await open({ session: { header: undefined } });
    const answer = await ask(app, '/login/ada', 'new');
    expect([told(answer), answer.setCookies.length]).toEqual([null, 1]);
    expect((await look(app, '/whoami', 'new')).headers.get('vary')).toBe('Cookie');
  });
});

describe('session.header without Nest', () => {
  let server: PlainServer | undefined;
  afterEach(() => server?.close());

  test('carries the session, past the CSRF check', async () => {
    const session = sessionMiddleware({ secret: TEST_SECRET, store: new MemorySessionStore(), header: HEADER, csrf: true });
    const listening = await serve(
      plainExpress(session, {
        '/login': async (request, response) => {
          await sessionOf(request as never).login({ id: 'ada' });
          response.end();
        },
        '/me': (request, response) => void response.json(sessionOf(request as never).identity ?? null),
      }),
    );
    server = listening;
    const value = told(await listening.browser().post('/login', undefined, { [HEADER]: 'new' })) ?? '';
    const { status, body } = await sendTo(listening.origin, { path: '/me', headers: { ...CROSS_SITE, [HEADER]: value } });
    expect([status, body]).toEqual([200, '{"id":"ada"}']);
  });
});
