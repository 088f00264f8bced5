import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisStore } from 'connect-redis';
import express from 'express';
import expressSession from 'express-session';
import { Cluster, Redis } from 'ioredis';
import { RedisSessionModule, SessionManager, SessionStoreUnavailableError, type RedisSessionOptions } from '../../src/index.js';
import { routes } from './routes.js';
import type { RedisAddress, Release, ReleaseOrder, RunningRelease } from './release.js';

const SECRET = 'the secret of a run of faults, long enough';
/** In ms. No session runs out while the run lasts. */
const MAX_AGE = 3_600_000;

/** More than the load has sessions. */
const CONVERSIONS_PER_SECOND = 10_000;

/** Starts one process' worth of the application. */
export function startRelease(order: ReleaseOrder): Promise<RunningRelease> {
  return order.release === 'old' ? startOld(order) : startNew(order.release, order);
}

/** Plain Express, express-session and connect-redis, as their READMEs put them together. */
async function startOld({ redis }: ReleaseOrder): Promise<RunningRelease> {
  const client = clientOf(redis).on('error', () => undefined);
  const app = express();
  app.use(
    expressSession({
      store: new RedisStore({ client }),
      secret: SECRET,
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: MAX_AGE },
    }),
  );
  app.use(routes());
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: originOf(server),
    convertRest: async () => Promise.reject(new TypeError('connect-redis converts nothing.')),
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      client.disconnect();
    },
  };
}

/** The same routes behind the module. */
async function startNew(release: Exclude<Release, 'old'>, { redis, middleware, deadline }: ReleaseOrder): Promise<RunningRelease> {
  const options: RedisSessionOptions = {
    redis,
    session: {
      middleware,
      name: 'connect.sid',
      secret: SECRET,
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: MAX_AGE },
    },
    store: { ...(release === 'moved' ? {} : { migrate: release }), ...(deadline === undefined ? {} : { deadline }) },
    identity: ({ shopper }) => (typeof shopper === 'string' ? { id: shopper } : undefined),
  };

  @Module({ imports: [RedisSessionModule.forRoot(options)] })
  class ShopModule implements NestModule {
    constructor(private readonly sessions: SessionManager) {}

    configure(consumer: MiddlewareConsumer): void {
      const revokeAll = async (user: string) => void (await this.sessions.revokeAll(user));
      consumer.apply(routes({ revokeAll })).forRoutes('/');
    }
  }

  const app = await NestFactory.create(ShopModule, { logger: ['error', 'warn', 'fatal'], bodyParser: false });
  await app.listen(0, '127.0.0.1');
  return {
    origin: originOf(app.getHttpServer() as Server),
    convertRest: () => convertRest(app.get(SessionManager)),
    stop: () => app.close(),
  };
}

async function convertRest(sessions: SessionManager): Promise<number | undefined> {
  const migration = sessions.migration();
  try {
    await migration.convertRest({ perSecond: CONVERSIONS_PER_SECOND }).done;
    return (await migration.count()).left;
  } catch (error) {
    if (error instanceof SessionStoreUnavailableError) return undefined;
    throw error;
  }
}

function clientOf(address: RedisAddress): Redis | Cluster {
  return typeof address === 'string' ? new Redis(address) : new Cluster(address.cluster);
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
