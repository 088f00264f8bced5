import { EventEmitter, on } from 'node:events';
import { UseGuards } from '@nestjs/common';
import { Args, Int, Mutation, Query, Resolver, Subscription } from '@nestjs/graphql';
import { type HttpSession, Identity, Public, Session, SessionGuard, SessionManager } from 'nestjs-redis-session';

@Resolver()
@UseGuards(SessionGuard)
export class AccountResolver {
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
