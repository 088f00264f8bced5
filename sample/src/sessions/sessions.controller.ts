import { Controller, Delete, Get, HttpCode, NotFoundException, Param, Post, Query, UseGuards } from '@nestjs/common';
import { FreshLogin, Identity, Session, SessionGuard, SessionManager, type HttpSession } from 'nestjs-redis-session';
import { Devices, type DevicePage } from './devices.js';
import { PageQueryPipe, type PageQuery } from './page-query.pipe.js';

const FIVE_MINUTES = 5 * 60;

/** Where somebody is signed in. What ends a session wants fresh proof of who asks: with a stolen cookie, one could shut out its owner. */
@Controller('sessions')
@UseGuards(SessionGuard)
export class SessionsController {
  constructor(
    private readonly devices: Devices,
    private readonly sessions: SessionManager,
  ) {}

  @Get()
  list(
    @Identity('id') userId: Identity['id'],
    @Session() session: HttpSession,
    @Query(PageQueryPipe) page: PageQuery,
  ): Promise<DevicePage> {
    return this.devices.list(userId, page, session);
  }

  @Delete(':handle')
  @HttpCode(204)
  @FreshLogin(FIVE_MINUTES)
  async end(@Identity('id') userId: Identity['id'], @Session() session: HttpSession, @Param('handle') handle: string): Promise<void> {
    // The own one is a sign-out, which also drops the cookie.
    if (handle === session.handle) await session.logout();
    else if (!(await this.sessions.revoke(userId, handle))) throw new NotFoundException('There is no such session of yours.');
  }

  @Post('revoke-others')
  @HttpCode(200)
  @FreshLogin(FIVE_MINUTES)
  async endOthers(@Session() session: HttpSession): Promise<{ ended: number }> {
    return { ended: await this.sessions.revokeOthers(session) };
  }
}
