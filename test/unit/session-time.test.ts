import { describe, expect, it, jest } from '@jest/globals';
import { RedisClock } from '../../src/redis/store/redis-clock.js';
import { Deadline, within } from '../../src/session/deadline.js';
import { absoluteOf, idleOf, LONGEST_TIME } from '../../src/session/lifetime.js';
import { resolveStoreOptions } from '../../src/session/store/store-settings.js';

const never = new Promise<never>(() => undefined);

describe('idleOf', () => {
  const settings = resolveStoreOptions({ ttl: 60 });
  it.each([
    [undefined, 60_000],
    [Number.NaN, 60_000],
    [90_000, 90_000],
    [0.2, 1],
    [1_000.2, 1_001],
    [0, 1],
    [-5, 1],
    [Number.POSITIVE_INFINITY, LONGEST_TIME],
    [1e300, LONGEST_TIME],
  ])('a terms of %p ms is one of %p', (idle, expected) => {
    expect(idleOf({ idle, cookie: undefined, wholeCookie: {} }, settings)).toBe(expected);
  });
});

describe('absoluteOf', () => {
  const terms = (idle: number | undefined, stretch?: number) => ({ idle, stretch, cookie: undefined, wholeCookie: {} });

  it('is at least the idle timeout by default, what was set otherwise, and none when switched off', () => {
    expect(absoluteOf(terms(1_000), resolveStoreOptions({}))).toBe(28_800_000);
    expect(absoluteOf(terms(90_000_000), resolveStoreOptions({}))).toBe(90_000_000);
    expect(absoluteOf(terms(undefined), resolveStoreOptions({ ttl: 90_000 }))).toBe(90_000_000);
    expect(absoluteOf(terms(90_000_000), resolveStoreOptions({ absoluteTtl: 3_600 }))).toBe(3_600_000);
    expect(absoluteOf(terms(1_000), resolveStoreOptions({ absoluteTtl: false }))).toBeUndefined();
  });

  it('is at least as much of the idle timeout as may stretch it', () => {
    expect(absoluteOf(terms(90_000_000, 30_000_000), resolveStoreOptions({}))).toBe(30_000_000);
    expect(absoluteOf(terms(90_000_000, 1_000), resolveStoreOptions({}))).toBe(28_800_000);
    expect(absoluteOf(terms(29_000_000, 90_000_000), resolveStoreOptions({}))).toBe(29_000_000);
    expect(absoluteOf(terms(90_000_000, 1_000), resolveStoreOptions({}), 95_000_000)).toBe(95_000_000);
  });
});

it('times of the options are whole ms that Redis can count', () => {
  const settings = resolveStoreOptions({ ttl: 0.0301, absoluteTtl: 1e300, touchAfter: 1e300, rotationGrace: 0.00001 });
  expect(settings).toMatchObject({ idle: 31, absolute: LONGEST_TIME, touchAfter: LONGEST_TIME, rotationGrace: 1 });
});

describe('within', () => {
  it('answers as the call does', async () => {
    expect(await within(1_000, async (deadline) => deadline.wait(Promise.resolve(1)))).toBe(1);
    await expect(within(1_000, async (deadline) => deadline.wait(Promise.reject(new Error('its own'))))).rejects.toThrow('its own');
  });

  it('rejects when the waits of a call take too long in all', async () => {
    await expect(within(10, (deadline) => deadline.wait(never))).rejects.toMatchObject({
      code: 'SESSION_STORE_UNAVAILABLE',
      reason: 'timeout',
    });
  });

  it('rejects every wait after that, so that nothing is built on it', async () => {
    const reached: string[] = [];
    await within(10, async (deadline) => {
      await deadline.wait(never).catch(() => reached.push('first'));
      await deadline.wait(Promise.resolve());
      reached.push('second');
    }).catch(() => reached.push('rejected'));
    expect(reached).toEqual(['first', 'rejected']);
  });

  it('keeps no process alive once it has ended', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    let meanwhile = 0;
    await within(1_000_000, async () => {
      meanwhile = timers();
    });
    await within(1_000_000, () => Promise.reject(new Error('x'))).catch(() => undefined);
    expect([meanwhile, timers()]).toEqual([before + 1, before]);
  });

  it('ends each of several waits in its own time', async () => {
    const late = new Promise(() => undefined);
    const ended: string[] = [];
    const first = new Deadline(20);
    const second = new Deadline(20);
    const answered = new Deadline(20);
    const rejected = (deadline: Deadline, name: string) => deadline.wait(late).catch(() => ended.push(name));
    await answered.wait(Promise.resolve());
    answered.done();
    await Promise.all([rejected(first, 'first'), rejected(second, 'second')]);
    await expect(first.wait(Promise.resolve())).rejects.toMatchObject({ reason: 'timeout' });
    expect(ended).toEqual(['first', 'second']);
  });

  it('takes a deadline that no timer can hold for a long one', async () => {
    const deadline = new Deadline(1e12);
    const answer = new Promise((resolve) => setTimeout(resolve, 5, 'answered'));
    expect(await deadline.wait(answer)).toBe('answered');
    deadline.done();
  });
});

describe('RedisClock', () => {
  it('knows nothing before it has learnt', () => {
    expect(new RedisClock().now()).toBeUndefined();
  });

  it('goes on from what it learnt last by the monotonic clock, until Date has gone elsewhere by more than a second', () => {
    const monotonic = jest.spyOn(performance, 'now').mockReturnValue(5_000);
    const date = jest.spyOn(Date, 'now').mockReturnValue(0);
    const clock = new RedisClock();
    clock.learn(1_000_000);
    monotonic.mockReturnValue(5_250);
    date.mockReturnValue(1_000);
    expect(clock.now()).toBe(1_000_250);
    date.mockReturnValue(1e12);
    expect(clock.now()).toBeUndefined();
    clock.learn(900_000);
    expect(clock.now()).toBe(900_000);
    monotonic.mockRestore();
    date.mockRestore();
  });
});
