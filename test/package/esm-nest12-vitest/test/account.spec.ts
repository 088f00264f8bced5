import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SessionManager, SessionStore } from 'nestjs-redis-session';
import { createTestSession, sessionBehind, signIn, testSessions, type TestCookie } from 'nestjs-redis-session/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AccountController, AppModule } from '../src/app.module.js';

describe('the account', () => {
  const sessions = testSessions();
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(SessionStore)
      .useFactory(sessions)
      .compile();
    app = module.createNestApplication();
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });

  afterAll(() => app.close());

  const getAccount = async (who: TestCookie) => (await fetch(`${url}/me`, { headers: who.asHeader })).status;
  const addToCart = (who: TestCookie, sku: string) =>
    fetch(`${url}/cart`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...who.asHeader },
      body: JSON.stringify({ sku }),
    });

  it('is open for half an hour without a request', async () => {
    const ada = await signIn(app, { id: 'ada' });
    expect(await getAccount(ada)).toBe(200);
    await sessions.advance('31m');
    expect(await getAccount(ada)).toBe(401);
  });

  it('does not bring back a session that is ended while its cart is being stored', async () => {
    const ada = await signIn(app, { id: 'ada' });
    const barrier = sessions.holdCommits();
    const adding = addToCart(ada, 'pear');
    await barrier.full;
    await app.get(SessionManager).revokeAll('ada');
    barrier.open();
    await adding;
    expect(await sessionBehind(app, ada)).toBeUndefined();
  });

  it('adds to the cart, without a request', async () => {
    const session = await createTestSession({ entries: { cart: ['apple'] } });
    expect(new AccountController().add(session, 'pear')).toEqual(['apple', 'pear']);
  });
});
