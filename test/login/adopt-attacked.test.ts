import type { IncomingMessage } from 'node:http';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import { Public, SessionGuard, SessionManager, Identity, type Adopter, type Credential } from '../../src/index.js';
import { RedisSessionStore } from '../../src/express.js';
import { generateSid } from '../../src/session/sid.js';
import { forgetWarnings } from '../../src/session/warn-once.js';
import { Barrier } from '../support/barrier.js';
import { CapturedLog } from '../support/captured-log.js';
import { TEST_SECRET } from '../support/create-app.js';
import { CROSS_SITE, sendTo } from '../support/origin-client.js';
import { signedCookie } from '../support/signed-cookie.js';
import { redisVariants, useVariant, variants, type HarnessOptions } from '../support/variants.js';

const REQUESTS = 20;
const HOUR = 3_600_000;
const OTHER_SECRET = 'another secret of the application, long enough';
const TOKEN = { 'x-token': 'ada' };
const SIGNED_OUT = { statusCode: 401, code: 'SESSION_REQUIRED' };

const signedInAt = Date.now() - HOUR;
const credential = (more: Partial<Credential> = {}): Credential => ({
  key: 'the-key',
  identity: { id: 'ada' },
  authenticatedAt: signedInAt,
  expiresAt: signedInAt + 24 * HOUR,
  ...more,
});

const byToken: Adopter = ({ headers }: IncomingMessage) =>
  headers['x-token'] === undefined && headers.cookie?.includes('token=ada') !== true ? undefined : credential();

@Controller()
@UseGuards(SessionGuard)
class PagesController {
  @Get('me') me(@Identity('id') id: string): string {
    return id;
  }

  @Post('order') order(@Identity('id') id: string): string {
    return id;
  }

  @Public() @Get('public') open(): string {
    return 'open to everybody';
  }
}

beforeEach(forgetWarnings);

describe.each(variants)('a credential and what else may come with it, $name', (variant) => {
  const harness = useVariant(variant);
  const open = (options: HarnessOptions = {}) => harness.open({ controllers: [PagesController], adopt: byToken, ...options });

  test.each([
    ['nobody has signed', () => 'sid=s%3Aforged.signature'],
    ['is signed, and of no session', () => signedCookie(generateSid(), { secret: TEST_SECRET })],
    ['is signed by another secret', () => signedCookie(generateSid(), { secret: OTHER_SECRET })],
  ])('a session cookie that %s is none, so the credential counts', async (_, cookie) => {
    const app = await open();
    const { status, text, setCookies } = await app.browser().get('/me', { ...TOKEN, cookie: cookie() });
    expect([status, text, setCookies.length]).toEqual([200, 'ada', 1]);
  });

  test('what a page of another site sends is refused by "session.csrf" with a token in a cookie too', async () => {
    const app = await open({ session: { csrf: true } });
    const send = async (headers: Record<string, string>) => (await sendTo(app.origin, { path: '/order', method: 'POST', headers })).status;
    expect(await send({ cookie: 'token=ada', ...CROSS_SITE })).toBe(403);
    expect(await send({ cookie: 'token=ada', 'sec-fetch-site': 'same-origin' })).toBe(201);
  });

  test('one that is too large for a session is a fault that is named, and public pages go on', async () => {
    const logger = new CapturedLog();
    const adopt: Adopter = () => credential({ data: { cart: 'x'.repeat(100_000) } });
    const app = await open({ adopt, logger });
    expect((await app.browser().get('/me')).status).toBe(500);
    expect((await app.browser().get('/public')).text).toContain('open to everybody');
    expect(logger.matching('cart').length).toBeGreaterThan(0);
    expect((await app.app.get(SessionManager).list('ada')).sessions).toEqual([]);
  });

  test('a key of any length names one credential', async () => {
    let key = 'k'.repeat(1_000_000);
    const app = await open({ adopt: () => credential({ key }) });
    for (let i = 0; i < 2; i++) expect((await app.browser().get('/me')).status).toBe(200);
    key += 'k';
    expect((await app.browser().get('/me')).status).toBe(200);
    expect((await app.app.get(SessionManager).list('ada')).sessions).toHaveLength(2);
  });

  test('an adopter that fails after the deadline has failed once, and nothing is left of that', async () => {
    const logger = new CapturedLog();
    let fail: (error: Error) => void = () => undefined;
    const late = new Promise<undefined>((_, reject) => (fail = reject));
    const app = await open({ adopt: () => late, logger, store: { deadline: 20 } });
    expect((await app.browser().get('/me')).status).toBe(503);
    fail(new Error('too late'));
    expect((await app.browser().get('/public')).status).toBe(200);
    expect(logger.matching('too late')).toEqual([]);
  });
});

describe.each(redisVariants)('a credential, in several processes, $name', (variant) => {
  const harness = useVariant(variant);
  const openBy = (secret: string | string[] = TEST_SECRET, adopt: Adopter = byToken) =>
    harness.open({ controllers: [PagesController], adopt, session: { secret } });

  test(`${REQUESTS} requests at once at two of them have one session`, async () => {
    const barrier = new Barrier(REQUESTS);
    const adopt: Adopter = async () => {
      await barrier.pass();
      return credential();
    };
    const apps = [await openBy(TEST_SECRET, adopt), await openBy(TEST_SECRET, adopt)];
    const requests = Promise.all(Array.from({ length: REQUESTS }, (_, i) => apps[i % 2]!.browser().get('/me', TOKEN)));
    await barrier.full;
    barrier.open();
    const answers = await requests;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.flatMap(({ setCookies }) => setCookies.map((cookie) => cookie.split(';')[0]))).size).toBe(1);
    expect((await apps[0]!.app.get(SessionManager).list('ada')).sessions).toHaveLength(1);
  });

  test('what one has ended, the others do not serve, whichever secret of both is first', async () => {
    const [one, other] = [await openBy([TEST_SECRET, OTHER_SECRET]), await openBy([OTHER_SECRET, TEST_SECRET])];
    const browser = one.browser();
    await browser.get('/me', TOKEN);
    expect((await other.browser().get('/me', TOKEN)).status).toBe(200);
    await browser.post('/logout');
    for (const app of [one, other]) expect((await app.browser().get('/me', TOKEN)).json).toMatchObject(SIGNED_OUT);
  });

  test('a process without requests that ends a session ends its credential, when it is told for how long that can come', async () => {
    const app = await openBy();
    await app.browser().get('/me', TOKEN);
    const store = new RedisSessionStore(harness.client);
    const manager = new SessionManager(store, { adopt: { until: new Date(signedInAt + 24 * HOUR) } });
    expect(await manager.revokeAll('ada', 'stolen')).toBe(1);
    const fence = (await harness.client.keys('*:user:*'))[0]!;
    expect(await harness.client.pttl(fence)).toBeGreaterThan(20 * HOUR);
    expect((await app.browser().get('/me', TOKEN)).json).toMatchObject({ ...SIGNED_OUT, reason: 'stolen' });
  });
});
