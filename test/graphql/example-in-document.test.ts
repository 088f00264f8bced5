import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { INestApplication, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Browser } from '../support/browser.js';
import { firstExampleOf } from '../support/document-example.js';
import { errorIn, operate } from '../support/graphql-app.js';
import { GraphqlSocket } from '../support/graphql-socket.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';

let redis: RedisServer;
let app: INestApplication;
beforeAll(async () => {
  redis = await startRedis();
  Object.assign(process.env, { REDIS_URL: redis.url, SESSION_SECRET: 'the secret of an example in a document' });
  const { ShopModule } = await firstExampleOf<{ ShopModule: Type }>('docs/graphql.md');
  app = (await Test.createTestingModule({ imports: [ShopModule] }).compile()).createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
});
afterAll(async () => {
  await app.close();
  await redis.stop();
});

test('the shop of docs/graphql.md signs in, shows the account, by a socket too, and signs out', async () => {
  const browser = new Browser(await app.getUrl());
  const signedOut = { message: 'Sign in first.', extensions: expect.objectContaining({ code: 'UNAUTHENTICATED' }) };
  expect(errorIn(await operate(browser, '{ account { name } }'))).toEqual(signedOut);
  expect((await operate(browser, 'mutation { login(password: "wrong") }')).data).toEqual({ login: false });
  expect((await operate(browser, 'mutation { login(password: "lovelace") }')).data).toEqual({ login: true });
  expect((await operate(browser, '{ account { name cart } }')).data).toEqual({ account: { name: 'account of ada', cart: [] } });
  const origin = await app.getUrl();
  const [socket, visitor] = await Promise.all([GraphqlSocket.of(browser, origin), GraphqlSocket.of(new Browser(origin), origin)]);
  expect((await socket.operate('{ account { name } }')).data).toEqual({ account: { name: 'account of ada' } });
  await until(() => visitor.closed.length > 0, 'the socket of a visitor is closed');
  expect(visitor.closed).toEqual([{ code: 4401, reason: 'SESSION_REQUIRED' }]);
  expect((await operate(browser, 'mutation { logout }')).data).toEqual({ logout: true });
  expect(errorIn(await operate(browser, '{ account { name } }'))).toEqual(signedOut);
  await until(() => socket.closed.length > 0, 'the socket of a session that has ended is closed');
  expect(socket.closed).toEqual([{ code: 4401, reason: 'ended' }]);
  await Promise.all([socket.leave(), visitor.leave()]);
});
