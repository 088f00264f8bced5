// One process of the application under load: node server.js <order as JSON>
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Body, Controller, Get, HttpCode, Module, Param, Post, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { answerParent } from '../../bench/processes/child-side.js';
import { Public, RedisSessionModule, Session, SessionGuard, SessionManager, type HttpSession } from '../../src/index.js';
import type { Contents, ServerOrder } from './server-order.js';

const { redis, middleware } = JSON.parse(process.argv[2] ?? '{}') as ServerOrder;
const ENTRY = /^e\d+$/;
const OK = 200;

declare module 'express-session' {
  interface SessionData {
    count?: number;
  }
}

@Controller()
@UseGuards(SessionGuard)
class FaultsController {
  constructor(private readonly sessions: SessionManager) {}

  @Public()
  @Post('login/:user')
  @HttpCode(OK)
  async login(@Session() session: HttpSession, @Param('user') user: string): Promise<Contents> {
    await session.login({ id: user });
    return contentsOf(session);
  }

  @Public()
  @Get('me')
  me(@Session() session: HttpSession): Contents {
    return contentsOf(session);
  }

  @Post('change')
  @HttpCode(OK)
  change(@Session() session: HttpSession, @Body() { name, serial }: { name: string; serial: number }): Contents {
    Object.assign(session, { [name]: serial });
    return contentsOf(session);
  }

  @Post('increment')
  @HttpCode(OK)
  async increment(@Session() session: HttpSession): Promise<{ count: number }> {
    return { count: await session.increment('count') };
  }

  @Post('rotate')
  @HttpCode(OK)
  async rotate(@Session() session: HttpSession): Promise<void> {
    await session.rotate();
  }

  @Post('logout')
  @HttpCode(OK)
  async logout(@Session() session: HttpSession): Promise<void> {
    await session.logout();
  }

  @Public()
  @Post('revoke/:user/:handle')
  @HttpCode(OK)
  async revoke(@Param('user') user: string, @Param('handle') handle: string): Promise<{ ended: boolean }> {
    return { ended: await this.sessions.revoke(user, handle) };
  }

  @Public()
  @Post('revoke-all/:user')
  @HttpCode(OK)
  async revokeAll(@Param('user') user: string): Promise<{ ended: number }> {
    return { ended: await this.sessions.revokeAll(user) };
  }
}

function contentsOf(session: HttpSession): Contents {
  const entries = Object.entries(session).filter(([name]) => ENTRY.test(name));
  const user = session.identity === undefined ? null : String(session.identity.id);
  return { user, entries: Object.fromEntries(entries) as Record<string, number>, count: session.count ?? 0, handle: session.handle };
}

@Module({
  imports: [RedisSessionModule.forRoot({ redis, session: { middleware, secret: 'the secret of a run of faults, long enough' } })],
  controllers: [FaultsController],
})
class FaultsModule {}

const app = await NestFactory.create(FaultsModule, { logger: ['error', 'warn', 'fatal'] });
await app.listen(0, '127.0.0.1');

answerParent({
  origin: () => `http://127.0.0.1:${((app.getHttpServer() as Server).address() as AddressInfo).port}`,
  heap: () => process.memoryUsage().heapUsed,
});
