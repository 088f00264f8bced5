import { Module, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Identity, Roles, SessionGuard } from 'nestjs-redis-session';
import { SessionSockets } from 'nestjs-redis-session/websocket';

import { AppModule } from './app.module.js';
import { EventsController } from './events.controller.js';

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

@Module({
  imports: [AppModule],
  controllers: [EventsController],
  providers: [SessionSockets, ChatGateway, { provide: APP_GUARD, useClass: SessionGuard }],
})
export class SocketsModule {}
