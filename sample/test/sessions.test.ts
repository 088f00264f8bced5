import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Browser } from '../../test/support/browser.js';
import { startRedis, type RedisServer } from '../../test/support/start-redis.js';
import { signedInLongAgo } from './signed-in-long-ago.js';
import { inRedis, MEMORY, startSample, type RunningSample } from './start-sample.js';

const FIREFOX = { 'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0' };
const NOBODYS = 'A'.repeat(22);
/** What the sample allows each user. */
const MOST_SESSIONS = 10;

describe('the sessions of users', () => {
  let redis: RedisServer;
  let sample: RunningSample;

  beforeAll(async () => {
    redis = await startRedis();
    sample = await startSample(inRedis(redis));
  });

  // So that no test counts the sessions of another.
  beforeEach(() => redis.client().flushall());

  afterAll(() => redis?.stop());

  test('a user sees where they are signed in, in words, the own session marked', async () => {
    const [there, here] = await Promise.all([grace(FIREFOX), grace()]);
    const { sessions, cursor } = (await here.get('/sessions')).json;
    expect(cursor).toBeUndefined();
    const [own, other] = [sessions.find(isCurrent), sessions.find((session: Listed) => session.device === 'Firefox on Windows')];
    expect(own).toEqual({
      handle: await handleOf(here),
      device: 'Unknown browser',
      ip: '127.0.0.1',
      signedInAt: expect.stringMatching(/Z$/),
      lastSeenAt: expect.stringMatching(/Z$/),
      current: true,
    });
    expect(other).toMatchObject({ handle: await handleOf(there), current: false });
  });

  test('a user ends one of their sessions, which is told why, once', async () => {
    const [there, here] = await Promise.all([grace(), grace()]);
    expect(await here.send('DELETE', `/sessions/${await handleOf(there)}`)).toMatchObject({ status: 204, text: '' });
    expect(await there.get('/account/me')).toMatchObject({ status: 401, json: { reason: 'revoked' } });
    expect(await there.cookie('sid')).toBeUndefined();
    expect((await there.get('/account/me')).json).not.toHaveProperty('reason');
    expect(await here.get('/account/me')).toMatchObject({ status: 200 });
  });

  test('ending the own session is a sign-out', async () => {
    const here = await grace();
    expect(await here.send('DELETE', `/sessions/${await handleOf(here)}`)).toMatchObject({ status: 204 });
    expect(await here.cookie('sid')).toBeUndefined();
    expect(await here.get('/sessions')).toMatchObject({ status: 401 });
  });

  test("another user's session is as unknown as one that does not exist, and lives on", async () => {
    const [here, other] = await Promise.all([grace(), ada()]);
    const answers = [await handleOf(other), NOBODYS, 'x', 'user:u1', '%00'].map((handle) => here.send('DELETE', `/sessions/${handle}`));
    const [first, ...rest] = await Promise.all(answers);
    expect(first).toMatchObject({ status: 404 });
    for (const { status, json } of rest) expect({ status, json }).toEqual({ status: 404, json: first!.json });
    expect(await other.get('/account/me')).toMatchObject({ status: 200 });
  });

  test('all other sessions of a user end at once, and nobody else notices', async () => {
    const [here, somebody, ...others] = await Promise.all([grace(), ada(), grace(), grace()]);
    const { status, json } = await here.post('/sessions/revoke-others');
    expect({ status, json }).toEqual({ status: 200, json: { ended: 2 } });
    for (const other of others) expect(await other.get('/account/me')).toMatchObject({ status: 401, json: { reason: 'revoked' } });
    expect((await here.get('/sessions')).json.sessions).toHaveLength(1);
    expect(await somebody.get('/account/me')).toMatchObject({ status: 200 });
  });

  test.each([
    ['one of them', (browser: Browser, handle: string) => browser.send('DELETE', `/sessions/${handle}`)],
    ['all others', (browser: Browser) => browser.post('/sessions/revoke-others')],
  ])('a user ends %s only soon after they have proved who they are: a stolen cookie is not enough', async (_, end) => {
    const [there, here] = [await grace(), await grace()];
    const handle = await handleOf(there);
    await signedInLongAgo(redis.client(), await handleOf(here));
    expect(await end(here, handle)).toMatchObject({ status: 401, json: { reason: 'login-not-fresh' } });
    expect(await there.get('/account/me')).toMatchObject({ status: 200 });
    await here.post('/account/reauthenticate', { password: 'hopper' });
    expect((await end(here, handle)).status).toBeLessThan(300);
    expect(await there.get('/account/me')).toMatchObject({ status: 401, json: { reason: 'revoked' } });
  });

  test('a list comes in pages that together name each session once', async () => {
    const [here] = await Promise.all([grace(), grace(), grace(), grace(), grace()]);
    const handles: string[] = [];
    let cursor: string | undefined;
    do {
      const page = (await here.get(`/sessions?limit=2${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`)).json;
      expect(page.sessions.length).toBeLessThanOrEqual(2);
      handles.push(...page.sessions.map(({ handle }: Listed) => handle));
      ({ cursor } = page);
    } while (cursor !== undefined);
    expect(handles).toHaveLength(5);
    expect(new Set(handles).size).toBe(5);
  });

  test('a list with a cursor that was never given out, or an odd limit, is 400', async () => {
    const here = await ada();
    for (const query of [
      'cursor=',
      'cursor=x',
      `cursor=-1.${NOBODYS}`,
      'cursor=a&cursor=b',
      'limit=0',
      'limit=101',
      'limit=1.5',
      'limit=1&limit=2',
    ])
      for (const path of ['/sessions', '/admin/users/u2/sessions'])
        expect({ query, ...(await here.get(`${path}?${query}`)) }).toMatchObject({ query, status: 400 });
  });

  test('a further sign-in than allowed ends the session that was away for longest, which is told why', async () => {
    const first = await grace();
    const others = await Promise.all(Array.from({ length: MOST_SESSIONS - 1 }, () => grace()));
    expect((await first.get('/sessions')).json.sessions).toHaveLength(MOST_SESSIONS);
    await grace();
    expect(await first.get('/account/me')).toMatchObject({ status: 401, json: { reason: 'evicted' } });
    expect((await others[0]!.get('/sessions')).json.sessions).toHaveLength(MOST_SESSIONS);
  });

  test('a changed password ends the other sessions, gives this one a new cookie, and is the one that counts', async () => {
    const [there, here] = await Promise.all([grace(), grace()]);
    const copy = await here.clone();
    const before = await handleOf(here);
    const { status, json } = await here.post('/account/password', { currentPassword: 'hopper', newPassword: 'nanoseconds' });
    expect({ status, json }).toEqual({ status: 200, json: { ended: 1 } });
    try {
      expect(await there.get('/account/me')).toMatchObject({ status: 401, json: { reason: 'password-changed' } });
      expect(await copy.get('/account/me')).toMatchObject({ status: 401 });
      expect(await here.get('/account/me')).toMatchObject({ status: 200 });
      expect(await handleOf(here)).toBe(before);
      expect(await here.sid()).not.toBe(await copy.sid());
      expect(await sample.browser().post('/auth/login', { username: 'grace', password: 'hopper' })).toMatchObject({ status: 401 });
      expect(await sample.browser().post('/auth/login', { username: 'grace', password: 'nanoseconds' })).toMatchObject({ status: 200 });
    } finally {
      // "hopper" is shorter than a new password may be: only a new start brings it back.
      sample = await startSample(inRedis(redis));
    }
  });

  test('a wrong current password is 403, and changes nothing', async () => {
    const [there, here] = await Promise.all([grace(), grace()]);
    const before = await here.sid();
    for (const currentPassword of ['wrong', '', 'lovelace'])
      expect(await here.post('/account/password', { currentPassword, newPassword: 'nanoseconds' })).toMatchObject({ status: 403 });
    expect(await here.sid()).toBe(before);
    expect(await there.get('/account/me')).toMatchObject({ status: 200 });
    await grace();
  });

  test('changing the password to what is none is 400', async () => {
    const here = await grace();
    const bodies = [
      undefined,
      [],
      {},
      { currentPassword: 'hopper' },
      { newPassword: 'nanoseconds' },
      { currentPassword: ['hopper'], newPassword: 'nanoseconds' },
      { currentPassword: 'hopper', newPassword: 12_345_678 },
      { currentPassword: 'hopper', newPassword: '1234567' },
      { currentPassword: 'hopper', newPassword: '👩'.repeat(7) },
      { currentPassword: 'hopper', newPassword: 'x'.repeat(129) },
      { currentPassword: 'hopper', newPassword: '\ud800'.repeat(8) },
      { currentPassword: 'nanoseconds', newPassword: 'nanoseconds' },
    ];
    for (const body of bodies)
      expect({ body, ...(await here.post('/account/password', body)) }).toMatchObject({ body, status: 400, setCookies: [] });
  });

  test('proving again who one is gives a new cookie, and the old one is dead', async () => {
    const here = await grace();
    const copy = await here.clone();
    expect(await here.post('/account/reauthenticate', { password: 'wrong' })).toMatchObject({ status: 403, setCookies: [] });
    expect(await here.post('/account/reauthenticate', { password: 1 })).toMatchObject({ status: 400, setCookies: [] });
    expect(await copy.get('/account/me')).toMatchObject({ status: 200 });
    expect(await here.post('/account/reauthenticate', { password: 'hopper' })).toMatchObject({ status: 204 });
    expect(await here.get('/account/me')).toMatchObject({ status: 200 });
    expect(await copy.get('/account/me')).toMatchObject({ status: 401 });
  });

  test('a password is changed only soon after its user has proved who they are', async () => {
    const here = await grace();
    await signedInLongAgo(redis.client(), await handleOf(here));
    const change = { currentPassword: 'wrong', newPassword: 'nanoseconds' };
    expect(await here.post('/account/password', change)).toMatchObject({ status: 401, json: { reason: 'login-not-fresh' } });
    expect(await here.get('/account/me')).toMatchObject({ status: 200 });
    await here.post('/account/reauthenticate', { password: 'hopper' });
    expect(await here.post('/account/password', change)).toMatchObject({ status: 403 });
  });

  test('an admin sees and ends the sessions of others, who are told that it was an admin', async () => {
    const [one, two, admin] = await Promise.all([grace(FIREFOX), grace(), ada()]);
    expect((await admin.get('/admin/users')).json).toEqual([expect.objectContaining({ id: 'u1' }), expect.objectContaining({ id: 'u2' })]);
    const { sessions } = (await admin.get('/admin/users/u2/sessions')).json;
    expect(sessions).toHaveLength(2);
    expect(sessions.some(isCurrent)).toBe(false);

    expect(await admin.send('DELETE', `/admin/users/u2/sessions/${await handleOf(one)}`)).toMatchObject({ status: 204 });
    expect(await admin.send('DELETE', `/admin/users/u1/sessions/${await handleOf(two)}`)).toMatchObject({ status: 404 });
    expect(await one.get('/sessions')).toMatchObject({ status: 401, json: { reason: 'ended-by-admin' } });
    expect(await admin.send('DELETE', '/admin/users/u2/sessions')).toMatchObject({ status: 200, json: { ended: 1 } });
    expect(await two.get('/sessions')).toMatchObject({ status: 401, json: { reason: 'ended-by-admin' } });
    expect((await admin.get('/admin/users/u2/sessions')).json).toEqual({ sessions: [] });
    expect((await admin.get('/admin/users/nobody/sessions')).json).toEqual({ sessions: [] });
  });

  test('an admin finds the own session marked, and may end it too', async () => {
    const admin = await ada();
    expect((await admin.get('/admin/users/u1/sessions')).json.sessions.filter(isCurrent)).toHaveLength(1);
    expect(await admin.send('DELETE', '/admin/users/u1/sessions')).toMatchObject({ status: 200 });
    expect(await admin.get('/account/me')).toMatchObject({ status: 401, json: { reason: 'ended-by-admin' } });
  });

  const ADMINS = [
    ['GET', '/admin/users'],
    ['GET', '/admin/users/u2/sessions'],
    ['DELETE', '/admin/users/u2/sessions'],
    ['DELETE', `/admin/users/u2/sessions/${NOBODYS}`],
  ] as const;

  test('what is for admins is for nobody else', async () => {
    const user = await grace();
    for (const [method, path] of ADMINS)
      expect(await user.send(method, path)).toMatchObject({ status: 403, json: { code: 'SESSION_ROLE_MISSING' } });
    expect(await user.get('/account/me')).toMatchObject({ status: 200 });
  });

  test.each([
    ['GET', '/sessions'],
    ['DELETE', `/sessions/${NOBODYS}`],
    ['POST', '/sessions/revoke-others'],
    ['POST', '/account/password'],
    ['POST', '/account/reauthenticate'],
    ...ADMINS,
  ])('%s %s is for those who are signed in', async (method, path) => {
    expect(await sample.browser().send(method, path)).toMatchObject({ status: 401, setCookies: [], json: { code: 'SESSION_REQUIRED' } });
  });

  test('a page of another site can neither sign anybody in nor end their sessions', async () => {
    const here = await grace();
    const crossSite = { 'sec-fetch-site': 'cross-site' };
    for (const path of ['/sessions/revoke-others', '/auth/logout', '/auth/login'])
      expect(await here.post(path, { username: 'ada', password: 'lovelace' }, crossSite)).toMatchObject({
        status: 403,
        json: { reason: 'cross-site' },
      });
    expect((await here.get('/account/me')).json).toMatchObject({ name: 'grace' });
  });

  const ada = (headers?: Record<string, string>): Promise<Browser> => signedIn('ada', 'lovelace', headers);
  const grace = (headers?: Record<string, string>): Promise<Browser> => signedIn('grace', 'hopper', headers);

  async function signedIn(
    username: string,
    password: string,
    headers = { 'user-agent': 'test' } as Record<string, string>,
  ): Promise<Browser> {
    const browser = sample.browser();
    expect(await browser.post('/auth/login', { username, password }, headers)).toMatchObject({ status: 200 });
    return browser;
  }
});

test('sessions in memory can be listed and ended as well', async () => {
  const sample = await startSample(MEMORY);
  const [there, here] = [sample.browser(), sample.browser()];
  for (const browser of [there, here]) await browser.post('/auth/login', { username: 'ada', password: 'lovelace' });
  expect((await here.get('/sessions?limit=1')).json).toEqual({ sessions: [expect.anything()], cursor: expect.any(String) });
  expect(await here.send('DELETE', `/sessions/${await handleOf(there)}`)).toMatchObject({ status: 204 });
  expect(await there.get('/account/me')).toMatchObject({ status: 401, json: { reason: 'revoked' } });
  expect((await here.post('/sessions/revoke-others')).json).toEqual({ ended: 0 });
});

interface Listed {
  readonly handle: string;
  readonly device: string;
  readonly current: boolean;
}

const isCurrent = ({ current }: Listed): boolean => current;

async function handleOf(browser: Browser): Promise<string> {
  return (await browser.get('/sessions')).json.sessions.find(isCurrent).handle;
}
