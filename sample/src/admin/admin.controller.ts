import { Controller, Delete, Get, HttpCode, NotFoundException, Param, Query, UseGuards } from '@nestjs/common';
import { Roles, Session, SessionGuard, SessionManager, type HttpSession, type Identity } from 'nestjs-redis-session';
import { UsersService } from '../auth/users.service.js';
import { Devices, type DevicePage } from '../sessions/devices.js';
import { PageQueryPipe, type PageQuery } from '../sessions/page-query.pipe.js';

const REASON = 'ended-by-admin';

@Controller('admin/users')
@UseGuards(SessionGuard)
@Roles('admin')
export class AdminController {
  constructor(
    private readonly users: UsersService,
    private readonly devices: Devices,
    private readonly sessions: SessionManager,
  ) {}

  @Get()
  all(): readonly Identity[] {
    return this.users.all();
  }

  @Get(':id/sessions')
  list(@Param('id') userId: string, @Session() session: HttpSession, @Query(PageQueryPipe) page: PageQuery): Promise<DevicePage> {
    return this.devices.list(userId, page, session);
  }

  @Delete(':id/sessions')
  async endAll(@Param('id') userId: string): Promise<{ ended: number }> {
    return { ended: await this.sessions.revokeAll(userId, REASON) };
  }

  @Delete(':id/sessions/:handle')
  @HttpCode(204)
  async end(@Param('id') userId: string, @Param('handle') handle: string): Promise<void> {
    if (!(await this.sessions.revoke(userId, handle, REASON))) throw new NotFoundException('This user has no such session.');
  }
}
