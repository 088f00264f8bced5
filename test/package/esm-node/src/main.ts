import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { Redis } from 'ioredis';
import { nodeSessions, RedisSessionError, RedisSessionStore, type HttpSession } from 'nestjs-redis-session/node';

declare module 'express-session' {
  interface SessionData {
    cart?: string[];
  }
}

const unused = ['@nestjs', 'express', 'fastify', 'express-session', 'connect-redis'].filter((name) => existsSync(`node_modules/${name}`));
if (unused.length > 0) throw new Error(`npm has installed what this application does not use: ${unused.join(', ')}.`);

const redis = new Redis(process.env['REDIS_URL'] ?? '');
const { loadSession, commitSession } = nodeSessions({
  name: 'sid',
  secret: process.env['SESSION_SECRET'] ?? '',
  store: new RedisSessionStore(redis, { deadline: 10_000 }),
});

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

const routes: Readonly<Record<string, (session: HttpSession, request: IncomingMessage) => Answer | Promise<Answer>>> = {
  'GET /visitor': (session) => ({ status: 200, body: { isNew: session.isNew } }),
  'GET /me': ({ identity, cart }) => (identity === undefined ? { status: 401 } : { status: 200, body: { id: identity.id, cart } }),
  'POST /cart': async (session, request) => {
    const { sku } = (await json(request)) as { sku: string };
    session.cart = [...(session.cart ?? []), sku];
    return { status: 201, body: session.cart };
  },
  'POST /login': async (session, request) => {
    const { id } = (await json(request)) as { id: string };
    await session.login({ id }, { keep: ['cart'] });
    return { status: 201, body: { id } };
  },
  'POST /logout': async (session) => {
    await session.logout();
    return { status: 204 };
  },
};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const route = routes[`${request.method} ${request.url}`];
  if (route === undefined) return void response.writeHead(404).end();
  const { status, body } = await route(await loadSession(request), request);
  await commitSession(request, response);
  response.statusCode = status;
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

function refuse(error: unknown, response: ServerResponse): void {
  console.error(error);
  const { statusCode = 500, headers = {} } =
    error instanceof RedisSessionError ? (error as { statusCode?: number; headers?: Record<string, string> }) : {};
  response.writeHead(statusCode, headers).end();
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => refuse(error, response));
});
process.once('SIGTERM', () => server.close(() => redis.disconnect()));
server.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
