import { describe, expect, test } from '@jest/globals';
import { KeysWithoutTtl } from '../support/keys-without-ttl.js';
import { equip, journey } from '../support/journey.js';
import { keyOf } from '../support/stored-session.js';
import { redisVariants, useVariant } from '../support/variants.js';

describe.each(redisVariants)('everything expires (G5), $name', (variant) => {
  const harness = useVariant(variant);

  test('no key is ever seen without a TTL', async () => {
    const app = await harness.open({ store: { touchAfter: 0 } });
    equip(app);
    const watch = new KeysWithoutTtl(harness.client);
    await Promise.all(Array.from({ length: 4 }, () => journey(app.browser())));
    expect(await watch.stop()).toEqual([]);
    expect(watch.looks).toBeGreaterThan(20);
  });

  test('the TTL never exceeds what is left of the absolute timeout', async () => {
    const app = await harness.open({ store: { ttl: 100, absoluteTtl: 100, touchAfter: 0 } });
    equip(app);
    const browser = app.browser();
    await browser.post('/login/ada');
    const key = keyOf(app.store, (await browser.sid()) ?? '');
    const created = Number.parseInt((await harness.client.hget(key, '@meta'))?.split('|')[1] ?? '', 36);
    for (const path of ['/write', '/read', '/save', '/rotate']) {
      await browser.post(path);
      await app.sessions.drain();
      expect(await harness.client.pexpiretime(key)).toBeLessThanOrEqual(created + 100_000);
    }
  });
});
