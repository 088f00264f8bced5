import type { Request } from 'express';
import type { HttpSession, SessionMembers } from 'nestjs-redis-session';
import './augmentations.js';

/** What existing code does with `req.session`, and what it gains. */
export async function use({ session, sessionID }: Request): Promise<void> {
  await session.login({ id: sessionID, roles: [] });
  await session.logout();
  await session.rotate();
  await session.save();
  await session.regenerate();
  session.save((error: unknown) => void error).reload(() => undefined);
  session.destroy(() => undefined);
  session.cookie.maxAge = 60_000;
  const roles: readonly string[] | undefined = session.identity?.roles;
  const { handle, isNew, createdAt, lastSeenAt, expiresAt } = session;
  const members: Pick<SessionMembers, 'handle' | 'isNew' | 'createdAt' | 'lastSeenAt' | 'expiresAt'> = {
    handle,
    isNew,
    createdAt,
    lastSeenAt,
    expiresAt,
  };
  session.cart = [{ sku: members.handle, quantity: roles?.length ?? 0 }];
  // @ts-expect-error only login and logout change it
  session.identity = { id: 1, roles: [] };
}

/** The two types of a session stand for each other. */
export function same(request: Request, given: HttpSession): HttpSession {
  // @ts-expect-error nobody sets the handle
  given.handle = request.session.handle;
  const cart: Request['session']['cart'] | undefined = given.cart;
  return cart === undefined ? request.session : given;
}
