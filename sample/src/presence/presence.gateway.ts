import { WebSocketGateway, WebSocketServer, type OnGatewayConnection, type OnGatewayDisconnect } from '@nestjs/websockets';
import { SessionSockets } from 'nestjs-redis-session/websocket';
import type { Server } from 'socket.io';

/** Tells everybody who is signed in which other users have the page open, at this process. Visitors get no socket. */
@WebSocketGateway()
export class PresenceGateway implements OnGatewayConnection, OnGatewayDisconnect {
  @WebSocketServer() private readonly server!: Server;

  constructor(private readonly sockets: SessionSockets) {}

  handleConnection(): void {
    this.#tellAll();
  }

  handleDisconnect(): void {
    this.#tellAll();
  }

  #tellAll(): void {
    const names = new Set<string>();
    for (const socket of this.server.sockets.sockets.values()) {
      const who = this.sockets.identityOf(socket);
      if (who !== undefined) names.add(who.name);
    }
    this.server.emit('here', [...names].toSorted());
  }
}
