import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { MemorySessionStore, RedisSessionStore } from '../../src/index.js';
import { ourImplementation, stockImplementation, wrappingImplementation, type Implementation } from '../support/implementations.js';
import { DIFFERENCES } from '../support/differences.js';
import { play, scenarios } from '../support/scenarios.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

/** Each in a test of its own, so that a busy machine has time enough. */
const SEEDS = Array.from({ length: 10 }, (_, index) => 20_261_123 + index);
const SCENARIOS = 10;

describe('the same scenario', () => {
  let redis: RedisServer;
  let client: Redis;
  let other: Redis;
  let stock: Implementation;
  let ours: Implementation[];
  beforeAll(async () => {
    redis = await startRedis();
    client = new Redis(redis.options);
    other = new Redis({ ...redis.options, db: 1 });
    stock = await stockImplementation();
    ours = await Promise.all([
      ourImplementation('builtin', new MemorySessionStore({ logErrors: false })),
      ourImplementation('builtin', new RedisSessionStore(client, { logErrors: false, deadline: 5_000 }), client),
      ourImplementation('express-session', new MemorySessionStore({ logErrors: false })),
      ourImplementation('express-session', new RedisSessionStore(other, { logErrors: false, deadline: 5_000 }), other),
      wrappingImplementation(),
    ]);
  });
  afterAll(async () => {
    await Promise.all([stock, ...ours].map((implementation) => implementation.close()));
    client.disconnect();
    other.disconnect();
    await redis.stop();
  });

  test.each(SEEDS)('shows the same with stock express-session and with ours, or a difference of the list (seed %d)', async (seed) => {
    const sameness = fc.asyncProperty(scenarios, async (scenario) => {
      const unexplained = (await play(scenario, stock, ours)).filter(({ difference }) => difference === undefined);
      expect(unexplained).toEqual([]);
    });
    await fc.assert(sameness, { seed, numRuns: SCENARIOS });
  });

  test.each(DIFFERENCES)('shows the difference "$name" where it is expected', async ({ name, example, shownBy }) => {
    const shown = (await play(example, stock, ours)).filter(({ difference }) => difference === name);
    expect(new Set(shown.map(({ implementation }) => implementation))).toEqual(
      new Set(ours.map((one) => one.name).filter((one) => shownBy.test(one))),
    );
  });

  test('is one that the list of differences knows by name', async () => {
    const list = await readFile('docs/coming-from-express-session.md', 'utf8');
    const headings = [...list.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(expect.arrayContaining(DIFFERENCES.map(({ name }) => name)));
    expect(isDeepStrictEqual(new Set(DIFFERENCES.map(({ name }) => name)).size, DIFFERENCES.length)).toBe(true);
  });
});
