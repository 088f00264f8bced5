import { describe, expect, test } from '@jest/globals';
import type { Browser } from '../support/browser.js';
import { CapturedLog } from '../support/captured-log.js';
import { useOutages } from '../support/outage-harness.js';
import { blackouts, brownouts, type Outage } from '../support/outages.js';
import { until } from '../support/until.js';
import { redisVariants } from '../support/variants.js';

const STALL = blackouts[1]!;
const SHUT: Outage = {
  name: 'lets nobody read',
  reason: /NOPERM/,
  begin: async (redis) => void (await redis.client().call('ACL', 'SETUSER', 'default', '-hgetall')),
  end: async (redis) => void (await redis.client().call('ACL', 'SETUSER', 'default', '+hgetall')),
};
const HALF_SHUT: Outage = {
  name: 'lets no script write',
  reason: /NOPERM/,
  begin: async (redis) => void (await redis.client().call('ACL', 'SETUSER', 'default', '-hset')),
  end: async (redis) => void (await redis.client().call('ACL', 'SETUSER', 'default', '+hset')),
};

describe.each(redisVariants)('the log of an outage, $name', (variant) => {
  const outages = useOutages(variant);

  async function during(outage: Outage): Promise<{ logger: CapturedLog; browser: Browser }> {
    const logger = new CapturedLog();
    const app = await (outage === STALL ? outages.open({ logger }) : outages.openPatient({ logger }));
    const browser = app.browser();
    await browser.post('/login/ada');
    await outages.begin(outage);
    return { logger, browser };
  }

  /** Goes on with what succeeds now until the end of the outage is logged. */
  const ended = (logger: CapturedLog, ask: () => Promise<unknown>) =>
    until(async () => (await ask(), logger.matching('works again').length > 0), 'the end is logged');

  const begun = (logger: CapturedLog) => logger.matching('session store is unavailable');

  test.each([STALL, SHUT])('has one line when loads begin to fail and one when they end: Redis $name', async (outage) => {
    const { logger, browser } = await during(outage);
    for (let n = 0; n < 8; n++) expect((await browser.get('/read')).status).toBe(503);
    const [line, ...more] = begun(logger);
    expect(line).toMatch(outage === SHUT ? /^error .*\(NOPERM: HGETALL\)/ : /^error .*\(timeout\)/);
    expect(more).toEqual([]);

    await outages.end();
    await ended(logger, () => browser.get('/read'));
    expect(begun(logger)).toHaveLength(1);
    const [end] = logger.matching('works again');
    // Those of the first requests after the outage may have failed too.
    expect(Number(/(\d+) requests or calls have failed/.exec(end!)?.[1])).toBeGreaterThanOrEqual(8);
  });

  test.each([
    ['is out of memory', brownouts[0]!, /^error .*\(OOM: EVALSHA \w+\)/],
    ['lets no script write', HALF_SHUT, /^error .*\(NOPERM: (HSET in )?EVALSHA \w+\)/],
  ])('has one line when sign-ins begin to fail, which names what was refused, and one when they end: Redis %s', async (_, outage, said) => {
    const { logger, browser } = await during(outage);
    for (let n = 0; n < 5; n++) expect((await browser.post('/login/grace')).status).toBe(503);
    const [line, ...more] = begun(logger);
    expect(line).toMatch(said);
    expect(more).toEqual([]);

    // What can still be done is no sign of its end.
    await browser.get('/read');
    expect(logger.matching('works again')).toEqual([]);
    await outages.end();
    await ended(logger, () => browser.post('/login/grace'));
    expect(begun(logger)).toHaveLength(1);
    expect(logger.lines.join()).not.toMatch(/grace|ada|sess:/);
  });
});
