import { Body, Controller, ForbiddenException, Get, HttpCode, Post, UseGuards } from '@nestjs/common';
import { FreshLogin, Identity, Passive, Session, SessionGuard, SessionManager, type HttpSession } from 'nestjs-redis-session';
import { UsersService } from '../auth/users.service.js';
import { PasswordChangePipe, type PasswordChange } from './password-change.pipe.js';
import { PasswordPipe } from './password.pipe.js';

const FIVE_MINUTES = 5 * 60;

@Controller('account')
@UseGuards(SessionGuard)
export class AccountController {
  constructor(
    private readonly users: UsersService,
    private readonly sessions: SessionManager,
  ) {}

  @Get('me')
  me(@Identity() who: Identity): Identity {
    return who;
  }

  /** When the session ends, for the page to ask again and again: asking doesn't keep the session alive. */
  @Passive()
  @Get('expiry')
  expiry(@Session() session: HttpSession): { expiresAt: Date | undefined; now: Date } {
    return { expiresAt: session.expiresAt, now: new Date() };
  }

  /** Lets a user who signed in a while ago do what `@FreshLogin()` guards. */
  @Post('reauthenticate')
  @HttpCode(204)
  async reauthenticate(@Identity() who: Identity, @Session() session: HttpSession, @Body(PasswordPipe) password: string): Promise<void> {
    await this.#check(who, password);
    await session.reauthenticate();
  }

  @Post('password')
  @HttpCode(200)
  @FreshLogin(FIVE_MINUTES)
  async changePassword(
    @Identity() who: Identity,
    @Session() session: HttpSession,
    @Body(PasswordChangePipe) { currentPassword, newPassword }: PasswordChange,
  ): Promise<{ ended: number }> {
    await this.#check(who, currentPassword);
    // First, since it is refused when the session has ended or Redis cannot be asked: nothing has changed then.
    await session.reauthenticate();
    // Then the password: nobody can sign in with the old one while the sessions made with it end.
    await this.users.changePassword(who, newPassword);
    return { ended: await this.sessions.revokeOthers(session, 'password-changed') };
  }

  async #check(who: Identity, password: string): Promise<void> {
    // Not 401: the requester is signed in.
    if (!(await this.users.hasPassword(who, password))) throw new ForbiddenException('That is not your password.');
  }
}
