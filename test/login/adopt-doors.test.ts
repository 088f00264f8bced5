import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Controller, Get, Sse, UseGuards } from '@nestjs/common';
import { Query, Resolver } from '@nestjs/graphql';
import { EventSource } from 'eventsource';
import fastify from 'fastify';
import { Observable } from 'rxjs';
import { fastifySession, requireSession, sessionOf as sessionOfFastify } from '../../src/fastify.js';
import { Identity, MemorySessionStore, SessionGuard, SessionManager, type Adopter, type Credential } from '../../src/index.js';
import { nodeSessions, type NodeSessions } from '../../src/node.js';
import { forgetWarnings } from '../../src/session/warn-once.js';
import { Browser, type Answer } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import { bothDoors, opened, type Client, type Coming } from '../support/doors.js';
import { graphqlServers, operate } from '../support/graphql-app.js';
import { GraphqlSocket } from '../support/graphql-socket.js';
import { serve } from '../support/plain-app.js';
import { answer, useSocketApps, type SocketApp, type SocketAppOptions } from '../support/socket-app.js';
import { until } from '../support/until.js';
import { frameworkVariants, useVariant, variants } from '../support/variants.js';

const HOUR = 3_600_000;
const HEADER = 'X-Session';
const TOKEN = { authorization: 'Bearer the-token-of-ada' };
const SIGNED_OUT = { status: 401, code: 'SESSION_REQUIRED' };

let asked = 0;
let failure: Error | undefined;
beforeEach(() => {
  asked = 0;
  failure = undefined;
  forgetWarnings();
});

const signedInAt = Date.now() - HOUR;

/** Takes a token of the header `Authorization`, or of the cookie `token`. */
const adopt: Adopter = async ({ headers }: IncomingMessage): Promise<Credential | undefined> => {
  asked++;
  if (failure !== undefined) throw failure;
  const [, token] = /(?:^Bearer |token=)([\w-]+)$/.exec(headers.authorization ?? headers.cookie ?? '') ?? [];
  if (token === undefined) return undefined;
  return { key: token, identity: { id: token.split('-').at(-1)! }, authenticatedAt: signedInAt, expiresAt: signedInAt + 24 * HOUR };
};

@Controller()
@UseGuards(SessionGuard)
class MeController {
  @Get('me') me(@Identity('id') id: string): string {
    return id;
  }
}

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0)) await end();
});

// express-session carries its sessions in its own cookie only.
describe.each(variants.filter(({ middleware }) => middleware === 'builtin'))('adopt for clients of session.header, $name', (variant) => {
  const harness = useVariant(variant);
  const open = () => harness.open({ controllers: [MeController], adopt, session: { header: HEADER } });
  const told = ({ headers }: Answer) => headers.get(HEADER);

  test('one that asks with "new" and its credential gets the session in the header, and no cookie', async () => {
    const app = await open();
    const first = await app.browser().get('/me', { [HEADER]: 'new', ...TOKEN });
    expect([first.status, first.text, first.setCookies]).toEqual([200, 'ada', []]);
    expect(told(first)).toMatch(/^s%3A/);
    const next = await app.browser().get('/me', { [HEADER]: told(first)! });
    expect([next.status, next.text, told(next), asked]).toEqual([200, 'ada', null, 1]);
  });

  test('one that signs out is told so, and its credential opens nothing any more', async () => {
    const app = await open();
    const value = told(await app.browser().get('/me', { [HEADER]: 'new', ...TOKEN }))!;
    const out = await app.browser().post('/logout', undefined, { [HEADER]: value });
    expect(told(out)).toBe('ended');
    for (const sent of [value, 'new', 'ended'])
      expect((await app.browser().get('/me', { [HEADER]: sent, ...TOKEN })).json).toMatchObject({ code: 'SESSION_REQUIRED' });
  });

  test('one whose session has expired gets that of its credential, under the value that it had', async () => {
    const app = await open();
    const value = told(await app.browser().get('/me', { [HEADER]: 'new', ...TOKEN }))!;
    const [, sid] = /^s:(.*)\.[^.]*$/.exec(decodeURIComponent(value)) ?? [];
    await harness.expire(app, sid);
    const again = await app.browser().get('/me', { [HEADER]: value, ...TOKEN });
    expect([again.status, told(again), again.setCookies]).toEqual([200, value, []]);
  });

  test('a value that nobody has signed is no session, so the credential counts', async () => {
    const app = await open();
    const forged = await app.browser().get('/me', { [HEADER]: 's%3Aforged.signature', ...TOKEN });
    expect([forged.status, forged.setCookies]).toEqual([200, []]);
    expect(told(forged)).toMatch(/^s%3A/);
  });
});

