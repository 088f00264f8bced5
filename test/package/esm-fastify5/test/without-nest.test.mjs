import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fastify } from 'fastify';
import { fastifySession, sessionOf } from 'nestjs-redis-session/fastify';
import { signIn, testSessions } from 'nestjs-redis-session/testing';

function openApp(store) {
  const app = fastify();
  app.register(fastifySession, { secret: 'a secret of the tests, thirty-two bytes or more', store });
  app.get('/me', async (request) => sessionOf(request).identity ?? 'nobody');
  return app;
}

it('forgets who has signed in after half an hour without a request', async () => {
  const sessions = testSessions();
  const app = openApp(sessions.store);
  await app.ready();
  const ada = await signIn(app, { id: 'ada' });
  assert.deepEqual((await app.inject({ url: '/me', headers: ada.asHeader })).json(), { id: 'ada' });
  await sessions.advance('31m');
  assert.equal((await app.inject({ url: '/me', headers: ada.asHeader })).payload, 'nobody');
  await app.close();
});
