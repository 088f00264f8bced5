import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller, Get, UseGuards, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { Express } from 'express';
import type { Redis } from 'ioredis';
import { Identity, SessionGuard, SessionManager } from '../../src/index.js';
import { Browser } from '../support/browser.js';
import { createConnectRedisApp } from '../support/connect-redis-app.js';
import { firstExampleOf } from '../support/document-example.js';
import { serve } from '../support/plain-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

const DOCUMENT = 'docs/coming-from-connect-redis.md';
const SECRET = 'the secret of an example in a document';
const ADA = { id: 'ada', roles: ['reader'] };

let redis: RedisServer;
const cleanups: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  redis = await startRedis();
  Object.assign(process.env, { REDIS_URL: `${redis.url}?commandTimeout=60000`, SESSION_SECRET: SECRET });
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await redis.client().flushall();
});
afterAll(() => redis.stop());

/** What a browser has that was signed in by the old application. */
async function signedInBefore(): Promise<Browser> {
  const old = await createConnectRedisApp({
    client: redis.client(),
    session: { secret: SECRET, resave: false, saveUninitialized: false, cookie: { maxAge: 1_800_000 } },
  });
  cleanups.push(() => old.close());
  old.on('/login', ({ session }) => void Object.assign(session ?? {}, { user: ADA }));
  const browser = new Browser(old.origin);
  await browser.get('/login');
  return browser;
}

/** In that phase, and with patience: a machine that is busy with other things must not make a request miss its deadline. */
const released = (phase: 'prepare' | 'convert') => ({
  change: (code: string) =>
    code.replace("migrate: 'prepare'", `deadline: 60_000, migrate: '${phase}'`).replace('commandTimeout: 500, ', ''),
});

@Controller()
@UseGuards(SessionGuard)
class AccountController {
  @Get('me')
  me(@Identity() who: Identity): Identity {
    return who;
  }
}

async function inNest(phase: 'prepare' | 'convert'): Promise<{ origin: string; sessions: SessionManager }> {
  const { SessionsModule } = await firstExampleOf<{ SessionsModule: Type }>(DOCUMENT, released(phase));
  const module = await Test.createTestingModule({ imports: [SessionsModule], controllers: [AccountController] }).compile();
  const app = module.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  cleanups.push(() => app.close());
  return { origin: await app.getUrl(), sessions: app.get(SessionManager) };
}

async function inExpress(phase: 'prepare' | 'convert'): Promise<{ origin: string; sessions: SessionManager }> {
  interface Example {
    readonly app: Express;
    readonly redis: Redis;
    readonly sessions: SessionManager;
  }
  const example = await firstExampleOf<Example>(DOCUMENT, { under: '## Without Nest', ...released(phase) });
  example.app.get('/me', ({ session }, response) => void response.json((session as { user?: unknown }).user ?? null));
  const server = await serve(example.app);
  cleanups.push(async () => {
    await server.close();
    example.redis.disconnect();
  });
  return { origin: server.origin, sessions: example.sessions };
}

describe.each([
  ['in Nest', inNest],
  ['in plain Express', inExpress],
])('the releases of docs/coming-from-connect-redis.md, %s', (_, start) => {
  test('serve whoever was signed in before, and know how many are left', async () => {
    const browser = await signedInBefore();
    await signedInBefore();

    const prepare = await start('prepare');
    expect((await browser.at(prepare.origin).get('/me')).json).toEqual(ADA);
    expect(await prepare.sessions.migration().count()).toEqual({ left: 2, sealed: 0, unreadable: 0 });

    const convert = await start('convert');
    expect((await browser.at(convert.origin).get('/me')).json).toEqual(ADA);
    expect(await convert.sessions.migration().count()).toMatchObject({ left: 1 });
    expect((await convert.sessions.list(ADA.id)).sessions).toHaveLength(1);

    expect(await convert.sessions.migration().convertRest({ perSecond: 1_000 }).done).toMatchObject({ converted: 1, failed: 0 });
    expect(await convert.sessions.migration().count()).toMatchObject({ left: 0 });
    expect((await convert.sessions.list(ADA.id)).sessions).toHaveLength(2);
    expect((await browser.at(prepare.origin).get('/me')).json).toEqual(ADA);
  });
});
