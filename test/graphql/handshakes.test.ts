import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { UseGuards } from '@nestjs/common';
import { GraphQLModule, Mutation, Query, Resolver } from '@nestjs/graphql';
import { WebSocket } from 'ws';
import { Identity, Public, Session, SessionGuard, SessionManager, SessionSubscriptions, type HttpSession } from '../../src/index.js';
import type { Browser } from '../support/browser.js';
import type { TestApp } from '../support/create-app.js';
import { errorIn, graphqlServers, operate, type GraphqlServer } from '../support/graphql-app.js';
import { endOf, GraphqlSocket } from '../support/graphql-socket.js';
import { useOutages } from '../support/outage-harness.js';
import { blackouts } from '../support/outages.js';
import { until } from '../support/until.js';
import { frameworkVariants, useVariant, type HarnessOptions } from '../support/variants.js';

@Resolver()
@UseGuards(SessionGuard)
class ShopResolver {
  @Query(() => String) me(@Identity('id') id: string) {
    return id;
  }
  @Public() @Query(() => String, { nullable: true }) visitor(@Identity('id') id: string | undefined) {
    return id;
  }
  @Public() @Mutation(() => Boolean) async login(@Session() session: HttpSession) {
    await session.login({ id: 'ada' });
    return true;
  }
}

/** Without a guard. */
@Resolver()
class OpenResolver {
  @Query(() => String, { nullable: true }) me(@Identity('id') id: string | undefined) {
    return id;
  }
  @Mutation(() => Boolean) async login(@Session() session: HttpSession) {
    await session.login({ id: 'ada' });
    return true;
  }
}

const EVIL = { origin: 'https://evil.example' };
/** Nothing is looked at by itself while a test runs. */
const store = { recheckAfter: 3_600 };
const builtin = frameworkVariants.filter(({ middleware }) => middleware === 'builtin');

const server = (name: string): GraphqlServer => graphqlServers.find((one) => one.name.startsWith(name))!;

let sockets: GraphqlSocket[] = [];
async function leave(): Promise<void> {
  await Promise.all(sockets.map((socket) => socket.leave()));
  sockets = [];
}

async function connect(app: TestApp, browser: Browser, headers?: Record<string, string>): Promise<GraphqlSocket> {
  const socket = await GraphqlSocket.of(browser, app.origin, headers);
  sockets.push(socket);
  return socket;
}

async function signIn(app: TestApp): Promise<Browser> {
  const browser = app.browser();
  expect((await operate(browser, 'mutation { login }')).data).toEqual({ login: true });
  return browser;
}

async function isClosed(socket: GraphqlSocket): Promise<unknown> {
  await until(() => socket.closed.length > 0, 'the socket is closed');
  return socket.closed;
}

describe.each(builtin)('onConnect() of SessionSubscriptions, Apollo, $name', (variant) => {
  // Before the hooks of the harness: clients would connect again to an application that is closed.
  afterEach(leave);
  const harness = useVariant(variant);
  const open = (options = {}, providers: NonNullable<HarnessOptions['providers']> = [ShopResolver]) =>
    harness.openUnscripted({ ...server('Apollo').application({ handshakes: options }), providers, store });

  test('closes the socket of a visitor with 4401 before it is acknowledged, and its client gives up', async () => {
    const app = await open();
    const socket = await connect(app, app.browser());
    expect(await endOf(socket.begin('{ visitor }'))).toMatchObject({ code: 4401, reason: 'SESSION_REQUIRED' });
    expect([socket.closed, socket.acknowledged]).toEqual([[{ code: 4401, reason: 'SESSION_REQUIRED' }], 0]);
  });

  test('says why somebody is not signed in any more', async () => {
    const app = await open();
    const browser = await signIn(app);
    await app.app.get(SessionManager).revokeAll('ada');
    expect(await isClosed(await connect(app, browser))).toEqual([{ code: 4401, reason: 'revoked' }]);
  });

  test.each([{}, { open: true }])('closes a socket that a page of another origin opens, with %p', async (options) => {
    const app = await open(options);
    const socket = await connect(app, await signIn(app), EVIL);
    expect(await isClosed(socket)).toEqual([{ code: 4401, reason: 'cross-origin' }]);
    expect(socket.acknowledged).toBe(0);
  });

  test('lets in whoever is signed in, and with "open" everybody', async () => {
    const closed = await open();
    expect((await (await connect(closed, await signIn(closed))).operate('{ me }')).data).toEqual({ me: 'ada' });
    const app = await open({ open: true });
    expect((await (await connect(app, app.browser())).operate('{ visitor }')).data).toEqual({ visitor: null });
  });

  test('closes sockets when their session ends, also where no guard stands before a resolver', async () => {
    const app = await open({}, [OpenResolver]);
    const socket = await connect(app, await signIn(app));
    expect((await socket.operate('{ me }')).data).toEqual({ me: 'ada' });
    await app.app.get(SessionManager).revokeAll('ada');
    expect(await isClosed(socket)).toEqual([{ code: 4401, reason: 'revoked' }]);
  });

  test('can be a part of the own onConnect of an application', async () => {
    const seen: boolean[] = [];
    const app = await harness.openUnscripted({
      imports: [
        GraphQLModule.forRootAsync<ApolloDriverConfig>({
          driver: ApolloDriver,
          inject: [SessionSubscriptions],
          useFactory: (subscriptions: SessionSubscriptions) => {
            const check = subscriptions.onConnect();
            const onConnect = async (context: Parameters<typeof check>[0]) => {
              const isIn = await check(context);
              seen.push(isIn);
              return isIn && { welcome: 'ada' };
            };
            return { autoSchemaFile: true, graphiql: false, subscriptions: { 'graphql-ws': { onConnect } } };
          },
        }),
      ],
      providers: [ShopResolver],
      store,
    });
    expect(await isClosed(await connect(app, app.browser()))).toEqual([{ code: 4401, reason: 'SESSION_REQUIRED' }]);
    expect((await (await connect(app, await signIn(app))).operate('{ me }')).data).toEqual({ me: 'ada' });
    expect(seen).toEqual([false, true]);
  });
});

