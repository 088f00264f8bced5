import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { keepState, RequestState, type LoadedSession } from '../../src/http/request/request-state.js';
import { CsrfExempt, CsrfGuard, FreshLogin, Public, Roles, SessionGuard, SessionHttpException } from '../../src/index.js';
import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import { generateSid } from '../../src/session/sid.js';
import { csrfGuard } from '../support/csrf-guard.js';
import { StubTransport } from '../support/stub-transport.js';
import { Sessions } from '../../src/session/sessions.js';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 0, 1);

/** Who asks: nobody, a user, an administrator, and one who signed in an hour ago. */
const VISITORS = [
  undefined,
  { roles: [], age: 0 },
  { roles: ['admin'], age: 0 },
  { roles: ['admin'], age: HOUR },
  { roles: ['editor'], age: HOUR },
] as const;

/** What they get, in that order. */
const OPEN = '200 200 200 200 200';
const SIGNED_IN = '401 200 200 200 200';
const ADMIN = '401 403 200 200 403';
const EDITOR = '401 403 403 403 200';
const FRESH = '401 200 200 401 401';
const FRESH_ADMIN = '401 403 200 401 403';

type Decorator = ClassDecorator & MethodDecorator;
type Decorators = readonly Decorator[];

const open = Public() as Decorator;
const admin = Roles('admin') as Decorator;
const editor = Roles('editor') as Decorator;
const fresh = FreshLogin(60) as Decorator;
const long = FreshLogin(86_400) as Decorator;

/** A class that extends another, and what stands on each. `inherited`: the handler is the base class's. */
interface Places {
  readonly handler?: Decorators;
  readonly controller?: Decorators;
  readonly base?: Decorators;
  readonly root?: Decorators;
  readonly inherited?: boolean;
  /** On the handler of the base class that this one overrides. */
  readonly overridden?: Decorators;
}

let rows = 0;

/** Gives the context of a request. Class names are other each time, since each warning is given once. */
function declare({ handler = [], controller = [], base = [], root = [], inherited = false, overridden = [] }: Places) {
  class Root {}
  class Base extends Root {
    inherited(): void {}
    own(): void {}
  }
  class Controller extends Base {
    override own(): void {}
  }
  rows++;
  for (const one of [Root, Base, Controller]) Object.defineProperty(one, 'name', { value: `${one.name}${rows}` });
  const [prototype, name] = inherited ? [Base.prototype, 'inherited'] : [Controller.prototype, 'own'];
  Reflect.decorate([...handler], prototype, name, Object.getOwnPropertyDescriptor(prototype, name));
  if (overridden.length > 0)
    Reflect.decorate([...overridden], Base.prototype, 'own', Object.getOwnPropertyDescriptor(Base.prototype, 'own'));
  Reflect.decorate([...controller], Controller);
  Reflect.decorate([...base], Base);
  Reflect.decorate([...root], Root);
  const method = (prototype as unknown as Record<string, () => void>)[name];
  return (request: object) => new ExecutionContextHost([request], Controller, method);
}

async function statusFor(context: ExecutionContextHost): Promise<number> {
  try {
    return (await new SessionGuard(new Reflector()).canActivate(context)) ? 200 : 403;
  } catch (error) {
    if (!(error instanceof SessionHttpException)) throw error;
    return error.getStatus();
  }
}

const store = new MemorySessionStore({}, { now: () => NOW });

async function signedIn({ roles, age }: { readonly roles: readonly string[]; readonly age: number }): Promise<LoadedSession> {
  const sid = generateSid();
  const entries = new Map([['identity', JSON.stringify({ id: 'ada', roles })]]);
  const terms = { idle: undefined, cookie: undefined, wholeCookie: {} };
  return { sid, record: await Sessions.of(store).create(sid, { entries, terms, userId: 'ada', authenticatedAt: NOW - age }), at: 0 };
}

async function outcomeOf(places: Places): Promise<string> {
  const contextOf = declare(places);
  const statuses = [];
  for (const visitor of VISITORS) {
    const request = {} as IncomingMessage;
    const state = new RequestState(new StubTransport(store, { request }));
    state.status = 'open';
    state.askedAt = performance.now();
    if (visitor !== undefined) state.loaded = await signedIn(visitor);
    keepState(request, state);
    statuses.push(await statusFor(contextOf(request)));
  }
  return statuses.join(' ');
}

