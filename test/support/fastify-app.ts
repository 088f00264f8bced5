import { All, Controller, Module, NotFoundException, Req, Res, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type FastifyServerOptions } from 'fastify';
import { fastifySession, sessionOf, type SessionMiddlewareOptions } from '../../src/fastify.js';
import { RedisSessionModule, type RedisSessionModuleExtras, type RedisSessionOptions } from '../../src/index.js';
import { BlockableStore } from './blockable-store.js';
import { Browser } from './browser.js';
import { TEST_SECRET } from './create-app.js';

/** What a handler does. What it returns is sent. */
export type FastifyScript = (request: FastifyRequest, reply: FastifyReply) => unknown;

export interface FastifyAppOptions extends RedisSessionModuleExtras {
  /** By path. `/change` and `/read` are there. */
  scripts?: Record<string, FastifyScript>;
  /** Called before the plugin is registered; under Nest, when the application has been made. */
  before?: ((instance: FastifyInstance) => unknown) | undefined;
  /** Called when the plugin has been registered; under Nest, before the application starts. */
  prepare?: (instance: FastifyInstance, app: NestFastifyApplication | undefined) => unknown;
  session?: Partial<SessionMiddlewareOptions> & Partial<RedisSessionOptions['session']>;
  server?: FastifyServerOptions;
  /** Called before Nest has the adapter. */
  adapter?: ((adapter: FastifyAdapter) => unknown) | undefined;
  /** Under Nest. */
  controllers?: Type[];
}

/** An application on Fastify whose store waits or fails as the test says. */
export interface FastifyApp {
  readonly instance: FastifyInstance;
  readonly origin: string;
  readonly store: BlockableStore;
  /** What the store's failures were logged as. */
  readonly logged: Error[];
  readonly browser: Browser;
  close(): Promise<unknown>;
}

/** Puts the given item into the session's cart. */
export function addToCart(request: FastifyRequest, item = 'tea'): void {
  const session = sessionOf(request) as unknown as { cart?: string[] };
  session.cart = [...(session.cart ?? []), item];
}

const SCRIPTS: Record<string, FastifyScript> = {
  '/change': (request) => {
    addToCart(request);
    return {};
  },
  '/read': (request) => ({ cart: (sessionOf(request) as unknown as { cart?: string[] }).cart ?? null }),
};

function openStore() {
  const logged: Error[] = [];
  return { logged, store: new BlockableStore({ logErrors: (error) => void logged.push(error), deadline: 60_000 }) };
}

/** Ways to run sessions on Fastify. */
export type FastifyDoor = (options?: FastifyAppOptions) => Promise<FastifyApp>;

/** Fastify without Nest. */
export const openPlainFastify: FastifyDoor = async ({ scripts = {}, before, prepare, session, server } = {}) => {
  const { store, logged } = openStore();
  const instance = fastify(server);
  await before?.(instance);
  await instance.register(fastifySession, { secret: TEST_SECRET, store, ...session });
  for (const [url, script] of Object.entries({ ...SCRIPTS, ...scripts }))
    instance.route({ method: ['GET', 'HEAD', 'POST'], url, handler: async (request, reply) => script(request, reply) });
  await prepare?.(instance, undefined);
  const origin = await instance.listen({ host: '127.0.0.1', port: 0 });
  return { instance, origin, store, logged, browser: new Browser(origin), close: () => instance.close() };
};

/** Fastify under Nest. A script that sends its reply itself is found below `/own`. */
export const openNestFastify: FastifyDoor = async ({
  scripts = {},
  before,
  prepare,
  session,
  server,
  adapter: adapt,
  controllers = [],
  ...extras
} = {}) => {
  const { store, logged } = openStore();
  const all = { ...SCRIPTS, ...scripts };
  const run = (url: string, request: FastifyRequest, reply: FastifyReply) => {
    const script = all[new URL(url, 'http://host').pathname];
    if (script === undefined) throw new NotFoundException();
    return script(request, reply);
  };

  @Controller()
  class ScriptedController {
    @All('own/*')
    async own(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
      await run(request.url.replace('/own', ''), request, reply);
    }

    @All('*')
    run(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): unknown {
      return run(request.url, request, reply);
    }
  }

  const adapter = new FastifyAdapter(server);
  await adapt?.(adapter);

  @Module({
    imports: [RedisSessionModule.forRoot({ session: { secret: TEST_SECRET, ...session }, store, ...extras })],
    controllers: [...controllers, ScriptedController],
  })
  class AppModule {}

  const app = await NestFactory.create<NestFastifyApplication>(AppModule, adapter, { logger: false, abortOnError: false });
  const instance = adapter.getInstance<FastifyInstance>();
  await before?.(instance);
  await prepare?.(instance, app);
  await app.listen(0, '127.0.0.1');
  const origin = await app.getUrl();
  return { instance, origin, store, logged, browser: new Browser(origin), close: () => app.close() };
};
