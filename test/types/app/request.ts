import type { Request } from 'express';
import type { HttpSession, SessionMembers } from 'nestjs-redis-session';
import './augmentations.js';

/** Fails to compile for `any`, which takes and gives everything. */
type NotAny<T> = 0 extends 1 & T ? never : T;

/** What existing code does with `req.session`. */
export function use({ session, sessionID }: Request): NotAny<Request['session']> {
  session.save((error: unknown) => void error).reload(() => undefined);
  session.destroy(() => undefined);
  session.cookie.maxAge = 60_000;
  session.cart = [{ sku: sessionID, quantity: 1 }];
  // @ts-expect-error no name of ours is there, whatever an application may keep under it
  session.login = true;
  // @ts-expect-error nor for reading
  void session.handle;
  return session;
}

/** What it gains. */
export async function gain(session: NotAny<HttpSession>): Promise<NotAny<HttpSession['cookie']>> {
  await session.login({ id: session.id, roles: [] });
  await session.logout();
  await session.rotate();
  await session.save();
  await session.regenerate();
  session.save((error: unknown) => void error).reload(() => undefined);
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
  // @ts-expect-error an entry cannot be written over a method
  session.login = true;
  return session.cookie;
}

/** Entries are typed once for both. */
export function same({ session }: Request, given: HttpSession): void {
  // @ts-expect-error nobody sets the handle
  given.handle = 'mine';
  const cart: Request['session']['cart'] | undefined = given.cart;
  if (cart !== undefined) session.cart = cart;
  // @ts-expect-error req.session is not what has the members
  given = session;
}
