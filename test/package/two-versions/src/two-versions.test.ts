import 'reflect-metadata';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MemorySessionStore, SessionManager, SessionStore } from 'nestjs-redis-session';
import { sessionMiddleware, sessionOf } from 'nestjs-redis-session/express';
import express, { type NextFunction, type Request, type Response } from 'express';
import * as other from '../other/index.js';

import { AppModule } from './app.module.js';

interface Answer {
  status: number;
  cookies: string[];
  body: unknown;
}

async function ask(url: string, method: string, path: string, cookies: string[] = [], body?: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json', cookie: cookies.join('; ') };
  const response = await fetch(url + path, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
  const given = response.headers.getSetCookie().map((one) => one.split(';')[0] ?? '');
  return { status: response.status, cookies: given, body: await response.json().catch(() => undefined) };
}

test('they are two', () => {
  assert.notEqual(other.SessionManager, SessionManager);
});

describe('two versions in one application of Nest', () => {
  let app: INestApplication;
  let url: string;
  before(async () => {
    app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  after(() => app.close());

  test('each has its own cookie, guard and store', async () => {
    const present = await ask(url, 'POST', '/login', [], { id: 'ada' });
    const old = await ask(url, 'POST', '/old/login', [], { id: 'bob' });
    const cookies = [...present.cookies, ...old.cookies];
    assert.deepEqual(cookies.map((cookie) => cookie.split('=')[0]).toSorted(), ['old', 'sid']);
    assert.deepEqual((await ask(url, 'GET', '/me', cookies)).body, { id: 'ada' });
    assert.deepEqual((await ask(url, 'GET', '/old/me', cookies)).body, { id: 'bob' });
    assert.equal((await ask(url, 'GET', '/me', old.cookies)).status, 401);
    assert.equal((await ask(url, 'GET', '/old/me', present.cookies)).status, 401);
    assert.notEqual(app.get(SessionStore, { strict: false }), app.get(other.SessionStore, { strict: false }));
  });

  test('signing out of one leaves the other', async () => {
    const present = await ask(url, 'POST', '/login', [], { id: 'ada' });
    const old = await ask(url, 'POST', '/old/login', [], { id: 'bob' });
    const cookies = [...present.cookies, ...old.cookies];
    assert.equal((await ask(url, 'POST', '/old/logout', cookies)).status, 204);
    assert.equal((await ask(url, 'GET', '/old/me', cookies)).status, 401);
    assert.deepEqual((await ask(url, 'GET', '/me', cookies)).body, { id: 'ada' });
  });
});

describe('two versions in one application of Express', () => {
  const secret = 'a secret of the tests of this application';

  async function serving(mount: (app: express.Express) => void, use: (url: string) => Promise<void>): Promise<void> {
    const app = express();
    app.use(express.json());
    mount(app);
    app.use((error: Error, _request: Request, response: Response, _next: NextFunction) => {
      response.status(500).json({ message: error.message });
    });
    const server = app.listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as { port: number };
      await use(`http://127.0.0.1:${port}`);
    } finally {
      server.close();
    }
  }

  test('sessions of one are sessions of the other, over one store', async () => {
    const store = new MemorySessionStore();
    const mount = (app: express.Express) => {
      app.use('/old', other.sessionMiddleware({ name: 'sid', secret, store }));
      app.use('/new', sessionMiddleware({ name: 'sid', secret, store }));
      app.post('/old/login', async (request, response) => {
        await other.sessionOf(request).login({ id: 'ada' });
        response.json({});
      });
      app.get('/new/me', (request, response) => {
        response.json(sessionOf(request).identity);
      });
    };
    await serving(mount, async (url) => {
      const { cookies } = await ask(url, 'POST', '/old/login', [], {});
      assert.deepEqual((await ask(url, 'GET', '/new/me', cookies)).body, { id: 'ada' });
    });
  });

  test('the second on one request leaves it to the first', async () => {
    const mount = (app: express.Express) => {
      app.use(other.sessionMiddleware({ name: 'first', secret, store: new other.MemorySessionStore() }));
      app.use(sessionMiddleware({ name: 'second', secret, store: new MemorySessionStore() }));
      app.post('/login', async (request, response) => {
        await other.sessionOf(request).login({ id: 'ada' });
        response.json({});
      });
      app.get('/me', (request, response) => {
        response.json(other.sessionOf(request).identity);
      });
    };
    await serving(mount, async (url) => {
      const { cookies } = await ask(url, 'POST', '/login', [], {});
      assert.deepEqual(
        cookies.map((cookie) => cookie.split('=')[0]),
        ['first'],
      );
      assert.deepEqual((await ask(url, 'GET', '/me', cookies)).body, { id: 'ada' });
    });
  });
});
