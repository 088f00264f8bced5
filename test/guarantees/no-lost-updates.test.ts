import { describe, expect, test } from '@jest/globals';
import { Barrier } from '../support/barrier.js';
import { useVariant, variants } from '../support/variants.js';

const LETTERS = Array.from('abcdefghijklmnopqrstuvwxyz');

describe.each(variants)('no lost updates (G3), $name', (variant) => {
  const harness = useVariant(variant);

  test('26 parallel requests that each write another entry all win', async () => {
    const app = await harness.open();
    const browser = app.browser();
    const barrier = new Barrier(LETTERS.length);
    app.on('/write', async ({ session, request }) => {
      const letter = request.query['letter'] as string;
      session[letter] = letter;
      await barrier.pass();
    });
    await browser.post('/login/ada');
    const writes = Promise.all(LETTERS.map((letter) => browser.get(`/write?letter=${letter}`)));
    await barrier.full;
    barrier.open();
    await writes;
    expect((await harness.stored(app, await browser.sid()))?.entries).toEqual({
      identity: { id: 'ada' },
      ...Object.fromEntries(LETTERS.map((letter) => [letter, letter])),
    });
  });

  test('of two requests that remove, change and add, each has its way; for the same entry the last one has', async () => {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/fill', ({ session }) => void Object.assign(session, { removed: 1, nested: { n: 1 }, both: 0, kept: 1 }));
    const [early, late] = [new Barrier(1), new Barrier(1)];
    app.on('/early', async ({ session }) => {
      delete session['removed'];
      session['both'] = 'early';
      await early.pass();
    });
    app.on('/late', async ({ session }) => {
      session['nested'].n = 2;
      Object.assign(session, { both: 'late', added: 1 });
      await late.pass();
    });
    await browser.get('/fill');
    const [earlyDone, lateDone] = [browser.get('/early'), browser.get('/late')];
    await Promise.all([early.full, late.full]);
    early.open();
    await earlyDone;
    late.open();
    await lateDone;
    expect((await harness.stored(app, await browser.sid()))?.entries).toEqual({ nested: { n: 2 }, both: 'late', kept: 1, added: 1 });
  });
});
