import { afterEach, describe, expect, test } from '@jest/globals';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Controller, Get, VersioningType } from '@nestjs/common';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Session, type HttpSession } from '../../src/index.js';
import { sessionOf, SessionStoreUnavailableError } from '../../src/fastify.js';
import {
  addToCart,
  openNestFastify,
  openPlainFastify,
  type FastifyApp,
  type FastifyAppOptions,
  type FastifyDoor,
  type FastifyScript,
} from '../support/fastify-app.js';

const DOORS: readonly (readonly [string, FastifyDoor])[] = [
  ['without Nest', openPlainFastify],
  ['under Nest', openNestFastify],
];

let app: FastifyApp;
afterEach(() => app.close());

const cart = async () => (await app.browser.get('/read')).json.cart as string[] | null;

/** Whether the request has a session. */
const has: FastifyScript = (request) => ({ has: (request.session as object | undefined) !== undefined });

const change: FastifyScript = (request) => {
  addToCart(request);
  return {};
};

/** That a request to a path changes the session, with one cookie, and is answered 503 when that cannot be stored. */
async function expectSession(path: string, method = 'GET', status = 200): Promise<void> {
  app.store.failure = undefined;
  const answer = await app.browser.send(method, path);
  expect([path, answer.status, answer.setCookies.length]).toEqual([path, status, 1]);
  expect(await cart()).toEqual(['tea']);
  await app.browser.jar.removeAllCookies();
  app.store.failure = new SessionStoreUnavailableError('timeout');
  const failed = await app.browser.send(method, path);
  expect([path, failed.status, failed.setCookies]).toEqual([path, 503, []]);
  app.store.failure = undefined;
}

describe.each(DOORS)('%s', (_door, open) => {
  test('routes of the instance, and of plugins that are registered later, have the session', async () => {
    app = await open({
      prepare: async (instance) => {
        instance.get('/own-route', async (request, reply) => change(request, reply));
        await instance.register(async (child) => {
          child.get('/child', async (request, reply) => change(request, reply));
          await child.register(async (grandchild) => void grandchild.get('/deep', async (request, reply) => change(request, reply)), {
            prefix: '/in',
          });
        });
      },
    });
    for (const path of ['/own-route', '/child', '/in/deep']) await expectSession(path);
  });

  test('routes of plugins that were registered before have it too, and their responses are not patched', async () => {
    const patched: boolean[] = [];
    const early = async (instance: FastifyInstance) => {
      instance.get('/early', async (request, reply) => {
        addToCart(request);
        patched.push(Object.hasOwn(reply.raw, 'end'));
        return {};
      });
      instance.setNotFoundHandler(async (request: FastifyRequest, reply: FastifyReply) => {
        addToCart(request);
        return reply.code(404).send({});
      });
    };
    const register = (instance: FastifyInstance) => instance.register(early, { prefix: '/in' });
    app = await open({
      before: open === openPlainFastify ? register : undefined,
      adapter: (adapter) => register(adapter.getInstance<FastifyInstance>()),
    });
    await expectSession('/in/early');
    // Under Nest the controller answers every path.
    if (open === openPlainFastify) await expectSession('/in/missing', 'GET', 404);
    expect(patched).toEqual([false, false]);
  });

  test('OPTIONS, and what is not found, have the session', async () => {
    app = await open({
      prepare: (instance, nest) => {
        instance.options('/asked', async (request, reply) => change(request, reply));
        // Nest gives the instance a handler of its own for what is not found.
        instance.addHook('preHandler', async (request) => {
          if (request.url === '/missing') addToCart(request);
        });
        return nest;
      },
    });
    await expectSession('/asked', 'OPTIONS');
    await expectSession('/missing', 'GET', 404);
  });

  test('hooks that are added later have the session, in each phase', async () => {
    const seen: string[] = [];
    const phases = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const;
    app = await open({
      prepare: (instance) => {
        for (const phase of phases)
          // One of the overloads, each of which takes one name.
          instance.addHook(phase as 'onRequest', async (request) => {
            seen.push(`${phase} ${sessionOf(request).isNew}`);
          });
      },
    });
    await app.browser.get('/change');
    await app.browser.get('/read');
    expect(seen).toEqual([...phases.map((phase) => `${phase} true`), ...phases.map((phase) => `${phase} false`)]);
  });
});

