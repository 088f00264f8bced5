import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { INestApplication, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SessionStore } from 'nestjs-redis-session';
import { sessionBehind, signIn, testSessions, type TestCookie } from 'nestjs-redis-session/testing';

const GRACE = { id: 'u2', name: 'grace' };

/** The built sample in this process, whose time a test moves. */
describe('as time goes by', () => {
  const sessions = testSessions();
  let app: INestApplication;
  let origin: string;

  beforeAll(async () => {
    process.env['SESSION_SECRET'] = 'a secret of the tests of the sample, long enough';
    process.env['REDIS_URL'] = 'redis://127.0.0.1:1';
    const { AppModule } = (await import(join(import.meta.dirname, '../dist/app.module.js'))) as { AppModule: Type };
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(SessionStore)
      .useFactory(sessions)
      .compile();
    app = module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    origin = await app.getUrl();
  });

  afterAll(() => app?.close());

  const request = (who: TestCookie, path: string, method = 'GET') => fetch(origin + path, { method, headers: who.asHeader });

  test('an account is closed after half an hour without a request, and a busy one after eight hours', async () => {
    const grace = await signIn(app, GRACE);
    for (let minutes = 0; minutes < 8 * 60 - 20; minutes += 20) {
      await sessions.advance('20m');
      expect((await request(grace, '/account/me')).status).toBe(200);
    }
    await sessions.advance('20m');
    expect((await request(grace, '/account/me')).status).toBe(401);

    const idle = await signIn(app, GRACE);
    await sessions.advance('31m');
    expect(await sessionBehind(app, idle)).toBeUndefined();
  });

  test('other sessions can be ended for five minutes after a sign-in, and still be listed then', async () => {
    const grace = await signIn(app, GRACE);
    expect((await request(grace, '/sessions/revoke-others', 'POST')).status).toBe(200);
    await sessions.advance('5m');
    await sessions.advance('1s');
    const late = await request(grace, '/sessions/revoke-others', 'POST');
    expect([late.status, await late.json()]).toEqual([401, expect.objectContaining({ reason: 'login-not-fresh' })]);
    expect((await request(grace, '/sessions')).status).toBe(200);
  });

  test('only an administrator sees all users', async () => {
    const [grace, admin] = [await signIn(app, GRACE), await signIn(app, GRACE, { roles: ['admin'] })];
    expect((await request(grace, '/admin/users')).status).toBe(403);
    expect((await request(admin, '/admin/users')).status).toBe(200);
  });
});
