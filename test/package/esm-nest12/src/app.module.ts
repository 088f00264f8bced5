import { Body, Controller, Get, HttpCode, Module, Post, UseGuards } from '@nestjs/common';
import { type HttpSession, Identity, Public, RedisSessionModule, Session, SessionGuard } from 'nestjs-redis-session';

declare module 'express-session' {
  interface SessionData {
    cart?: string[];
  }
}

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
      useFactory: () => ({
        redis: process.env['REDIS_URL'],
        session: {
          name: 'sid',
          secret: process.env['SESSION_SECRET'] ?? 'a secret of the tests of this application',
          resave: false,
          saveUninitialized: false,
        },
        // Its own tests have no Redis.
        store: { kind: process.env['REDIS_URL'] === undefined ? 'memory' : 'hash', deadline: 10_000 },
      }),
    }),
  ],
  controllers: [AccountController],
})
export class AppModule {}
