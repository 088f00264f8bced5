import { describe, expect, test } from '@jest/globals';
import cookieParser from 'cookie-parser';
import { MemorySessionStore } from '../../src/index.js';
import type { Sid } from '../../src/session/sid.js';
import { generateSid } from '../../src/session/sid.js';
import { commandsDuring } from '../support/command-recorder.js';
import { TEST_SECRET } from '../support/create-app.js';
import { Barrier } from '../support/barrier.js';
import { createScriptedApp } from '../support/scripted-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { until } from '../support/until.js';
import { redisVariants, useVariant, variants, type HarnessOptions } from '../support/variants.js';

const SIGN_IN = '/login/ada';

describe.each(variants)('secrets, $name', (variant) => {
  const harness = useVariant(variant);
  const [OLD, NEW] = ['the old secret, long enough for everybody', 'the new secret, long enough for everybody'];

  test('with several, the first signs and all verify', async () => {
    const app = await harness.open({ session: { secret: [NEW, OLD, Buffer.from(TEST_SECRET)] } });
    const browser = app.browser();
    await browser.post(SIGN_IN);
    const sid = (await browser.sid()) ?? '';
    expect((await browser.cookie('sid'))?.cookieString()).toBe(signedCookie(sid, { secret: NEW }));
    for (const secret of [NEW, OLD, TEST_SECRET])
      expect((await app.browser().get('/whoami', { cookie: signedCookie(sid, { secret }) })).json).toEqual({ identity: { id: 'ada' } });
    expect((await app.browser().get('/whoami', { cookie: signedCookie(sid, { secret: 'another' }) })).json).toEqual({ identity: null });
  });
});

describe.each(variants)('cookies that come in, $name', (variant) => {
  const harness = useVariant(variant);

  async function signedIn(options?: HarnessOptions) {
    const app = await harness.open(options);
    const browser = app.browser();
    await browser.post(SIGN_IN);
    const sid = (await browser.sid()) ?? '';
    const who = async (cookie: string, headers: Record<string, string> = {}) =>
      (await app.browser().get('/whoami', { cookie, ...headers })).json.identity;
    return { app, sid, cookie: signedCookie(sid), who };
  }

  test('are found among others, in quotes, and with or without percent-encoding', async () => {
    const { cookie, who } = await signedIn();
    const value = cookie.slice('sid='.length);
    const decoded = decodeURIComponent(value);
    for (const header of [
      `a=1; ${cookie}; b=2`,
      `asid=x;${cookie}`,
      `sid2=x; ${cookie}`,
      `sid="${value}"`,
      `sid=${decoded}`,
      `sid = ${value} `,
      `=;;${cookie}`,
      `b; ${cookie}`,
    ])
      expect([header, await who(header)]).toEqual([header, { id: 'ada' }]);
  });

  test('that are malformed, oversized, unsigned or signed by somebody else are anonymous', async () => {
    const { sid, cookie, who } = await signedIn();
    const signature = decodeURIComponent(cookie).split('.')[1] ?? '';
    const bad = [
      '',
      'sid',
      'sid=',
      'sid=;',
      `sid=${sid}`,
      `sid=s:${sid}`,
      `sid=s:${sid}.`,
      'sid=s:.',
      `sid=s:.${signature}`,
      'sid=%',
      'sid=%ff%fe',
      'sid=s%3A%',
      `sid=j:{"id":"ada"}`,
      `SID=${cookie.slice(4)}`,
      `${cookie}x`,
      cookie.replace('s%3A', 's%3a%3A'),
      `sid=s:${sid}.${signature.slice(1)}`,
      `sid=s:${sid}x.${signature}`,
      signedCookie(sid, { secret: 'another' }),
      signedCookie(`${sid}.${signature}`),
      signedCookie(sid.slice(0, 22)),
      signedCookie(generateSid()),
      signedCookie(sid.slice(0, 22) + generateSid().slice(22)),
      signedCookie('x'.repeat(5_000)),
      `sid=${'a'.repeat(8_000)}`,
      signedCookie('../../etc/passwd'),
      signedCookie('*'),
    ];
    for (const header of bad) expect([header.slice(0, 80), await who(header)]).toEqual([header.slice(0, 80), null]);
  });

  test.each([
    ['/admin', ['/admin', '/admin/', '/admin/users', '/admin?x=1'], ['/', '/administrator', '/Admin', '/x/admin']],
    ['/admin/', ['/admin/', '/admin/users'], ['/', '/administrator']],
  ])('count for requests under the path %s', async (path, inside, outside) => {
    const app = await harness.open({ session: { cookie: { path } } });
    for (const url of ['/', '/admin', '/admin/', '/admin/users', '/administrator', '/Admin', '/x/admin'])
      app.on(url, ({ request }) => ({ has: [request.session, request.sessionID, request.sessionStore].map((one) => one !== undefined) }));
    for (const url of inside) expect([url, (await app.browser().get(url)).json]).toEqual([url, { has: [true, true, true] }]);
    for (const url of outside) expect([url, (await app.browser().get(url)).json]).toEqual([url, { has: [false, false, false] }]);
  });

  // On Fastify the session is loaded before all middleware.
  if (variant.platform === 'express') {
    // What cookie-parser has verified by a secret is not told by which.
    test.each([
      ['with a secret', TEST_SECRET, null],
      ['without a secret of its own', undefined, { id: 'ada' }],
    ])('may have been parsed by cookie-parser before, %s', async (_, secret, identity) => {
      const parser = cookieParser(secret);
      const { sid, cookie, who } = await signedIn({
        prepare: (app) =>
          void app.use((request: Parameters<typeof parser>[0], response: Parameters<typeof parser>[1], next: () => void) =>
            parser(request, response, () => {
              if (request.headers['x-hide'] === 'yes') delete request.headers.cookie;
              next();
            }),
          ),
      });
      expect(await who(cookie)).toEqual({ id: 'ada' });
      expect(await who(cookie, { 'x-hide': 'yes' })).toEqual(identity);
      expect(await who(signedCookie(sid, { secret: 'another' }), { 'x-hide': 'yes' })).toBeNull();
    });
  }
});

