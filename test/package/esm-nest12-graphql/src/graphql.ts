import 'reflect-metadata';
import { EventEmitter, on } from 'node:events';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Args, GraphQLModule, Int, Mutation, Query, Resolver, Subscription } from '@nestjs/graphql';
import { type HttpSession, Identity, Public, Session, SessionGuard, SessionManager, SessionSubscriptions } from 'nestjs-redis-session';

import { AppModule } from './app.module.js';

@Resolver()
@UseGuards(SessionGuard)
class AccountResolver {
  constructor(private readonly sessions: SessionManager) {}

  @Public()
  @Mutation(() => Boolean)
  async login(@Args('id') id: string, @Session() session: HttpSession) {
    await session.login({ id });
    return true;
  }

  @Query(() => String)
  me(@Identity('id') id: string) {
    return id;
  }

  /** Greets once, and goes on. */
  @Subscription(() => String, { resolve: ([text]: [string]) => text })
  greetings(@Identity('id') id: string) {
    const events = new EventEmitter();
    const greetings = on(events, 'greeting');
    events.emit('greeting', `hello ${id}`);
    return greetings;
  }

  @Mutation(() => Int)
  revokeAll(@Identity('id') id: string) {
    return this.sessions.revokeAll(id);
  }
}

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
