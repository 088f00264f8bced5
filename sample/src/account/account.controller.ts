import { Controller, Get, UseGuards } from '@nestjs/common';
import { Identity, SessionGuard } from 'nestjs-redis-session';

@Controller('account')
@UseGuards(SessionGuard)
export class AccountController {
  @Get('me')
  me(@Identity() who: Identity): Identity {
    return who;
  }
}
