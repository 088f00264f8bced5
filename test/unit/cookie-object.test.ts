import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import expressSession from 'express-session';
import fc from 'fast-check';
import { createCookie, type Cookie } from '../../src/http/cookie/cookie.js';

/** express-session's types have the class as an interface only. */
const { Cookie: ExpressCookie } = expressSession as unknown as { Cookie: new (attributes: object) => Cookie };

type Step = [name: string, value: unknown] | [name: string];
type Outcome = { value: unknown } | { error: string };

// A clock that stands still: both work with it.
beforeEach(() => {
  jest.useFakeTimers({ now: Date.UTC(2026, 10, 30), doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'setTimeout'] });
});
afterEach(() => {
  jest.useRealTimers();
});

function outcomeOf(call: () => unknown): Outcome {
  try {
    return { value: call() };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

/** All that an application and a store can see of a cookie. */
function seen(cookie: Cookie): string {
  const all = {
    own: Object.entries(cookie),
    data: Object.entries(cookie.data),
    json: outcomeOf(() => JSON.stringify({ cookie })),
    expires: cookie.expires,
    maxAge: cookie.maxAge,
    copied: Object.entries({ ...cookie }),
    taken: outcomeOf(() => new ExpressCookie({ ...cookie }).data),
    header: outcomeOf(() => cookie.serialize('sid', 's:1/ä "x";').replace(/; Max-Age=\d+/, '')),
  };
  // As text, which is the same for two dates that are none.
  return inspect(all, { depth: null });
}

/** Whether it throws is the same; ours says in the words of this package what is wrong with `maxAge`. */
function change(cookie: Cookie, [name, ...value]: Step): 'done' | 'refused' {
  try {
    if (value.length === 0) Reflect.deleteProperty(cookie, name);
    else Object.assign(cookie, { [name]: value[0] });
    return 'done';
  } catch {
    return 'refused';
  }
}

const date = fc.constantFrom(0, 1, 1_800_000_000_000, 8.64e15, Number.NaN).map((ms) => new Date(ms));
const nothing = fc.constantFrom<unknown>(undefined, null, false, '');
const domain = fc.constantFrom('example.org', '.example.org', 'a;b', 'a b', 'x'.repeat(64), 'münchen.example');
const path = fc.constantFrom('/', '/admin', '/a;b', '/a\nb', '/ä');
const flag = fc.constantFrom<unknown>(true, false, 1, 0, 'yes', undefined, null);
const values: Record<string, fc.Arbitrary<unknown>> = {
  maxAge: fc.oneof(fc.integer(), fc.constantFrom<unknown>(0, -1, 1e14, Number.NaN, '60000', {}, true), nothing),
  originalMaxAge: fc.oneof(fc.integer(), nothing),
  expires: fc.oneof(date, fc.constantFrom<unknown>('2030-01-01', 5, {}, true), nothing),
  domain: fc.oneof(domain, nothing),
  path: fc.oneof(path, nothing),
  httpOnly: flag,
  secure: flag,
  partitioned: flag,
  priority: fc.oneof(fc.constantFrom<unknown>('low', 'Medium', 'HIGH', 'urgent', 1, true), nothing),
  sameSite: fc.oneof(fc.constantFrom<unknown>('lax', 'Strict', 'NONE', 'sometimes', true, 1, {}), nothing),
  mine: fc.string(),
};
const names = Object.keys(values);
const attributes = fc.record(values, { requiredKeys: [] });
const step: fc.Arbitrary<Step> = fc
  .constantFrom(...names)
  .chain((name) => fc.oneof({ weight: 5, arbitrary: values[name]!.map((value): Step => [name, value]) }, fc.constant<Step>([name])));

describe('a cookie', () => {
  test('is what express-session makes of the same attributes and changes', () => {
    fc.assert(
      fc.property(attributes, fc.array(step, { maxLength: 6 }), (given, steps) => {
        // The age is set afterwards: of two that are given, the last counts in express-session, and `originalMaxAge` here.
        const { maxAge, originalMaxAge: _, ...others } = given;
        const [ours, theirs] = [createCookie(others), new ExpressCookie(others)];
        expect(seen(ours)).toBe(seen(theirs));
        for (const one of [['maxAge', maxAge] as Step, ...steps]) {
          expect(change(ours, one)).toBe(change(theirs, one));
          expect(seen(ours)).toBe(seen(theirs));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('is copied by express-session as it is', () => {
    const cookie = createCookie({ maxAge: 60_000, domain: 'example.org', sameSite: 'lax' });
    expect({ ...new ExpressCookie(cookie).data }).toEqual({ ...cookie.data });
  });

  test('names and values are serialized as express-session does', () => {
    const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}$/);
    fc.assert(
      fc.property(token, fc.string({ unit: 'binary' }), (name, value) => {
        const [ours, theirs] = [createCookie({}), new ExpressCookie({})];
        expect(outcomeOf(() => ours.serialize(name, value))).toEqual(outcomeOf(() => theirs.serialize(name, value)));
      }),
    );
  });

  test.each<[attribute: string, value: unknown]>([
    ['domain', 'from-a-request;'],
    ['path', '/from-a-request;'],
    ['priority', 'from-a-request'],
    ['sameSite', 'from-a-request'],
    ['expires', 'from-a-request'],
  ])('with a bad %s throws TypeError, which does not repeat the value', (attribute, value) => {
    const cookie = Object.assign(createCookie({}), { [attribute]: value });
    expect(() => cookie.serialize('sid', 'x')).toThrow(new TypeError(`option ${attribute} is invalid`));
  });

  test('says Max-Age beside Expires, rounded up, and keeps it out of copies and JSON', () => {
    const cookie = createCookie({ maxAge: 59_001 });
    expect(cookie.serialize('sid', 'x')).toBe('sid=x; Max-Age=60; Path=/; Expires=Mon, 30 Nov 2026 00:00:59 GMT; HttpOnly');
    expect({ ...cookie.data }).not.toHaveProperty('maxAge');
    expect(JSON.parse(JSON.stringify(cookie))).not.toHaveProperty('maxAge');
  });

  test('has as originalMaxAge the very maxAge that it was given, not what the clock makes of it', () => {
    const cookie = createCookie({});
    cookie.maxAge = 60_000.5;
    jest.advanceTimersByTime(30_000);
    expect([cookie.maxAge, cookie.originalMaxAge]).toEqual([30_000, 60_000.5]);
  });
});
