import { existsSync } from 'node:fs';
import { fastify } from 'fastify';
import { Redis } from 'ioredis';
import { fastifySession, RedisSessionStore, requireSession, SessionManager, sessionOf } from 'nestjs-redis-session/fastify';

declare module 'express-session' {
  interface SessionData {
    cart?: string[];
  }
}

const unused = ['@nestjs', 'express', 'express-session', 'connect-redis'].filter((name) => existsSync(`node_modules/${name}`));
if (unused.length > 0) throw new Error(`npm has installed what this application does not use: ${unused.join(', ')}.`);

async function start() {
  const redis = new Redis(process.env['REDIS_URL'] ?? '');
  const store = new RedisSessionStore(redis, { deadline: 10_000 });
  const manager = new SessionManager(store);
  const app = fastify();
  await app.register(fastifySession, { name: 'sid', secret: process.env['SESSION_SECRET'] ?? '', store });

  app.get('/visitor', (request) => ({ isNew: sessionOf(request).isNew }));

  app.post<{ Body: { sku: string } }>('/cart', async ({ session, body }) => {
    session.cart = [...(session.get('cart') ?? []), body.sku];
    return session.cart;
  });

  app.post<{ Body: { id: string } }>('/login', async (request) => {
    const { id } = request.body;
    await sessionOf(request).login({ id }, { keep: ['cart'] });
    return { id };
  });

  app.get('/me', { preHandler: requireSession() }, async (request) => {
    const { identity, cart } = sessionOf(request);
    return { id: identity?.id, cart };
  });

  app.post('/logout', async (request, reply) => {
    const session = sessionOf(request);
    await manager.revokeOthers(session);
    await session.logout();
    return reply.code(204).send();
  });

  process.once('SIGTERM', () => void app.close().then(() => redis.disconnect()));
  console.log(`listening on ${await app.listen({ port: 0, host: '127.0.0.1' })}`);
}

void start();
