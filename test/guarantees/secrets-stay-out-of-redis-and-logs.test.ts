import { afterEach, describe, expect, test } from '@jest/globals';
import { Catch, type ArgumentsHost } from '@nestjs/common';
import { APP_FILTER, BaseExceptionFilter } from '@nestjs/core';
import { inspect } from 'node:util';
import { CapturedLog } from '../support/captured-log.js';
import { CapturedOutput } from '../support/captured-output.js';
import { TEST_SECRET } from '../support/create-app.js';
import { equip, journey, TEA } from '../support/journey.js';
import { keyOf } from '../support/stored-session.js';
import { until } from '../support/until.js';
import { redisVariants, useVariant } from '../support/variants.js';

const found = (secrets: readonly string[], text: string) => secrets.filter((secret) => text.includes(secret));

/** Every error that reached the filters, as the most talkative logger would print it. */
const caught: string[] = [];

@Catch()
class RecordingFilter extends BaseExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    caught.push(inspect(error, { depth: 20, showHidden: true }));
    // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback -- the method of a filter, not of a promise
    super.catch(error, host);
  }
}

describe.each(redisVariants)('secrets stay out (G6), $name', (variant) => {
  const harness = useVariant(variant);
  let output: CapturedOutput | undefined;
  afterEach(() => output?.release());

  test('neither Redis nor logs nor errors nor bodies hold a sid, a secret or a cookie', async () => {
    const logger = new CapturedLog();
    const app = await harness.open({ logger, providers: [{ provide: APP_FILTER, useClass: RecordingFilter }] });
    equip(app);
    const recorder = await harness.redis.monitor();
    output = new CapturedOutput();
    caught.length = 0;

    const { secrets, bodies } = await journey(app.browser());

    expect(secrets.length).toBeGreaterThan(20);
    expect(caught.length).toBeGreaterThan(2);
    await app.sessions.drain();
    expect(found(secrets, inspect(await recorder.stop(), { depth: 5, maxArrayLength: null, maxStringLength: null }))).toEqual([]);
    expect(found([...secrets, TEA], logger.lines.join() + output.text + caught.join())).toEqual([]);
    expect(found(secrets, bodies.join())).toEqual([]);
  });

  test('errors of an outage hold neither key nor data nor password', async () => {
    const logger = new CapturedLog();
    const app = await harness.open({ logger, providers: [{ provide: APP_FILTER, useClass: RecordingFilter }] });
    equip(app);
    const browser = app.browser();
    await browser.post('/login/ada');
    const sid = (await browser.sid()) ?? '';
    caught.length = 0;
    output = new CapturedOutput();
    await harness.client.config('SET', 'maxmemory', '1');
    try {
      for (const path of ['/write', '/save', '/rotate', '/login/grace']) await browser.post(path);
      await until(() => logger.matching('unavailable (OOM').length >= 1, 'the failures are logged');
    } finally {
      await harness.client.config('SET', 'maxmemory', '0');
    }
    expect(caught.length).toBe(3);
    const said = logger.lines.join() + output.text + caught.join();
    expect(found([sid, sid.slice(22), keyOf(app.store, sid), TEA, 'grace', TEST_SECRET], said)).toEqual([]);
  });

  test('a request that is logged with all that hangs on it does not show the signing secret', async () => {
    const app = await harness.open();
    app.on('/inspect', ({ request }) => inspect(request, { depth: 20, showHidden: true }));
    expect(found([TEST_SECRET], (await app.browser().get('/inspect')).text)).toEqual([]);
  });
});