describe.each(bothDoors)('adopt for sockets over $name', (door) => {
  const openApp = useSocketApps(door);
  const clients: Client[] = [];
  afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));

  const open = (options: SocketAppOptions = {}) => openApp({ adopt, controllers: [MeController], ...options });

  async function connect(app: SocketApp, coming: Coming = { headers: TOKEN }): Promise<Client> {
    const client = await opened(door, app.origin, coming);
    clients.push(client);
    return client;
  }

  const handles = async ({ manager }: SocketApp) => (await manager.list('ada')).sessions.map(({ handle }) => handle);

  test.each<[string, Coming]>([
    ['header', { headers: TOKEN }],
    ['cookie', { cookie: 'token=the-token-of-ada' }],
  ])('a handshake with a token in a %s opens the socket of its user, whose requests have the same session', async (_, coming) => {
    const app = await open();
    const client = await connect(app, coming);
    expect(await client.ask('whoami')).toEqual(answer({ id: 'ada' }));
    const [handle] = await handles(app);
    expect(await client.ask('socket')).toEqual(answer({ identity: { id: 'ada' }, handle }));
    const browser = app.browser();
    expect((await browser.get('/me', TOKEN)).text).toBe('ada');
    expect((await browser.get('/me')).text).toBe('ada');
    expect(await handles(app)).toEqual([handle]);
  });

  test('messages do not ask for the token again, and are stored in the session', async () => {
    const app = await open();
    app.onMessage('draft', async (session, text) => {
      session['draft'] = text;
      await session.save();
    });
    const client = await connect(app);
    await client.ask('run', ['draft', 'hello']);
    await client.ask('whoami');
    expect(asked).toBe(1);
    expect((await app.browser().get('/read', TOKEN)).json).toMatchObject({ identity: { id: 'ada' }, draft: 'hello' });
  });

  test('closes when its session is revoked, and the token opens no other', async () => {
    const app = await open();
    const client = await connect(app);
    await app.manager.revokeAll('ada', 'password-changed');
    expect(await client.ended).toBe('password-changed');
    expect(await door.connect(app.origin, { headers: TOKEN })).toMatchObject({ ...SIGNED_OUT, reason: 'password-changed' });
  });

  test('closes when its user signs out by a request, or proves again who they are, and not when the session gets a new secret', async () => {
    const app = await open();
    app.on('/rotate', ({ session }) => session.rotate());
    app.on('/reauthenticate', ({ session }) => session.reauthenticate());
    const browser = app.browser();
    await browser.get('/me', TOKEN);
    const first = await connect(app);
    await browser.post('/rotate');
    await browser.get('/me');
    const second = await connect(app);
    for (const client of [first, second]) expect(await client.ask('whoami')).toEqual(answer({ id: 'ada' }));
    await browser.post('/reauthenticate');
    await Promise.all([first.ended, second.ended]);
    expect((await browser.get('/me')).status).toBe(200);
    expect(await door.connect(app.origin, { headers: TOKEN })).toMatchObject(SIGNED_OUT);
  });

  test('a page of another site is refused before anybody looks at its token', async () => {
    const app = await open();
    const headers = { ...TOKEN, origin: 'https://evil.example' };
    expect(await door.connect(app.origin, { headers })).toMatchObject({ status: 403, code: 'SESSION_CROSS_ORIGIN' });
    expect([asked, await handles(app)]).toEqual([0, []]);
  });

  test('a token that cannot be checked is no sign-out: 503', async () => {
    const app = await open({ store: { logErrors: false } });
    failure = new Error('no keys');
    expect(await door.connect(app.origin, { headers: TOKEN })).toMatchObject({ status: 503, code: 'SESSION_STORE_UNAVAILABLE' });
  });

  test('without a token, a visitor is refused as before', async () => {
    const app = await open();
    expect(await door.connect(app.origin)).toMatchObject(SIGNED_OUT);
  });
});

