import { describe, expect, test } from '@jest/globals';
import { UseGuards } from '@nestjs/common';
import { Args, Mutation, Query, Resolver } from '@nestjs/graphql';
import { Identity, Passive, Public, Session, SessionContext, SessionGuard, type HttpSession } from '../../src/index.js';
import type { Browser } from '../support/browser.js';
import type { TestApp } from '../support/create-app.js';
import { graphqlServers, operate } from '../support/graphql-app.js';
import { GraphqlSocket } from '../support/graphql-socket.js';
import { until } from '../support/until.js';
import { useVariant } from '../support/variants.js';

@Resolver()
@UseGuards(SessionGuard)
class LookingResolver {
  constructor(private readonly context: SessionContext) {}

  @Public() @Mutation(() => Boolean) async login(@Args('id') id: string, @Session() session: HttpSession) {
    await session.login({ id });
    return true;
  }
  @Passive() @Query(() => String) look(@Identity('id') id: string) {
    return id;
  }
  @Query(() => String) use(@Identity('id') id: string) {
    return id;
  }
  @Query(() => String) async inContext(@Session() session: HttpSession) {
    await new Promise(setImmediate);
    return this.context.session.handle === session.handle ? this.context.identity?.id : 'another session';
  }
}

describe.each(graphqlServers)('$name', (server) => {
  describe.each(server.variants)('$name', (variant) => {
    const harness = useVariant(variant);

    async function signedIn(id = 'ada'): Promise<{ app: TestApp; browser: Browser; touches: string[] }> {
      const application = { ...server.application({ handshakes: {} }), providers: [LookingResolver] };
      const app = await harness.openUnscripted({ ...application, context: true, store: { touchAfter: 0 } });
      const browser = app.browser();
      await operate(browser, `mutation { login(id: "${id}") }`);
      const touches: string[] = [];
      const touch = app.store.touch.bind(app.store);
      Object.assign(app.store, { touch: (...args: Parameters<typeof touch>) => (touches.push('touch'), touch(...args)) });
      return { app, browser, touches };
    }

    test.each(['{ look use }', '{ use look }'])('a passive resolver is no activity, except beside one that is: %s', async (both) => {
      const { browser, touches } = await signedIn();
      expect((await operate(browser, '{ look }')).data).toEqual({ look: 'ada' });
      expect((await operate(browser, '{ look again: look }')).data).toEqual({ look: 'ada', again: 'ada' });
      expect(touches).toEqual([]);
      expect((await operate(browser, both)).data).toEqual({ look: 'ada', use: 'ada' });
      await until(() => touches.length > 0, 'the session is touched');
      expect(touches).toEqual(['touch']);
    });

    test('a passive resolver is no activity over a WebSocket either', async () => {
      const { app, browser, touches } = await signedIn();
      const socket = await GraphqlSocket.of(browser, app.origin);
      expect((await socket.operate('{ look }')).data).toEqual({ look: 'ada' });
      expect(touches).toEqual([]);
      expect((await socket.operate('{ use }')).data).toEqual({ use: 'ada' });
      await until(() => touches.length > 0, 'the session is touched');
      await socket.leave();
    });

    test('SessionContext has the session of the operation', async () => {
      const { app, browser } = await signedIn();
      const other = app.browser();
      await operate(other, 'mutation { login(id: "eve") }');
      const told = await Promise.all([browser, other].map(async (one) => (await operate(one, '{ inContext }')).data));
      expect(told).toEqual([{ inContext: 'ada' }, { inContext: 'eve' }]);
    });
  });
});
