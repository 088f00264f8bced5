import { Controller, Post, Sse, UseGuards } from '@nestjs/common';
import { Identity, SessionGuard, SessionManager } from 'nestjs-redis-session';
import { concat, NEVER, type Observable, of } from 'rxjs';

@Controller()
@UseGuards(SessionGuard)
export class EventsController {
  constructor(private readonly sessions: SessionManager) {}

  @Sse('events')
  events(@Identity('id') id: string): Observable<{ data: string }> {
    return concat(of({ data: `hello ${id}` }), NEVER);
  }

  @Post('revoke-all')
  async revokeAll(@Identity('id') id: string) {
    return { ended: await this.sessions.revokeAll(id) };
  }
}