@Resolver()
@UseGuards(SessionGuard)
class ShopResolver {
  @Query(() => String) me(@Identity('id') id: string) {
    return id;
  }
}

const inMemory = frameworkVariants.filter(
  ({ middleware, kind, platform }) => middleware === 'builtin' && (kind === 'memory' || platform === 'fastify'),
);

describe.each(graphqlServers)('adopt for GraphQL, $name', (server) => {
  describe.each(inMemory.filter((variant) => server.variants.includes(variant)))('$name', (variant) => {
    // Before the hooks of the harness: clients would connect again to an application that is closed.
    const sockets: GraphqlSocket[] = [];
    afterEach(async () => void (await Promise.all(sockets.splice(0).map((socket) => socket.leave()))));
    const harness = useVariant(variant);
    const open = () =>
      harness.openUnscripted({
        ...server.application({ handshakes: {} }),
        providers: [ShopResolver],
        adopt,
        store: { recheckAfter: 3_600 },
      });

    test('an operation with a token has the session of the token', async () => {
      const app = await open();
      const browser = app.browser();
      expect((await operate(browser, '{ me }', TOKEN)).data).toEqual({ me: 'ada' });
      expect((await operate(browser, '{ me }')).data).toEqual({ me: 'ada' });
      expect(asked).toBe(1);
    });

    test('a socket has the session of the token that its handshake brings as a header, and closes with it', async () => {
      const app = await open();
      const socket = await GraphqlSocket.of(app.browser(), app.origin, TOKEN);
      sockets.push(socket);
      expect((await socket.operate('{ me }')).data).toEqual({ me: 'ada' });
      expect((await app.app.get(SessionManager).list('ada')).sessions).toHaveLength(1);
      await app.app.get(SessionManager).revokeAll('ada');
      await until(() => socket.closed.length > 0, 'the socket is closed');
      expect(socket.closed[0]).toEqual({ code: 4401, reason: 'revoked' });
    });
  });
});

describe.each(inMemory.filter(({ kind }) => kind === 'memory'))('adopt for a socket of Apollo, $name', (variant) => {
  const sockets: GraphqlSocket[] = [];
  afterEach(async () => void (await Promise.all(sockets.splice(0).map((socket) => socket.leave()))));
  const harness = useVariant(variant);

  test('connectionParams come when the socket is open, so a token there opens nothing', async () => {
    const apollo = graphqlServers.find(({ name }) => name === 'Apollo')!;
    const app = await harness.openUnscripted({ ...apollo.application({ handshakes: {} }), providers: [ShopResolver], adopt });
    const socket = await GraphqlSocket.of(app.browser(), app.origin, {}, TOKEN);
    sockets.push(socket);
    await until(() => socket.closed.length > 0, 'the socket is refused');
    expect([socket.closed[0], socket.acknowledged]).toEqual([{ code: 4401, reason: 'SESSION_REQUIRED' }, 0]);
  });
});

