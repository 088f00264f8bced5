import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SessionStore } from 'nestjs-redis-session';
import { sessionBehind, signIn, testSessions } from 'nestjs-redis-session/testing';
import request from 'supertest';

import { AppModule } from '../src/app.module';

describe('the account', () => {
  const sessions = testSessions();
  let app: INestApplication;

  beforeAll(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(SessionStore)
      .useFactory(sessions)
      .compile();
    app = module.createNestApplication();
    await app.init();
  });

  afterAll(() => app.close());

  const get = (path: string) => request(app.getHttpServer()).get(path);
  const post = (path: string) => request(app.getHttpServer()).post(path);

  it('is shown to who is signed in', async () => {
    await get('/me').expect(401);
    const ada = await signIn(app, { id: 'ada' }, { entries: { cart: ['apple'] } });
    await get('/me')
      .set(ada.asHeader)
      .expect(200, { id: 'ada', cart: ['apple'] });
  });

  it('stores what is put into the cart', async () => {
    const ada = await signIn(app, { id: 'ada' });
    await post('/cart').set(ada.asHeader).send({ sku: 'pear' }).expect(201);
    expect(await sessionBehind(app, ada)).toMatchObject({ identity: { id: 'ada' }, entries: { cart: ['pear'] } });
  });

  it('is closed after half an hour without a request', async () => {
    const ada = await signIn(app, { id: 'ada' });
    await sessions.advance('31m');
    await get('/me').set(ada.asHeader).expect(401);
  });
});
