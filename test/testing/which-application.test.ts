import { createServer, type RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import express from 'express';
import express4 from 'express4';
import fastify from 'fastify';
import { sessionMiddleware, sessionOf } from '../../src/express.js';
import { fastifySession } from '../../src/fastify.js';
import { RedisSessionModule } from '../../src/index.js';
import { nodeSessions } from '../../src/node.js';
import { createTestSession, sessionBehind, signIn, testSessions } from '../../src/testing.js';
import { TEST_SECRET } from '../support/create-app.js';
import { serve, type PlainServer } from '../support/plain-app.js';

const ADA = { id: 'ada' };

const servers: PlainServer[] = [];
const environment = process.env['NODE_ENV'];
afterEach(async () => {
  process.env['NODE_ENV'] = environment;
  for (const server of servers.splice(0)) await server.close();
});

async function listen(listener: RequestListener): Promise<PlainServer> {
  const server = await serve(listener);
  servers.push(server);
  return server;
}

describe('without Nest', () => {
  test.each<[string, () => express.Express]>([
    ['Express 5', () => express()],
    ['Express 4', () => express4()],
  ])('the application of %s is found by its middleware, and the middleware too', async (_, make) => {
    const sessions = testSessions();
    const middleware = sessionMiddleware({ secret: TEST_SECRET, store: sessions.store });
    const app = make();
    app.use(middleware);
    app.get('/me', (request, response) => void response.json(sessionOf(request).identity ?? null));
    const browser = (await listen(app)).browser();
    for (const given of [app, middleware]) {
      const ada = await signIn(given, ADA);
      expect((await browser.get('/me', ada.asHeader)).json).toEqual(ADA);
      expect(await sessionBehind(given, ada)).toMatchObject({ identity: ADA });
    }
    const ada = await signIn(app, ADA);
    await sessions.advance('31m');
    expect((await browser.get('/me', ada.asHeader)).json).toBeNull();
  });

  test('the instance of Fastify is found, whose inject() takes the cookie', async () => {
    const sessions = testSessions();
    const app = fastify();
    await app.register(fastifySession, { secret: TEST_SECRET, store: sessions.store });
    app.get('/me', async (request) => sessionOf(request).identity ?? {});
    await app.ready();
    const ada = await signIn(app, ADA);
    const origin = await app.listen({ host: '127.0.0.1', port: 0 });
    expect(await (await fetch(`${origin}/me`, { headers: ada.asHeader })).json()).toEqual(ADA);
    expect(await sessionBehind(app, ada)).toMatchObject({ identity: ADA });
    await app.close();
  });

  test('what nodeSessions() has returned is found', async () => {
    const sessions = testSessions();
    const own = nodeSessions({ secret: TEST_SECRET, store: sessions.store });
    const browser = (
      await listen((request, response) => {
        void own.loadSession(request).then(({ identity }) => response.end(JSON.stringify(identity ?? null)));
      })
    ).browser();
    const ada = await signIn(own, ADA);
    expect((await browser.get('/', ada.asHeader)).json).toEqual(ADA);
    expect(await sessionBehind(own, ada)).toMatchObject({ identity: ADA });
  });
});

describe('an application that cannot be signed in to says why', () => {
  const compile = async (imports: NonNullable<Parameters<typeof Module>[0]['imports']>) => Test.createTestingModule({ imports }).compile();
  const withSessions = () => compile([RedisSessionModule.forRoot({ session: { secret: TEST_SECRET }, store: testSessions().store })]);

  test('that is not initialized', async () => {
    const app = (await withSessions()).createNestApplication();
    await expect(signIn(app, ADA)).rejects.toThrow(
      'signIn() needs an application that has been initialized. Await app.init() or app.listen() first.',
    );
    await app.init();
    expect(await signIn(app, ADA)).toMatchObject({ name: 'sid' });
    await app.close();
  });

  test('that has no session module', async () => {
    const app = (await compile([])).createNestApplication();
    await app.init();
    await expect(signIn(app, ADA)).rejects.toThrow('Import RedisSessionModule.forRoot({ … }) or forRootAsync({ … })');
    await expect(sessionBehind(app, 'sid=1')).rejects.toThrow('sessionBehind() needs an application with sessions');
    await app.close();
  });

  test.each<[string, () => unknown, string]>([
    ['is a module', withSessions, 'was given a module. Write const app = module.createNestApplication(); await app.init().'],
    ['is a promise', () => ({ app: withSessions() }), 'was given a promise of it. Await it first.'],
    ['is not there', () => undefined, 'signIn() needs your application.'],
    ['is a server', () => createServer(), 'finds no sessions in this application'],
    ['is on Express, without the middleware', () => express(), 'finds no sessions in this application'],
    ['is on Fastify, without the plugin', () => fastify(), 'register fastifySession and await app.ready() first'],
    ['is its supertest agent', () => ({ get: () => undefined }), 'finds no sessions in this application'],
  ])('that %s', async (what, make, message) => {
    const made = await make();
    const app = what === 'is a promise' ? (made as { app: unknown }).app : made;
    await expect(signIn(app as never, ADA)).rejects.toThrow(message);
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['no id', { name: 'Ada' }],
    ['an empty id', { id: '' }],
  ])('to which %s is given as an identity', async (_, identity) => {
    const middleware = sessionMiddleware({ secret: TEST_SECRET, store: testSessions().store });
    await expect(signIn(middleware, identity as never)).rejects.toThrow('needs an identity: an object whose "id" is a non-empty string');
  });

  test('in production: nobody is signed in without a password there', async () => {
    const middleware = sessionMiddleware({ secret: TEST_SECRET, store: testSessions().store });
    process.env['NODE_ENV'] = 'production';
    await expect(signIn(middleware, ADA)).rejects.toThrow('signIn() of nestjs-redis-session/testing is for tests');
    await expect(createTestSession()).rejects.toThrow('createTestSession() of nestjs-redis-session/testing is for tests');
    expect(() => testSessions()).toThrow('testSessions() of nestjs-redis-session/testing is for tests');
  });
});
