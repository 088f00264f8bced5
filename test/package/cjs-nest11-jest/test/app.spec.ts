import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { RedisSessionModule } from 'nestjs-redis-session';

import { AppModule } from '../src/app.module';

describe('an application in CommonJS, under jest', () => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
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

  it('is told which optional package it lacks', async () => {
    const imports = [
      RedisSessionModule.forRoot({
        redis: 'redis://127.0.0.1:1',
        session: { secret: 'a secret of the tests of this application' },
        store: { kind: 'connect-redis' },
      }),
    ];
    await expect(Test.createTestingModule({ imports }).compile()).rejects.toThrow('npm install connect-redis@8');
  });

  function post(path: string, body: object, cookie = '') {
    return fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json', cookie }, body: JSON.stringify(body) });
  }

  function cookieOf(response: Response) {
    return response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  }
});