describe.each(frameworkVariants.filter(({ middleware }) => middleware === 'builtin'))('adopt for an event stream, $name', (variant) => {
  const harness = useVariant(variant);

  @Controller()
  @UseGuards(SessionGuard)
  class EventsController {
    @Sse('events') events(@Identity('id') id: string) {
      return new Observable<{ data: string; retry: number }>((subscriber) => subscriber.next({ data: id, retry: 1 }));
    }
  }

  test.each([TOKEN, { cookie: 'token=the-token-of-ada' }])('opens with %p, and ends with the session of the token', async (headers) => {
    const app = await harness.openUnscripted({ controllers: [EventsController], adopt });
    const statuses: number[] = [];
    const cookies: string[] = [];
    const stream = new EventSource(`${app.origin}/events`, {
      fetch: async (url, init) => {
        const response = await fetch(url, { ...init, headers: { ...init.headers, ...headers } as Record<string, string> });
        statuses.push(response.status);
        cookies.push(...response.headers.getSetCookie());
        return response;
      },
    });
    cleanUp.push(() => stream.close());
    const first = await new Promise((resolve) => stream.addEventListener('message', ({ data }) => resolve(data)));
    expect([first, cookies.map((cookie) => cookie.slice(0, 7))]).toEqual(['ada', ['sid=s%3']]);
    await app.app.get(SessionManager).revokeAll('ada');
    await until(() => stream.readyState === stream.CLOSED, 'EventSource has given up');
    expect(statuses).toEqual([200, 401]);
  });
});

describe('adopt without Nest', () => {
  const newStore = () => new MemorySessionStore({ logErrors: false, deadline: 60_000 });

  /** Plain Node with `loadSession` and `commitSession`. */
  async function openNode({ loadSession, commitSession }: NodeSessions): Promise<Browser> {
    const { origin, close } = await serve((request, response) => {
      const handled = async () => {
        const session = await loadSession(request);
        if (request.url === '/logout') await session.logout();
        const { identity } = session;
        await commitSession(request, response);
        response.statusCode = identity === undefined ? 401 : 200;
        response.end(String(identity?.id));
      };
      handled().catch((error: { statusCode?: number }) => response.writeHead(error.statusCode ?? 500).end());
    });
    cleanUp.push(close);
    return new Browser(origin);
  }

  /** The plugin of Fastify. */
  async function openFastify(options: { store: MemorySessionStore }): Promise<Browser> {
    const app = fastify();
    await app.register(fastifySession, { secret: TEST_SECRET, adopt, ...options });
    app.get('/me', { preHandler: requireSession() }, async (request) => String(sessionOfFastify(request).identity?.id));
    app.post('/logout', async (request) => {
      await sessionOfFastify(request).logout();
      return {};
    });
    const origin = await app.listen({ host: '127.0.0.1', port: 0 });
    cleanUp.push(() => app.close());
    return new Browser(origin);
  }

  const APPS: [string, (store: MemorySessionStore) => Promise<Browser>][] = [
    ['loadSession and commitSession', (store) => openNode(nodeSessions({ secret: TEST_SECRET, store, adopt }))],
    ['the plugin of Fastify', (store) => openFastify({ store })],
  ];

  test.each(APPS)('%s: a token is a session from then on, until that ends', async (_, open) => {
    const store = newStore();
    const browser = await open(store);
    expect((await browser.get('/me')).status).toBe(401);
    const first = await browser.get('/me', TOKEN);
    expect([first.text, first.setCookies.length, asked]).toEqual(['ada', 1, 2]);
    const next = await browser.get('/me');
    expect([next.text, next.setCookies, asked]).toEqual(['ada', [], 2]);
    expect((await new SessionManager(store).list('ada')).sessions).toHaveLength(1);
    await browser.post('/logout');
    expect((await browser.get('/me', TOKEN)).status).toBe(401);
  });

  test.each(APPS)('%s: an adopter that fails is 503', async (_, open) => {
    failure = new Error('no keys');
    expect((await (await open(newStore())).get('/me', TOKEN)).status).toBe(503);
  });
});
