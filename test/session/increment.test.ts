import { describe, expect, test } from '@jest/globals';
import { useOutages } from '../support/outage-harness.js';
import { UNANSWERED } from '../support/outages.js';
import { until } from '../support/until.js';
import { redisVariants, useVariant, variants } from '../support/variants.js';

describe.each(variants)('session.increment(), $name', (variant) => {
  const harness = useVariant(variant);

  test('fifty parallel requests all count', async () => {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/begin', ({ session }) => void (session['visits'] = 0));
    app.on('/visit', async ({ session }) => ({ visits: await session.increment('visits') }));
    await browser.get('/begin');
    const answers = await Promise.all(Array.from({ length: 50 }, () => browser.get('/visit')));
    expect(answers.map(({ json }) => json.visits as number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
    expect((await harness.stored(app, await browser.sid()))?.entries).toEqual({ visits: 50 });
  });

  test('on a new session it creates it, and the sum is readable and not written again', async () => {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/visit', async ({ session }) => {
      await session.increment('visits', 5);
      await session.increment('visits', -2);
      return { visits: session['visits'] as number };
    });
    expect((await browser.get('/visit')).json).toEqual({ visits: 3 });
    expect((await browser.get('/visit')).json).toEqual({ visits: 6 });
    expect((await harness.stored(app, await browser.sid()))?.entries).toEqual({ visits: 6 });
  });

  test.each([
    ['text', 'seven', 1],
    ['a fraction', 1.5, 1],
    ['a sum that JavaScript does not know exactly', Number.MAX_SAFE_INTEGER, 1],
    ['a fraction to add', 1, 0.5],
  ])('%s rejects and changes nothing', async (_, value, by) => {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/begin', ({ session }) => void (session['n'] = value));
    app.on('/add', async ({ session }) => ({ code: await session.increment('n', by).catch((error: { code: string }) => error.code) }));
    await browser.get('/begin');
    expect((await browser.get('/add')).json).toEqual({ code: 'SESSION_MISUSE' });
    expect((await harness.stored(app, await browser.sid()))?.entries).toEqual({ n: value });
  });

  test('an entry with an unsaved change, a reserved name and an ended session reject', async () => {
    const app = await harness.open();
    const browser = app.browser();
    const codeOf = (call: Promise<unknown>) => call.then(String, (error: { code: string }) => error.code);
    app.on('/begin', ({ session }) => void (session['n'] = 1));
    app.on('/add', async ({ session }) => {
      session['n'] = 2;
      const codes = [
        await codeOf(session.increment('n')),
        await codeOf(session.increment('identity')),
        await codeOf(session.increment('id')),
      ];
      await session.save();
      await harness.end(app, session.id);
      return { codes: [...codes, await codeOf(session.increment('n'))] };
    });
    await browser.get('/begin');
    expect((await browser.get('/add')).json).toEqual({ codes: ['SESSION_MISUSE', 'SESSION_MISUSE', 'SESSION_MISUSE', 'SESSION_GONE'] });
  });
});

interface Refusal {
  readonly cause?: { readonly reason?: string };
  readonly reason?: string;
}

describe.each(redisVariants)('session.increment() without an answer, $name', (variant) => {
  const outages = useOutages(variant);

  test('rejects as outcome unknown and is not tried again', async () => {
    const { harness, address } = outages;
    const patient = await harness.open();
    // Redis is to know the script, so that the addition is one command.
    patient.on('/begin', async ({ session }) => ({ n: await session.increment('n') }));
    const visitor = patient.browser();
    expect((await visitor.get('/begin')).json).toEqual({ n: 1 });

    const app = await outages.open({ redis: { ...address, commandTimeout: 30_000 } });
    const browser = visitor.at(app.origin);
    const entries = async () => (await harness.stored(app, await browser.sid()))?.entries;
    app.on('/add', async ({ session }) => {
      await outages.begin(UNANSWERED);
      const { cause = {}, reason } = await session.increment('n').then(
        (): Refusal => ({}),
        (error: Refusal) => error,
      );
      await until(async () => (await entries())?.['n'] !== 1, 'it was added');
      await outages.end();
      return { reason: reason ?? cause.reason };
    });
    expect((await browser.get('/add')).json).toEqual({ reason: 'outcome unknown' });
    await app.sessions.drain();
    expect(await entries()).toEqual({ n: 2 });
  });
});
