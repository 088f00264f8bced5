import express from 'express';
import {
  MemorySessionStore,
  sessionMiddleware,
  sessionOf,
  type Identity,
  type IdentityFinder,
  type LoginOptions,
} from 'nestjs-redis-session/express';

declare module 'express-session' {
  interface SessionData {
    cart: string[];
    account: Identity;
  }
}

declare module 'nestjs-redis-session/express' {
  interface Identity {
    readonly roles: readonly string[];
  }
}

const identity: IdentityFinder = (session) => session.account;
const remembered: LoginOptions = { ttl: 86_400 };

export const app = express();
app.use(sessionMiddleware({ secret: 'a secret', store: new MemorySessionStore(), identity }));
app.post('/login', async (request, response) => {
  const session = sessionOf(request);
  await session.login({ id: 'ada', roles: ['admin'] }, remembered);
  response.json(session.identity?.roles.includes('admin'));
});
app.post('/guest', async (request) => {
  // @ts-expect-error: without the roles that an identity has here
  await sessionOf(request).login({ id: 'ada' });
});
