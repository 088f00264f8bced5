import { describe, expect, test } from '@jest/globals';
import { age, keyOf } from '../support/stored-session.js';
import { redisVariants, useVariant } from '../support/variants.js';

describe.each(redisVariants)('a cookie that is half through its time, $name', (variant) => {
  const harness = useVariant(variant);
  const HOUR = 3_600_000;

  test('tells that to the handler, until the session is seen again', async () => {
    const app = await harness.open({ session: { cookie: { maxAge: HOUR } } });
    const browser = app.browser();
    const left = async (path: string) => Number((await browser.get(path)).text);
    app.on('/begin', ({ session }) => void (session['note'] = 1));
    app.on('/left', ({ session }) => String(session.cookie.maxAge));
    app.on('/touch', ({ session }) => String(session.touch().cookie.maxAge));
    app.on('/login', async ({ session }) => {
      const { cookie } = session;
      await session.login({ id: 'ada' });
      return String(cookie === session.cookie ? cookie.maxAge : Number.NaN);
    });
    await browser.get('/begin');
    for (const [path, before] of [
      ['/left', HOUR / 2],
      ['/touch', HOUR],
      ['/login', HOUR],
    ] as const) {
      await age(harness.client, keyOf(app.store, (await browser.sid()) ?? ''), HOUR / 2);
      const seen = await left(path);
      expect([path, seen <= before, seen > before - 600_000]).toEqual([path, true, true]);
      await app.sessions.drain();
      expect(await left('/left')).toBeGreaterThan(HOUR - 600_000);
    }
  });
});
