import { Controller, Get } from '@nestjs/common';
import { Session, type HttpSession } from 'nestjs-redis-session';
import { SessionStorage } from './session-storage.js';

@Controller('page')
export class PageController {
  constructor(private readonly storage: SessionStorage) {}

  @Get('storage')
  place(): { place: string } {
    return { place: this.storage.place };
  }

  /** How to look at the session of this browser in Redis; without `command` when there is none to see. */
  @Get('session')
  session(@Session() session: HttpSession): { command?: string | undefined } {
    return session.isNew ? {} : { command: this.storage.commandFor(session.handle) };
  }
}
