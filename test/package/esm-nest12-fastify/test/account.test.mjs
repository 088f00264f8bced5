import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { SessionStore } from 'nestjs-redis-session';
import { sessionBehind, signIn, testSessions } from 'nestjs-redis-session/testing';

import { AppModule } from '../dist/app.module.js';

describe('the account', () => {
  const sessions = testSessions();
  let app;

  before(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(SessionStore)
      .useFactory(sessions)
      .compile();
    app = module.createNestApplication(new FastifyAdapter());
    await app.init();
  });

  after(() => app.close());

  it('is shown to who is signed in', async () => {
    const ada = await signIn(app, { id: 'ada' }, { entries: { cart: ['apple'] } });
    const { statusCode, payload } = await app.inject({ url: '/me', headers: ada.asHeader });
    assert.deepEqual([statusCode, JSON.parse(payload)], [200, { id: 'ada', cart: ['apple'] }]);
  });

  it('stores what is put into the cart', async () => {
    const ada = await signIn(app, { id: 'ada' });
    await app.inject({ method: 'POST', url: '/cart', cookies: ada.asCookies, payload: { sku: 'pear' } });
    assert.deepEqual((await sessionBehind(app, ada)).entries, { cart: ['pear'] });
  });

  it('is closed after half an hour without a request', async () => {
    const ada = await signIn(app, { id: 'ada' });
    await sessions.advance('31m');
    assert.equal((await app.inject({ url: '/me', headers: ada.asHeader })).statusCode, 401);
  });
});
