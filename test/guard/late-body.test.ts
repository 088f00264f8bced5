import { describe, expect, test } from '@jest/globals';
import { Body, Controller, Post, UseGuards } from '@nestjs/common';
import { Identity, Session, SessionGuard, SessionManager, SessionMiddleware, type HttpSession } from '../../src/index.js';
import { SessionRuntime } from '../../src/http/request/session-runtime.js';
import { commandsDuring } from '../support/command-recorder.js';
import { Barrier } from '../support/barrier.js';
import { UNAVAILABLE, useOutages } from '../support/outage-harness.js';
import { blackouts } from '../support/outages.js';
import { RawClient } from '../support/raw-client.js';
import type { ScriptedApp } from '../support/scripted-app.js';
import { redisVariants, useVariant, variants, type Harness, type HarnessOptions } from '../support/variants.js';

@Controller('late')
@UseGuards(SessionGuard)
class LateController {
  @Post() late(@Identity() who: Identity, @Session() session: HttpSession, @Body() body: object): object {
    return { who, seen: (session as { theme?: string }).theme, body };
  }
}

const BODY = '{"text":"late"}';

/** The middleware stands before the body parsers, as the README shows for Passport. Somebody is signed in, and their body is on its way. */
async function sendHead(open: (options: HarnessOptions) => Promise<ScriptedApp>, options: HarnessOptions = {}) {
  const loaded = new Barrier(1);
  const app = await open({
    ...options,
    controllers: [LateController],
    prepare: (nest) => {
      nest.use(nest.get(SessionMiddleware).use);
      nest.use((request: { url: string }, _response: unknown, next: () => void) => {
        if (request.url === '/late') void loaded.pass();
        next();
      });
    },
  });
  app.on('/theme', ({ session, request }) => {
    session['theme'] = request.query['is'];
  });
  const browser = app.browser();
  await browser.post('/login/ada');
  await browser.get('/theme?is=dark');
  const client = await RawClient.connect(app.origin);
  client.request('POST', '/late', {
    cookie: await browser.jar.getCookieString(app.origin),
    'content-type': 'application/json',
    'content-length': String(BODY.length),
  });
  await loaded.full;
  return {
    app,
    browser,
    /** Lets the module believe that so much time has passed since. */
    pass: (ms: number) => {
      const runtime = app.app.get(SessionRuntime);
      const { clock } = runtime;
      Object.assign(runtime, { clock: { now: () => clock.now() + ms } });
    },
    /** Sends the body, and waits for the answer. */
    finish: async () => {
      client.send(BODY);
      const { status, body } = await client.answer();
      return { status, json: JSON.parse(body) as Record<string, unknown> };
    },
  };
}

describe.each(variants)('a body that comes long after the session was loaded, $name', (variant) => {
  const harness: Harness = useVariant(variant);

  test.each<[string, expected: object, (head: Awaited<ReturnType<typeof sendHead>>) => Promise<unknown>]>([
    ['signs out', { code: 'SESSION_REQUIRED' }, ({ browser }) => browser.post('/logout')],
    ['signs in as another', { code: 'SESSION_REQUIRED' }, ({ browser }) => browser.post('/login/bob')],
    ['is signed out', { code: 'SESSION_REQUIRED', reason: 'stolen' }, ({ app }) => app.app.get(SessionManager).revokeAll('ada', 'stolen')],
  ])('is answered 401 when its user meanwhile %s', async (_, expected, act) => {
    const head = await sendHead(harness.open);
    await act(head);
    head.pass(1_001);
    expect(await head.finish()).toMatchObject({ status: 401, json: expected });
  });

  test('is answered by the entries that were loaded, when its session is still there', async () => {
    const head = await sendHead(harness.open);
    await head.browser.get('/theme?is=light');
    head.pass(1_001);
    expect(await head.finish()).toEqual({ status: 201, json: { who: { id: 'ada' }, seen: 'dark', body: { text: 'late' } } });
  });

  test('is answered, when the secret of its session has long been replaced by that of another request', async () => {
    const head = await sendHead(harness.open, { store: { rotationGrace: 0 } });
    head.app.on('/rotate', ({ session }) => session.rotate());
    await head.browser.post('/rotate');
    await head.browser.get('/theme?is=light');
    head.pass(1_001);
    expect(await head.finish()).toMatchObject({ status: 201 });
  });
});

describe.each(redisVariants)('what the guard asks, $name', (variant) => {
  const harness = useVariant(variant);

  test.each<[string, ms: number, commands: string[]]>([
    // Back, so that a busy machine cannot make it more.
    ['nothing within a second', -60_000, []],
    ['one command later', 1_001, ['hmget']],
  ])('is %s', async (_, ms, expected) => {
    const head = await sendHead(harness.open);
    const commands = await commandsDuring(harness.redis, head.app.store, async () => {
      head.pass(ms);
      expect(await head.finish()).toMatchObject({ status: 201 });
    });
    expect(commands).toEqual(expected);
  });
});

describe.each(redisVariants)('an outage between the session and the body, $name', (variant) => {
  const outages = useOutages(variant);

  test.each(blackouts)('is answered 503: $name', async (outage) => {
    const head = await sendHead(outages.open);
    await outages.begin(outage);
    head.pass(1_001);
    expect(await head.finish()).toEqual({ status: 503, json: UNAVAILABLE });
  });
});