describe('under Nest', () => {
  /** An adapter of before 11.1.6. */
  const asBefore = (adapter: FastifyAdapter) => void Object.defineProperty(adapter, 'setOnRequestHook', { value: undefined });
  const skipMiddie: FastifyAppOptions['server'] = { skipMiddie: true } as never;
  const ways: readonly (readonly [string, FastifyAppOptions])[] = [
    ['as it is', {}],
    ['without setOnRequestHook()', { adapter: asBefore }],
    ['with skipMiddie', { server: skipMiddie }],
    ['with skipMiddie, without setOnRequestHook()', { server: skipMiddie, adapter: asBefore }],
  ];

  test.each(ways)('the adapter %s: the session is loaded, and stored before the reply leaves', async (_name, options) => {
    app = await openNestFastify(options);
    await expectSession('/change');
  });

  test('the session is there for the middleware of main.ts, without setOnRequestHook() too', async () => {
    for (const adapter of [undefined, asBefore]) {
      const seen: unknown[] = [];
      const opened = await openNestFastify({
        ...(adapter && { adapter }),
        prepare: (_instance, nest) =>
          nest?.use((request: IncomingMessage, _response: ServerResponse, next: () => void) => {
            seen.push(sessionOf(request).isNew);
            next();
          }),
      });
      await opened.browser.get('/read');
      await opened.close();
      expect(seen).toEqual([true]);
    }
    app = await openNestFastify();
  });

  const hooks: readonly (readonly [string, (seen: () => void) => Parameters<FastifyAdapter['setOnRequestHook']>[0]])[] = [
    [
      'calls back',
      (seen) => (_request, _reply, done) => {
        seen();
        done();
      },
    ],
    ['returns a promise', (seen) => async () => seen()],
  ];

  test.each(hooks)('a hook that setOnRequestHook() was given before runs after the load, and %s', async (_name, hookOf) => {
    let calls = 0;
    app = await openNestFastify({ adapter: (adapter) => adapter.setOnRequestHook(hookOf(() => calls++)) });
    await expectSession('/change');
    expect(calls).toBeGreaterThan(0);
  });

  test('an error of such a hook is answered, once', async () => {
    const failing: readonly Parameters<FastifyAdapter['setOnRequestHook']>[0][] = [
      (_request, _reply, done) => done(new Error('hook')),
      () => Promise.reject(new Error('hook')),
      () => {
        throw new Error('hook');
      },
    ];
    for (const hook of failing) {
      const opened = await openNestFastify({ adapter: (adapter) => adapter.setOnRequestHook(hook) });
      expect((await opened.browser.get('/read')).status).toBe(500);
      await opened.close();
    }
    app = await openNestFastify();
  });

  const routed: readonly (readonly [string, FastifyAppOptions, FastifyAppOptions['adapter']])[] = [
    ['exclude', { exclude: ['health', 'files/*rest'] }, undefined],
    ['forRoutes', { forRoutes: ['read', 'change'] }, undefined],
    ['exclude, without setOnRequestHook()', { exclude: ['health', 'files/*rest'] }, asBefore],
    ['forRoutes, without setOnRequestHook()', { forRoutes: ['read', 'change'] }, asBefore],
  ];

  test.each(routed)('%s: the routes have a session, and the others have none', async (_name, routes, adapter) => {
    app = await openNestFastify({ ...routes, ...(adapter && { adapter }), scripts: { '/health': has, '/files/a/b': has } });
    await expectSession('/change');
    expect((await app.browser.get('/health')).json).toEqual({ has: false });
    expect((await app.browser.get('/files/a/b?x=1')).json).toEqual({ has: false });
  });

  @Controller({ path: 'account', version: '1' })
  class AccountController {
    @Get()
    one(@Session() session: HttpSession): unknown {
      Object.assign(session, { cart: ['tea'] });
      return {};
    }

    @Get('health')
    health(@Session() session: HttpSession | undefined): unknown {
      return { has: session !== undefined };
    }
  }

  test('a global prefix and versions in the path are those of the routes', async () => {
    app = await openNestFastify({
      controllers: [AccountController],
      exclude: ['plain'],
      scripts: { '/api/read': (request) => ({ cart: (sessionOf(request) as unknown as { cart?: string[] }).cart }), '/api/plain': has },
      prepare: (_instance, nest) => {
        nest?.setGlobalPrefix('api');
        nest?.enableVersioning({ type: VersioningType.URI });
      },
    });
    const { status, setCookies } = await app.browser.get('/api/v1/account');
    expect([status, setCookies.length]).toEqual([200, 1]);
    expect((await app.browser.get('/api/read')).json).toEqual({ cart: ['tea'] });
    expect((await app.browser.get('/api/plain')).json).toEqual({ has: false });
  });
});
