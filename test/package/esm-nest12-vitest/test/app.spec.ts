import { createRequire } from 'node:module';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { MemorySessionStore, SessionStore } from 'nestjs-redis-session';

import { AppModule } from '../src/app.module.js';

describe('an application in ES modules, under Vitest', () => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(SessionStore)
      .useValue(new MemorySessionStore())
      .compile();
    app = module.createNestApplication();
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });

  afterAll(() => app.close());

  it('answers 401 without an identity', async () => {
    const response = await fetch(`${url}/me`);
    expect(response.status).toBe(401);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  it('hands the identity and the kept entries to a handler', async () => {
    const cart = await post('/cart', { sku: 'apple' });
    const login = await post('/login', { id: 'ada' }, cookieOf(cart));
    const response = await fetch(`${url}/me`, { headers: { cookie: cookieOf(login) } });
    expect(await response.json()).toEqual({ id: 'ada', cart: ['apple'] });
  });

  it('finds the same store by the class that is required', () => {
    const required = createRequire(import.meta.url)('nestjs-redis-session') as { SessionStore: typeof SessionStore };
    expect(app.get(required.SessionStore)).toBe(app.get(SessionStore));
  });

  function post(path: string, body: object, cookie = '') {
    return fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json', cookie }, body: JSON.stringify(body) });
  }

  function cookieOf(response: Response) {
    return response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  }
});