test('several cookies of one name have one deadline for all', async () => {
  /** Answers the first question once it may, and no other. */
  class SlowStore extends MemorySessionStore {
    readonly barrier = new Barrier(1);
    finds = 0;

    override async find(): Promise<undefined> {
      if (++this.finds > 1) await new Promise(() => undefined);
      await this.barrier.pass();
    }
  }
  const store = new SlowStore({ deadline: 1_000 });
  const app = await createScriptedApp({ store });
  const givenUp: unknown[] = [];
  app.on('/who', ({ request }) => void givenUp.push(request.query['began']));
  const ask = (began: string, ...sids: Sid[]) =>
    app.browser().get(`/who?began=${began}`, { cookie: sids.map((sid) => signedCookie(sid)).join('; ') });

  const before = ask('before', generateSid(), generateSid());
  await store.barrier.full;
  const after = ask('after', generateSid());
  await until(() => store.finds === 2, 'the later request waits');
  store.barrier.open();
  await Promise.all([before, after]);

  expect(givenUp).toEqual(['before', 'after']);
  await app.close();
});

describe.each(redisVariants)('bad cookies and Redis, $name', (variant) => {
  const harness = useVariant(variant);

  test('cost no command, whatever they hold', async () => {
    const app = await harness.open();
    const commands = await commandsDuring(harness.redis, app.store, async () => {
      for (const header of [
        'sid',
        `sid=${'a'.repeat(8_000)}`,
        'sid=s:x.y',
        signedCookie(generateSid(), { secret: 'another' }),
        signedCookie('x'.repeat(5_000)),
      ])
        expect((await app.browser().get('/read', { cookie: header })).status).toBe(200);
    });
    expect(commands).toEqual([]);
  });
});
