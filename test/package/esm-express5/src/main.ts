import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import express, { type NextFunction, type Request, type Response } from 'express';
import { Redis } from 'ioredis';
import { RedisSessionStore, SessionManager, sessionMiddleware, sessionOf } from 'nestjs-redis-session/express';

declare module 'express-session' {
  interface SessionData {
    cart?: string[];
  }
}

const unused = ['@nestjs', 'express-session', 'connect-redis'].filter((name) => existsSync(`node_modules/${name}`));
if (unused.length > 0) throw new Error(`npm has installed what this application does not use: ${unused.join(', ')}.`);

const redis = new Redis(process.env['REDIS_URL'] ?? '');
const store = new RedisSessionStore(redis, { deadline: 10_000 });
const manager = new SessionManager(store);
const app = express();
app.use(express.json());
app.use(sessionMiddleware({ name: 'sid', secret: process.env['SESSION_SECRET'] ?? '', store }));

app.get('/visitor', (request, response) => {
  response.json({ isNew: sessionOf(request).isNew });
});

app.post('/cart', ({ session, body }, response) => {
  session.cart = [...(session.cart ?? []), body.sku];
  response.json(session.cart);
});

app.post('/login', async (request, response) => {
  const { id } = request.body;
  await sessionOf(request).login({ id }, { keep: ['cart'] });
  response.json({ id });
});

app.get('/me', (request, response) => {
  const { identity, cart } = sessionOf(request);
  if (identity === undefined) response.status(401).end();
  else response.json({ id: identity.id, cart });
});

app.post('/logout', async (request, response) => {
  const session = sessionOf(request);
  await manager.revokeOthers(session);
  await session.logout();
  response.status(204).end();
});

app.use(
  (
    error: Error & { statusCode?: number; headers?: Record<string, string> },
    _request: Request,
    response: Response,
    _next: NextFunction,
  ) => {
    console.error(error);
    response
      .status(error.statusCode ?? 500)
      .set(error.headers ?? {})
      .end();
  },
);

const server = app.listen(0, '127.0.0.1');
process.once('SIGTERM', () => server.close(() => redis.disconnect()));
server.once('listening', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
