import 'reflect-metadata';
import type { INestApplication, WebSocketAdapter } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { SocketsModule } from './sockets.module.js';

export async function start(adapterOf: (app: INestApplication) => WebSocketAdapter): Promise<void> {
  const app = await NestFactory.create(SocketsModule, { logger: ['error', 'warn'] });
  app.useWebSocketAdapter(adapterOf(app));
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  console.log(`listening on ${await app.getUrl()}`);
}
