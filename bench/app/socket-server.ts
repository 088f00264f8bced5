// What `npm run bench:sockets` measures: a gateway with three handlers, with `SessionSockets` or without. Started with `--expose-gc`.
import 'reflect-metadata';
import { Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Identity, RedisSessionModule, SessionGuard, SessionStore } from '../../src/index.js';
import { Sessions } from '../../src/session/sessions.js';
import { SessionSockets } from '../../src/websocket.js';
import type { SocketOrder, SocketUsage } from './socket-order.js';

const QUIET_MS = 500;

@UseGuards(SessionGuard)
@WebSocketGateway()
class BenchGateway {
  @SubscribeMessage('one')
  one(@Identity() who: Identity) {
    return { event: 'one', data: who };
  }

  @SubscribeMessage('two')
  two() {
    return { event: 'two', data: null };
  }

  @SubscribeMessage('three')
  three() {
    return { event: 'three', data: null };
  }
}

const order = JSON.parse(process.argv[2] ?? '') as SocketOrder;

@Module({
  imports: [RedisSessionModule.forRoot({ redis: order.redis, session: { secret: order.secret }, store: { deadline: 10_000 } })],
  providers: [BenchGateway, ...(order.withSessions ? [SessionSockets] : [])],
})
class BenchModule {}

const app = await NestFactory.create(BenchModule, { logger: ['error'] });
app.useWebSocketAdapter(order.kind === 'ws' ? new WsAdapter(app) : new IoAdapter(app));
await app.listen(0, '127.0.0.1');
const { watched } = Sessions.of(app.get(SessionStore));

let from = { cpu: process.cpuUsage(), at: performance.now() };

/** The heap in use once nothing is left to collect, and the time of the processor since the last usage was asked for. */
async function usage(): Promise<SocketUsage> {
  const { user, system } = process.cpuUsage(from.cpu);
  const cpu = (user + system) / 1_000 / (performance.now() - from.at);
  for (let n = 0; n < 4; n++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
  const heap = process.memoryUsage().heapUsed;
  from = { cpu: process.cpuUsage(), at: performance.now() };
  return { heap, cpu, watched: watched.size };
}

process.on('message', () => void usage().then((answer) => process.send?.(answer)));
process.send?.({ origin: (await app.getUrl()).replace('[::1]', '127.0.0.1') });
