import 'reflect-metadata';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GraphQLModule } from '@nestjs/graphql';
import { SessionSubscriptions } from 'nestjs-redis-session';

import { AccountResolver } from './account.resolver.js';
import { AppModule } from './app.module.js';

@Module({
  imports: [
    AppModule,
    GraphQLModule.forRootAsync<ApolloDriverConfig>({
      driver: ApolloDriver,
      inject: [SessionSubscriptions],
      useFactory: (sessions: SessionSubscriptions) => ({
        autoSchemaFile: true,
        subscriptions: { 'graphql-ws': { onConnect: sessions.onConnect() } },
      }),
    }),
  ],
  providers: [AccountResolver],
})
class GraphqlModule {}

const app = await NestFactory.create(GraphqlModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
console.log(`listening on ${await app.getUrl()}`);