describe.each(server('mercurius').variants)('verifyClient() of SessionSubscriptions, mercurius, $name', (variant) => {
  afterEach(leave);
  const harness = useVariant(variant);
  const open = (options = {}) =>
    harness.openUnscripted({ ...server('mercurius').application({ handshakes: options }), providers: [ShopResolver], store });

  /** What a handshake is answered with. */
  async function shake(app: TestApp, browser: Browser, headers: Record<string, string> = {}) {
    const cookie = await browser.jar.getCookieString(app.origin);
    const socket = new WebSocket(`${app.origin.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      headers: { origin: app.origin, ...(cookie === '' ? {} : { cookie }), ...headers },
    });
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    return { status: response.statusCode, body: JSON.parse(body) as unknown };
  }

  test('answers the handshake of a visitor with 401', async () => {
    const app = await open();
    expect(await shake(app, app.browser())).toMatchObject({ status: 401, body: { statusCode: 401, code: 'SESSION_REQUIRED' } });
  });

  test.each([{}, { open: true }])('answers that of a page of another origin with 403, with %p', async (options) => {
    const app = await open(options);
    const answer = await shake(app, await signIn(app), EVIL);
    expect(answer).toMatchObject({ status: 403, body: { code: 'SESSION_CROSS_ORIGIN', reason: 'cross-origin' } });
  });

  test('lets in whoever is signed in, and with "open" everybody', async () => {
    const closed = await open();
    expect((await (await connect(closed, await signIn(closed))).operate('{ me }')).data).toEqual({ me: 'ada' });
    const app = await open({ open: true });
    expect((await (await connect(app, app.browser())).operate('{ visitor }')).data).toEqual({ visitor: null });
  });
});

describe.each(graphqlServers)('a socket that is opened in an outage, $name', (one) => {
  const inRedis = one.variants.filter(({ middleware, kind }) => middleware === 'builtin' && kind === 'hash');
  describe.each(inRedis)('$name', (variant) => {
    afterEach(leave);
    const outages = useOutages(variant);

    async function during(options: Parameters<GraphqlServer['application']>[0]) {
      const app = await outages.openUnscripted({ ...one.application(options), providers: [ShopResolver], store });
      const browser = await signIn(app);
      const [outage] = blackouts;
      await outages.begin(outage!);
      return { app, socket: await connect(app, browser) };
    }

    test('gets the answer that the store is unavailable, and then others, from the guard', async () => {
      const { socket } = await during({});
      expect(errorIn(await socket.operate('{ me }'))).toMatchObject({ extensions: { code: 'SERVICE_UNAVAILABLE' } });
      await outages.end();
      await until(async () => (await socket.operate('{ me }')).data?.me === 'ada', 'the session is served');
      expect(socket.closed).toEqual([]);
    });

    test('is refused in a way that lets its client try again, and is let in then', async () => {
      const { socket } = await during({ handshakes: {} });
      await isClosed(socket);
      expect([socket.closed[0]?.code, socket.acknowledged]).toEqual([one.name.startsWith('Apollo') ? 1013 : 1006, 0]);
      const operation = socket.begin('{ me }');
      await outages.end();
      await until(() => operation.results.length > 0 || operation.error !== undefined, 'the client has got in');
      expect([operation.results, operation.error]).toEqual([[{ data: { me: 'ada' } }], undefined]);
    });
  });
});
