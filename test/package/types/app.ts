// What applications compile against the packed package: scripts/steps/packed-types.mjs, with every setting that is supported.
import { Body, Controller, Get, Injectable, Module, Post, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Redis } from 'ioredis';
import {
  Identity,
  InjectSessionRedis,
  Public,
  RedisSessionModule,
  Session,
  SessionGuard,
  SessionManager,
  type HttpSession,
  type RedisSessionOptions,
} from 'nestjs-redis-session';
import type { Handle, SessionRecord, SessionStore as StoreContract } from 'nestjs-redis-session/store';
import { RedisSessionStore, sessionMiddleware, sessionOf, type HttpSession as SessionOfExpress } from 'nestjs-redis-session/express';

declare module 'express-session' {
  interface SessionData {
    cart: string[];
  }
}

declare module 'nestjs-redis-session' {
  interface Identity {
    roles: string[];
  }
}

/** Fails to compile for `any`, which takes and gives everything. */
type NotAny<T> = 0 extends 1 & T ? never : T;

@Injectable()
export class Service {
  constructor(
    @InjectSessionRedis() readonly redis: Redis,
    private readonly sessions: SessionManager,
  ) {}

  async revokeAll(userId: string): Promise<number> {
    const { sessions } = await this.sessions.list(userId);
    await this.sessions.revokeAll(userId);
    return sessions.length;
  }
}

@Controller()
@UseGuards(SessionGuard)
export class AccountController {
  @Public()
  @Post('login')
  async login(@Session() session: HttpSession, @Body('id') id: string): Promise<void> {
    await session.login({ id, roles: [] }, { keep: ['cart'] });
    // @ts-expect-error an identity has what the application declares of it
    await session.login({ id });
  }

  @Get('me')
  me(@Identity() who: Identity, @Session('cart') cart: string[] | undefined): object {
    const roles: NotAny<string[]> = who.roles;
    return { roles, cart };
  }
}

const options: RedisSessionOptions = { redis: 'redis://localhost', session: { secret: 'a secret', cookie: { sameSite: 'lax' } } };

@Module({
  imports: [
    RedisSessionModule.forRoot(options),
    RedisSessionModule.forRootAsync({ useFactory: () => options, exclude: ['health'] }),
    // @ts-expect-error no such option
    RedisSessionModule.forRoot({ ...options, session: { secret: 'a secret', maxAge: 1 } }),
  ],
  controllers: [AccountController],
  providers: [Service],
})
export class AppModule {}

export function express(redis: Redis): (request: Request, response: Response, next: (error?: unknown) => void) => void {
  return sessionMiddleware({ secret: 'a secret', store: new RedisSessionStore(redis, { prefix: 'shop:' }) });
}

export class Stores {
  constructor(private readonly store: StoreContract) {}

  handle(record: NotAny<SessionRecord>): [NotAny<Handle> | undefined, NotAny<SessionRecord>] {
    return [this.store.index === undefined ? undefined : ('handle' as Handle), record];
  }
}

export async function use({ session }: Request): Promise<NotAny<Request['session']>> {
  const cart: NotAny<typeof session.cart> = session.cart;
  const maxAge: NotAny<typeof session.cookie.maxAge> = session.cookie.maxAge;
  session.save((error: unknown) => void [error, cart, maxAge]);
  // @ts-expect-error no name of ours is there
  session.login = true;
  // @ts-expect-error an entry that nobody declared
  session.basket = [];
  return session;
}

export async function gain(request: Request, session: NotAny<HttpSession>): Promise<NotAny<SessionOfExpress>> {
  const cart: NotAny<HttpSession['cart']> = session.cart;
  const cookie: NotAny<HttpSession['cookie']> = session.cookie;
  await session.login({ id: cart?.join() ?? String(cookie.maxAge), roles: [] });
  // @ts-expect-error an entry cannot be written over a method
  session.login = true;
  return sessionOf(request);
}