const ROWS: [string, outcome: string, warnings: number, Places][] = [
  ['nothing', SIGNED_IN, 0, {}],

  // one declaration
  ['@Public() on the handler', OPEN, 0, { handler: [open] }],
  ['@Public() on the class', OPEN, 0, { controller: [open] }],
  ['@Public() on the base class', OPEN, 0, { base: [open] }],
  ['@Public() on a handler of the base class', OPEN, 0, { handler: [open], inherited: true }],
  ['@Roles() on the handler', ADMIN, 0, { handler: [admin] }],
  ['@Roles() on the class', ADMIN, 0, { controller: [admin] }],
  ['@Roles() on the base class', ADMIN, 0, { base: [admin] }],
  ['@Roles() on the class of the base class', ADMIN, 0, { root: [admin] }],
  ['@Roles() on a handler of the base class', ADMIN, 0, { handler: [admin], inherited: true }],
  // As in Nest, where such a handler has no route either until it says so itself.
  ['@Roles() on a handler that this one overrides', SIGNED_IN, 0, { overridden: [admin] }],
  ['@Public() on a handler that this one overrides', SIGNED_IN, 0, { overridden: [open] }],
  ['@FreshLogin() on the base class', FRESH, 0, { base: [fresh] }],

  // the nearest counts, each by itself
  ['@Roles() on handler and class', EDITOR, 0, { handler: [editor], controller: [admin] }],
  ['@Roles() on class and base class', EDITOR, 0, { controller: [editor], base: [admin] }],
  ['@Roles() on a handler of the base class, and on the class', EDITOR, 0, { handler: [editor], controller: [admin], inherited: true }],
  ['@FreshLogin() on handler and class', SIGNED_IN, 0, { handler: [long], controller: [fresh] }],
  ['@FreshLogin() on class and base class', FRESH, 0, { controller: [fresh], base: [long] }],
  ['@Roles() on the handler, @FreshLogin() on the class', FRESH_ADMIN, 0, { handler: [admin], controller: [fresh] }],
  ['@FreshLogin() on the handler, @Roles() on the class', FRESH_ADMIN, 0, { handler: [fresh], controller: [admin] }],
  ['@FreshLogin() on the class, @Roles() on the base class', FRESH_ADMIN, 0, { controller: [fresh], base: [admin] }],
  ['both on the class', FRESH_ADMIN, 0, { controller: [fresh, admin] }],

  // @Public() lifts what is farther out
  ['@Public() on the handler, @Roles() on the class', OPEN, 0, { handler: [open], controller: [admin] }],
  ['@Public() on the handler, both on the base class', OPEN, 0, { handler: [open], base: [admin, fresh] }],
  ['@Public() on the class, @Roles() on the base class', OPEN, 0, { controller: [open], base: [admin] }],
  ['@Public() on a handler of the base class, @Roles() on the class', OPEN, 0, { handler: [open], controller: [admin], inherited: true }],

  // … and nothing else
  ['@Public() and @Roles() on the handler', ADMIN, 1, { handler: [open, admin] }],
  ['@Roles() and @Public() on the handler', ADMIN, 1, { handler: [admin, open] }],
  ['@Public() and @FreshLogin() on the handler', FRESH, 1, { handler: [open, fresh] }],
  ['@Public() and @Roles() on the class', ADMIN, 1, { controller: [open, admin] }],
  ['@Public() and @FreshLogin() on the base class', FRESH, 1, { base: [open, fresh] }],
  ['@Roles() on the handler, @Public() on the class', ADMIN, 1, { handler: [admin], controller: [open] }],
  ['@Roles() on the handler, @Public() on the base class', ADMIN, 1, { handler: [admin], base: [open] }],
  ['@Roles() on the class, @Public() on the base class', ADMIN, 1, { controller: [admin], base: [open] }],
  ['@FreshLogin() on the class, @Public() on the base class', FRESH, 1, { controller: [fresh], base: [open] }],
  ['@Roles() on the class, @Public() on the class of the base class', ADMIN, 1, { controller: [admin], root: [open] }],
  [
    '@Roles() on the handler, @Public() on the class, @FreshLogin() behind it',
    ADMIN,
    1,
    { handler: [admin], controller: [open], base: [fresh] },
  ],
  ['@Public() on handler and class, @Roles() on the class', OPEN, 0, { handler: [open], controller: [open, admin] }],
  ['@Public() and @FreshLogin() on the handler, @Roles() on the class', FRESH, 1, { handler: [open, fresh], controller: [admin] }],
];

afterEach(() => void jest.restoreAllMocks());

describe('SessionGuard', () => {
  test.each(ROWS)('%s: %s, warnings: %i', async (_, outcome, warnings, places) => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    expect(await outcomeOf(places)).toBe(outcome);
    expect(warn).toHaveBeenCalledTimes(warnings);
  });

  test('says once for each target where a demand stays', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    class Counter {
      @Public() @Roles('admin') close(): void {}
      @FreshLogin(60) count(): void {}
    }
    @Public()
    class OpenCounter extends Counter {
      @FreshLogin(60) override count(): void {}
    }
    const guard = new SessionGuard(new Reflector());
    for (let times = 0; times < 2; times++)
      for (const [Class, method] of [
        [Counter, Counter.prototype.close],
        [OpenCounter, OpenCounter.prototype.count],
      ] as const)
        await expect(guard.canActivate(new ExecutionContextHost([{}], Class, method))).rejects.toThrow();
    expect(warn.mock.calls.map(([message]) => String(message).split('. ', 1)[0])).toEqual([
      'Counter.close() has both @Roles() and @Public()',
      'OpenCounter.count() has @FreshLogin(), and OpenCounter has @Public()',
    ]);
  });
});

describe('@CsrfExempt()', () => {
  const exempt = CsrfExempt() as Decorator;
  const CROSS_SITE = { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } };

  test.each<[string, passes: boolean, Places]>([
    ['on the handler', true, { handler: [exempt] }],
    ['on the class', true, { controller: [exempt] }],
    ['on a handler that the class inherits', true, { handler: [exempt], inherited: true }],
    ['on the class, for a handler that it inherits', true, { controller: [exempt], inherited: true }],
    ['on the base class', false, { base: [exempt] }],
    ['on the base class, for its handler', false, { base: [exempt], inherited: true }],
    ['nowhere', false, {}],
  ])('%s: passes: %p', (_, passes, places) => {
    const guard: CsrfGuard = csrfGuard();
    const call = () => guard.canActivate(declare(places)(CROSS_SITE));
    if (passes) expect(call()).toBe(true);
    else expect(call).toThrow(/may come from a page of another site/);
  });
});
