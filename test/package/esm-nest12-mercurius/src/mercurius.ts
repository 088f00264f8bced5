import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SessionSubscriptions } from 'nestjs-redis-session';

import { AccountResolver } from './account.resolver.js';
import { AppModule } from './app.module.js';
import { EventsController } from './events.controller.js';

@Module({
  imports: [
    AppModule,
    GraphQLModule.forRootAsync<MercuriusDriverConfig>({
      driver: MercuriusDriver,
      inject: [SessionSubscriptions],
      useFactory: (sessions: SessionSubscriptions) => ({
        autoSchemaFile: true,
        subscription: { fullWsTransport: true, verifyClient: sessions.verifyClient() },
      }),
    }),
  ],
  controllers: [EventsController],
  providers: [AccountResolver],
})
class MercuriusModule {}

const app = await NestFactory.create<NestFastifyApplication>(MercuriusModule, new FastifyAdapter(), { logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
console.log(`listening on ${await app.getUrl()}`);
