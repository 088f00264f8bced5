import { afterEach, describe, expect, test } from '@jest/globals';
import { EventEmitter, on } from 'node:events';
import { UseGuards } from '@nestjs/common';
import { Field, Mutation, ObjectType, Query, ResolveField, Resolver, Subscription } from '@nestjs/graphql';
import { CsrfGuard, Identity, Public, Session, SessionGuard, SessionManager, type HttpSession } from '../../src/index.js';
import type { Browser } from '../support/browser.js';
import type { TestApp } from '../support/create-app.js';
import { errorIn, graphqlServers, operate, type GraphqlOptions } from '../support/graphql-app.js';
import { endOf, GraphqlSocket } from '../support/graphql-socket.js';
import type { AnySession } from '../support/scripted-app.js';
import { until } from '../support/until.js';
import { useVariant, type HarnessOptions } from '../support/variants.js';

const ticker = new EventEmitter();

/** What the ticker says from now on, as a subscription gives it. */
function ticks(field: string): AsyncIterableIterator<Record<string, unknown>> {
  const events = on(ticker, 'tick');
  const iterator: AsyncIterableIterator<Record<string, unknown>> = {
    next: async () => {
      const { done, value } = await events.next();
      return done === true ? { done: true, value: undefined } : { done: false, value: { [field]: { tick: (value as number[])[0] } } };
    },
    return: async () => {
      await events.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

@ObjectType()
class Tick {
  @Field(() => Number) tick!: number;
}

@Resolver(() => Tick)
@UseGuards(SessionGuard)
class TickResolver {
  @Subscription(() => Tick) ticks() {
    return ticks('ticks');
  }
  @Public() @Subscription(() => Tick) news() {
    return ticks('news');
  }
  @ResolveField(() => String, { nullable: true }) reader(@Identity('id') id: string | undefined) {
    return id;
  }
  @Query(() => String) me(@Identity('id') id: string) {
    return id;
  }
  @Query(() => [String]) cart(@Session('cart') cart: string[] = []) {
    return cart;
  }
  @Public() @Mutation(() => Boolean) async login(@Session() session: HttpSession) {
    await session.login({ id: 'ada' });
    return true;
  }
  @Mutation(() => Boolean) async logout(@Session() session: HttpSession) {
    await session.logout();
    return true;
  }
  @Mutation(() => Boolean) async add(@Session() session: AnySession) {
    session['cart'] = ['tea'];
    await session.save();
    return true;
  }
}

const SIGNED_OUT = { message: 'Sign in first.', extensions: { code: 'UNAUTHENTICATED' } };
const CROSS_ORIGIN = {
  message: 'The request was refused: it may come from a page of another site.',
  extensions: { code: 'FORBIDDEN', reason: 'cross-origin' },
};
const EVIL = { origin: 'https://evil.example' };
/** Nothing ends by itself, and nothing is looked at by itself, while a test runs. */
const RARELY = { recheckAfter: 3_600 };

let sockets: GraphqlSocket[] = [];

async function leave(): Promise<void> {
  await Promise.all(sockets.map((socket) => socket.leave()));
  sockets = [];
}

describe.each(graphqlServers)('subscriptions, $name', (server) => {
  const application = (options?: GraphqlOptions): HarnessOptions => ({
    ...server.application(options),
    providers: [TickResolver],
    store: RARELY,
  });

  async function signIn(app: TestApp): Promise<Browser> {
    const browser = app.browser();
    expect((await operate(browser, 'mutation { login }')).data).toEqual({ login: true });
    return browser;
  }

  async function connect(app: TestApp, browser: Browser, headers?: Record<string, string>, params?: Record<string, unknown>) {
    const socket = await GraphqlSocket.of(browser, app.origin, headers, params);
    sockets.push(socket);
    return socket;
  }

  /** A subscription that has begun: it gets what the ticker says. */
  async function subscribe(socket: GraphqlSocket, query: string) {
    const operation = socket.begin(query);
    await until(() => {
      ticker.emit('tick', 1);
      return operation.results.length > 0 || operation.error !== undefined;
    }, 'the subscription has begun');
    expect(operation.error).toBeUndefined();
    return operation;
  }

  const watched = (app: TestApp) => app.sessions.watched.size;

  describe.each(server.variants.filter(({ middleware }) => middleware === 'builtin'))('$name', (variant) => {
    // Before the hooks of the harness: clients would connect again to an application that is closed.
    afterEach(leave);
    const harness = useVariant(variant);
    const open = (options?: GraphqlOptions) => harness.openUnscripted(application(options));

    test('have the session of the handshake, in the fields of what they send too', async () => {
      const app = await open();
      const socket = await connect(app, await signIn(app));
      const { results } = await subscribe(socket, 'subscription { ticks { tick reader } }');
      expect(results[0]).toEqual({ data: { ticks: { tick: 1, reader: 'ada' } } });
    });

    test('are refused to visitors by the guard, one by one, and the public ones are not', async () => {
      const app = await open();
      const socket = await connect(app, app.browser());
      expect(errorIn(await socket.operate('subscription { ticks { tick } }'))).toEqual(SIGNED_OUT);
      const { results } = await subscribe(socket, 'subscription { news { tick reader } }');
      expect(results[0]).toEqual({ data: { news: { tick: 1, reader: null } } });
      expect(socket.closed).toEqual([]);
    });

    test('are refused by the guard where a page of another origin has opened the socket', async () => {
      const app = await open();
      const socket = await connect(app, await signIn(app), EVIL);
      expect(errorIn(await socket.operate('subscription { ticks { tick } }'))).toEqual(CROSS_ORIGIN);
      const { results } = await subscribe(socket, 'subscription { news { tick reader } }');
      expect(results[0]).toMatchObject({ data: { news: { tick: 1, reader: null } }, errors: [CROSS_ORIGIN] });
    });

    test('are refused to a page that says of itself, after the handshake, that it is of this origin', async () => {
      const app = await open();
      const headers = { 'sec-fetch-site': 'same-origin', 'x-forwarded-host': 'evil.example' };
      const socket = await connect(app, await signIn(app), EVIL, { ...headers, headers });
      expect(errorIn(await socket.operate('subscription { ticks { tick } }'))).toEqual(CROSS_ORIGIN);
    });

    test.each(['revoked', 'stolen'])('end with the session, for the reason that it ended for: %s', async (reason) => {
      const app = await open();
      const socket = await connect(app, await signIn(app));
      const other = await connect(app, await signIn(app));
      const operation = await subscribe(socket, 'subscription { ticks { tick } }');
      const going = await subscribe(other, 'subscription { news { tick } }');
      const manager = app.app.get(SessionManager);
      const [first] = (await manager.list('ada')).sessions.toSorted((a, b) => Number(a.createdAt) - Number(b.createdAt));
      await manager.revoke('ada', first!.handle, reason);
      expect(await endOf(operation)).toMatchObject({ code: 4401, reason });
      expect(socket.closed).toEqual([{ code: 4401, reason }]);
      const before = going.results.length;
      ticker.emit('tick', 2);
      await until(() => going.results.length > before, 'the other session is served');
      expect([watched(app), other.closed]).toEqual([1, []]);
    });

    test('end when their user signs out by HTTP', async () => {
      const app = await open();
      const browser = await signIn(app);
      const operation = await subscribe(await connect(app, browser), 'subscription { news { tick } }');
      await operate(browser, 'mutation { logout }');
      expect(await endOf(operation)).toMatchObject({ code: 4401, reason: 'ended' });
    });

    test('are not watched any more once their client has left', async () => {
      const app = await open();
      const socket = await connect(app, await signIn(app));
      await subscribe(socket, 'subscription { ticks { tick } }');
      expect(watched(app)).toBe(1);
      await socket.leave();
      await until(() => watched(app) === 0, 'nobody watches');
    });

    test('share their socket with queries and mutations, which see and change the session', async () => {
      const app = await open();
      const browser = await signIn(app);
      const socket = await connect(app, browser);
      expect((await socket.operate('{ me cart }')).data).toEqual({ me: 'ada', cart: [] });
      expect((await socket.operate('mutation { add }')).data).toEqual({ add: true });
      expect((await socket.operate('{ cart }')).data).toEqual({ cart: ['tea'] });
      expect((await operate(browser, '{ cart }')).data).toEqual({ cart: ['tea'] });
      expect((await harness.stored(app, await browser.sid()))?.entries['cart']).toEqual(['tea']);
    });

    test.each(['login', 'logout'])('share it with a %s, which is refused: no cookie can be sent', async (method) => {
      const app = await open();
      const browser = await signIn(app);
      const answer = await (await connect(app, browser)).operate(`mutation { ${method} }`);
      expect(errorIn(answer)?.message).toContain(`session.${method}() changes the cookie here`);
      expect((await operate(browser, '{ me }')).data).toEqual({ me: 'ada' });
    });

    test('are checked by CsrfGuard too', async () => {
      const app = await harness.openUnscripted({ ...application(), session: { csrf: true } });
      expect(app.app.get(CsrfGuard)).toBeDefined();
      const browser = app.browser();
      const socket = await connect(app, browser, EVIL);
      expect(errorIn(await socket.operate('subscription { news { tick } }'))).toEqual(CROSS_ORIGIN);
      const lying = await connect(app, browser, EVIL, { 'sec-fetch-site': 'same-origin' });
      expect(errorIn(await lying.operate('subscription { news { tick } }'))).toEqual(CROSS_ORIGIN);
      await subscribe(await connect(app, browser), 'subscription { news { tick } }');
    });
  });
});
