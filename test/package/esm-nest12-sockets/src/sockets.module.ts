import { Controller, Module, Post, Sse, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Identity, Roles, SessionGuard, SessionManager } from 'nestjs-redis-session';
import { SessionSockets } from 'nestjs-redis-session/websocket';
import { concat, NEVER, type Observable, of } from 'rxjs';

import { AppModule } from './app.module.js';

// The global guard covers gateways on Nest 12 only.
@UseGuards(SessionGuard)
@WebSocketGateway()
class ChatGateway {
  @SubscribeMessage('say')
  say(@Identity('id') by: string, @MessageBody() text: string) {
    return { event: 'said', data: { by, text } };
  }

  @Roles('admin')
  @SubscribeMessage('announce')
  announce(@MessageBody() text: string) {
    return { event: 'said', data: { text } };
  }
}

@Controller()
class EventsController {
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

@Module({
  imports: [AppModule],
  controllers: [EventsController],
  providers: [SessionSockets, ChatGateway, { provide: APP_GUARD, useClass: SessionGuard }],
})
export class SocketsModule {}
