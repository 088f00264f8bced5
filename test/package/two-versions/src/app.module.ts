import { Body, Controller, Get, HttpCode, Module, Post, type Type, UseGuards } from '@nestjs/common';
import * as present from 'nestjs-redis-session';
import * as other from '../other/index.js';

declare module 'express-session' {
  interface SessionData {
    cart?: string[];
  }
}

/** The same application by each version of the package. */
function account({ Identity, Public, Session, SessionGuard }: typeof present, path: string): Type {
  @Controller(path)
  @UseGuards(SessionGuard)
  class AccountController {
    @Public()
    @Get('visitor')
    visitor(@Session() session: present.HttpSession) {
      return { isNew: session.isNew };
    }

    @Public()
    @Post('cart')
    add(@Session() session: present.HttpSession, @Body('sku') sku: string) {
      session.cart = [...(session.cart ?? []), sku];
      return session.cart;
    }

    @Public()
    @Post('login')
    async login(@Session() session: present.HttpSession, @Body('id') id: string) {
      await session.login({ id }, { keep: ['cart'] });
      return { id };
    }

    @Get('me')
    me(@Identity('id') id: string, @Session('cart') cart: string[] | undefined) {
      return { id, cart };
    }

    @Post('logout')
    @HttpCode(204)
    async logout(@Session() session: present.HttpSession) {
      await session.logout();
    }
  }
  return AccountController;
}

function options(name: string): present.RedisSessionOptions {
  const hasRedis = process.env['REDIS_URL'] !== undefined;
  return {
    redis: process.env['REDIS_URL'],
    session: { name, secret: process.env['SESSION_SECRET'] ?? 'a secret of the tests of this application' },
    store: { kind: hasRedis ? 'hash' : 'memory', prefix: `${name === 'sid' ? '' : `${name}:`}sess:`, deadline: 10_000 },
  };
}

@Module({
  imports: [present.RedisSessionModule.forRoot({ ...options('sid'), exclude: ['old/{*path}'], isGlobal: false })],
  controllers: [account(present, '/')],
})
class PresentModule {}

@Module({
  imports: [other.RedisSessionModule.forRoot({ ...options('old'), forRoutes: ['old/{*path}'], isGlobal: false })],
  controllers: [account(other, 'old')],
})
class OtherModule {}

@Module({ imports: [PresentModule, OtherModule] })
export class AppModule {}
