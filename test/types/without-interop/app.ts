import type { Request } from 'express';
import type { HttpSession } from 'nestjs-redis-session';
import type { HttpSession as SessionOfExpress, SessionEntries } from 'nestjs-redis-session/express';
import type { createServer, Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { NodeSessions, sessionMiddleware } from 'nestjs-redis-session/node';

declare module 'express-session' {
  interface SessionData {
    cart: string[];
  }
}

/** Fails to compile for `any`, which takes and gives everything. */
type NotAny<T> = 0 extends 1 & T ? never : T;

export function use({ session }: Request): NotAny<Request['session']> {
  const cart: NotAny<typeof session.cart> = session.cart;
  const maxAge: NotAny<typeof session.cookie.maxAge> = session.cookie.maxAge;
  session.save((error: unknown) => void [error, cart, maxAge]);
  // @ts-expect-error no name of ours is there
  session.login = true;
  // @ts-expect-error an entry that nobody declared
  session.basket = [];
  return session;
}

export async function gain(session: NotAny<HttpSession>, other: NotAny<SessionOfExpress>): Promise<NotAny<SessionEntries>> {
  const cart: NotAny<HttpSession['cart']> = session.cart;
  const cookie: NotAny<HttpSession['cookie']> = session.cookie;
  await session.login({ id: cart?.join() ?? String(cookie.maxAge) });
  await other.login({ id: 1 });
  // @ts-expect-error an entry cannot be written over a method
  session.login = true;
  // @ts-expect-error an entry that nobody declared
  other.basket = [];
  return session;
}

/** A server of HTTP/2 takes both forms as they are. */
export function serveHttp2(
  create: NotAny<typeof createServer>,
  middleware: NotAny<ReturnType<typeof sessionMiddleware>>,
  { loadSession, commitSession }: NotAny<NodeSessions>,
): void {
  create((request, response) => middleware(request, response, () => response.end()));
  const serve = async (request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> => {
    const session: NotAny<HttpSession> = await loadSession(request);
    await commitSession(request, response);
    response.end(String(session.identity?.id));
  };
  create((request, response) => void serve(request, response));
}
