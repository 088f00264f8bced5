import { afterEach, describe, expect, test } from '@jest/globals';
import { MemoryStore } from 'express-session';
import { Redis } from 'ioredis';
import { fastify } from 'fastify';
import { MemorySessionStore } from '../../src/index.js';
import { MigratingSessionStore, sessionMiddleware } from '../../src/express.js';
import { fastifySession } from '../../src/fastify.js';
import { nodeSessions } from '../../src/node.js';
import { createApp, TEST_SECRET } from '../support/create-app.js';

const adopt = () => undefined;
const REDIS = 'redis://127.0.0.1:1';
const client = () => {
  const made = new Redis(REDIS, { lazyConnect: true });
  clients.push(made);
  return made;
};
const clients: Redis[] = [];
afterEach(() => {
  for (const one of clients.splice(0)) one.disconnect();
});

const start = (options: object) => createApp({ redis: REDIS, ...options }).then((app) => app.close());

describe('what "adopt" cannot be, and with what it cannot go', () => {
  test.each<[string, object, RegExp]>([
    ['no function', { adopt: true }, /"adopt" must be a function .* received a boolean\. Write one, or use fromJwt/],
    ['null', { adopt: null }, /"adopt" must be a function .* received null/],
    ['the options of fromJwt() without it', { adopt: { verify: adopt, until: new Date() } }, /"adopt" must be a function .* use fromJwt\(/],
    [
      '"until" that is no date',
      { adopt: Object.assign(() => undefined, { until: '2031-06-30' }) },
      /"adopt\.until" must be a date.*new Date\(/,
    ],
    ['"until" that is no day', { adopt: Object.assign(() => undefined, { until: new Date('no') }) }, /"adopt\.until" must be a date/],
    [
      'with store.migrate',
      { adopt, session: { name: 'connect.sid' }, store: { migrate: 'prepare' } },
      /"adopt" must not be set with "store\.migrate".*Finish the move/,
    ],
    [
      'with the store of connect-redis',
      { adopt, store: { kind: 'connect-redis' } },
      /"adopt" must not be set with "store\.kind" "connect-redis".*to "hash"/,
    ],
    [
      'with a store made for express-session',
      { adopt, store: new MemoryStore() },
      /"adopt" must not be set with this store.*not one made for express-session/,
    ],
  ])('%s', async (_, options, message) => {
    await expect(start(options)).rejects.toThrow(message);
  });

  test('a store that migrates is named as such', async () => {
    const store = new MigratingSessionStore(client(), { migrate: 'convert' });
    await expect(start({ adopt, session: { name: 'connect.sid' }, store })).rejects.toThrow(
      /"adopt" must not be set with a store that migrates.*Finish the move/,
    );
  });

  test.each<[string, (options: { adopt: never; store: never }) => unknown]>([
    ['sessionMiddleware()', (more) => sessionMiddleware({ secret: TEST_SECRET, ...more })],
    ['nodeSessions()', (more) => nodeSessions({ secret: TEST_SECRET, ...more })],
    [
      'fastifySession',
      async (more) =>
        fastify()
          .register(fastifySession, { secret: TEST_SECRET, ...more })
          .ready(),
    ],
  ])('%s says the same', async (_, open) => {
    const given = async (more: object) => open({ store: new MemorySessionStore(), adopt, ...more } as never);
    await expect(given({ adopt: 'jwt' })).rejects.toThrow(/"adopt" must be a function/);
    await expect(given({ store: new MemoryStore() })).rejects.toThrow(/"adopt" must not be set with this store/);
  });
});
