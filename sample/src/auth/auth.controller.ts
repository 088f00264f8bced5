import { Body, Controller, HttpCode, Post, UnauthorizedException } from '@nestjs/common';
import { Session, type HttpSession, type Identity } from 'nestjs-redis-session';
import { CredentialsPipe, type Credentials } from './credentials.pipe.js';
import { UsersService } from './users.service.js';

@Controller('auth')
export class AuthController {
  constructor(private readonly users: UsersService) {}

  @Post('login')
  @HttpCode(200)
  async login(@Body(CredentialsPipe) credentials: Credentials, @Session() session: HttpSession): Promise<Identity> {
    const user = await this.users.verify(credentials);
    if (user === undefined) throw new UnauthorizedException('Wrong user name or password.');
    await session.login(user, { keep: ['cart'] });
    return user;
  }

  @Post('logout')
  @HttpCode(204)
  async logout(@Session() session: HttpSession): Promise<void> {
    await session.logout();
  }
}
