import { Body, Controller, Get, HttpCode, Module, type OnApplicationShutdown, Post, UseGuards } from '@nestjs/common';
import { createClient } from 'redis';
import { type HttpSession, Identity, Public, RedisSessionModule, Session, SessionGuard } from 'nestjs-redis-session';

declare module 'express-session' {
  interface SessionData {
    cart?: string[];
  }
}

const clients: { destroy(): void }[] = [];

@Controller()
@UseGuards(SessionGuard)
export class AccountController {
  @Public()
  @Get('visitor')
  visitor(@Session() session: HttpSession) {
    return { isNew: session.isNew };
  }

  @Public()
  @Post('cart')
  add(@Session() session: HttpSession, @Body('sku') sku: string) {
    session.cart = [...(session.cart ?? []), sku];
    return session.cart;
  }

  @Public()
  @Post('login')
  async login(@Session() session: HttpSession, @Body('id') id: string) {
    await session.login({ id }, { keep: ['cart'] });
    return { id };
  }

  @Get('me')
  me(@Identity('id') id: string, @Session('cart') cart: string[] | undefined) {
    return { id, cart };
  }

  @Post('logout')
  @HttpCode(204)
  async logout(@Session() session: HttpSession) {
    await session.logout();
  }
}

@Module({
  imports: [
    RedisSessionModule.forRootAsync({
      useFactory: async () => {
        const redis = createClient({ url: process.env['REDIS_URL'] ?? '', disableOfflineQueue: true, commandOptions: { timeout: 500 } });
        await redis.connect();
        clients.push(redis);
        return {
          redis,
          session: {
            name: 'sid',
            secret: process.env['SESSION_SECRET'] ?? 'a secret of the tests of this application',
            resave: false,
            saveUninitialized: false,
          },
          store: { deadline: 10_000 },
        };
      },
    }),
  ],
  controllers: [AccountController],
})
export class AppModule implements OnApplicationShutdown {
  /** The client is the application's to close. */
  onApplicationShutdown(): void {
    for (const client of clients) client.destroy();
  }
}
