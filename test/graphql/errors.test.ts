import { describe, expect, test } from '@jest/globals';
import { Injectable, UseGuards, type ExecutionContext } from '@nestjs/common';
import { Args, Field, Mutation, ObjectType, Query, ResolveField, Resolver } from '@nestjs/graphql';
import type { IncomingMessage } from 'node:http';
import { CsrfExempt, Identity, Public, Session, SessionGuard, SessionManager, type HttpSession } from '../../src/index.js';
import type { Browser } from '../support/browser.js';
import { CapturedLog } from '../support/captured-log.js';
import type { TestApp } from '../support/create-app.js';
import { errorIn, graphqlServers, operate, type GraphqlOptions } from '../support/graphql-app.js';
import { useOutages } from '../support/outage-harness.js';
import { CROSS_SITE, SAME_ORIGIN } from '../support/origin-client.js';
import { blackouts } from '../support/outages.js';
import { useVariant, type HarnessOptions } from '../support/variants.js';

@ObjectType()
class Account {
  @Field(() => String) name!: string;
}

@Resolver(() => Account)
@UseGuards(SessionGuard)
class ShopResolver {
  constructor(private readonly manager: SessionManager) {}

  @Query(() => String) me(@Identity('id') id: string) {
    return id;
  }
  @Public() @Query(() => String, { nullable: true }) visitor(@Identity('id') id: string | undefined) {
    return id;
  }
  @Public() @Query(() => String) plain() {
    return 'plain';
  }
  @Public() @Query(() => [String]) cart(@Session('cart') cart: string[] = []) {
    return cart;
  }
  @Public() @Query(() => Account) account(): Account {
    return { name: 'an account' };
  }
  @ResolveField(() => String, { nullable: true }) owner(@Identity('id') id: string | undefined) {
    return id;
  }
  @Public() @Query(() => Number) async sessions() {
    return (await this.manager.list('ada')).sessions.length;
  }
  @Public() @Mutation(() => Boolean) async login(@Args('id') id: string, @Session() session: HttpSession) {
    await session.login({ id });
    return true;
  }
  @Public() @CsrfExempt() @Mutation(() => Boolean) hook() {
    return true;
  }
}

const UNAVAILABLE = { message: 'The session store is unavailable. Try again.', extensions: { code: 'SERVICE_UNAVAILABLE' } };

describe.each(graphqlServers)('$name', (server) => {
  const application = (options?: GraphqlOptions): HarnessOptions => ({ ...server.application(options), providers: [ShopResolver] });

  async function signIn(app: TestApp): Promise<Browser> {
    const browser = app.browser();
    expect((await operate(browser, 'mutation { login(id: "ada") }', SAME_ORIGIN)).data).toEqual({ login: true });
    return browser;
  }

  describe.each(server.variants.filter(({ kind }) => kind === 'hash'))('in an outage, $name', (variant) => {
    const outages = useOutages(variant);

    async function during(options: HarnessOptions = {}) {
      const app = await outages.openUnscripted({ ...application(), ...options });
      const browser = await signIn(app);
      const [outage] = blackouts;
      await outages.begin(outage!);
      return { app, browser };
    }

    test('whoever needs the session is told that the store is unavailable, and the rest is answered', async () => {
      const { browser } = await during();
      const { data, errors, response } = await operate(browser, '{ plain visitor account { name owner } }');
      expect(data).toEqual({ plain: 'plain', visitor: null, account: { name: 'an account', owner: null } });
      expect(errors).toEqual([expect.objectContaining(UNAVAILABLE), expect.objectContaining(UNAVAILABLE)]);
      expect(response.setCookies).toEqual([]);
      for (const query of ['{ me }', '{ visitor }', '{ cart }', '{ account { owner } }', '{ sessions }'])
        expect([query, errorIn(await operate(browser, query))]).toEqual([query, UNAVAILABLE]);
      expect((await operate(browser, '{ plain account { name } }')).data).toEqual({ plain: 'plain', account: { name: 'an account' } });
    });

    test('a sign-in fails, by what the method of the session rejects with', async () => {
      const { app } = await during();
      expect(errorIn(await operate(app.browser(), 'mutation { login(id: "bob") }'))).toEqual(UNAVAILABLE);
    });
  });

  describe.each(server.variants)('$name', (variant) => {
    const harness = useVariant(variant);

    test('a mutation of a page of another site is refused, and one that is exempt is not', async () => {
      const app = await harness.openUnscripted({ ...application(), session: { csrf: true } });
      const ada = await signIn(app);
      expect(errorIn(await operate(ada, 'mutation { login(id: "eve") }', CROSS_SITE))).toEqual({
        message: 'The request was refused: it may come from a page of another site.',
        extensions: { code: 'FORBIDDEN', reason: 'cross-site' },
      });
      expect((await operate(ada, 'mutation { hook }', CROSS_SITE)).data).toEqual({ hook: true });
      expect((await operate(ada, '{ me }', SAME_ORIGIN)).data).toEqual({ me: 'ada' });
    });

    test('a sign-in that has too many sessions already is a conflict', async () => {
      const store = { maxSessionsPerUser: { limit: 1, policy: 'reject' } } as const;
      const app = await harness.openUnscripted({ ...application(), store });
      await signIn(app);
      expect(errorIn(await operate(app.browser(), 'mutation { login(id: "ada") }'))).toEqual({
        message: 'This user has too many sessions already. Sign out on another device first.',
        extensions: { code: 'CONFLICT' },
      });
    });

    test('refusals are not logged as faults', async () => {
      const logger = new CapturedLog();
      const app = await harness.openUnscripted({ ...application(), session: { csrf: true }, logger });
      await operate(app.browser(), '{ me }', SAME_ORIGIN);
      await operate(app.browser(), '{ me }', CROSS_SITE);
      expect(logger.matching('error')).toEqual([]);
    });

    test('a context without the request is a fault, whose message says what to do', async () => {
      const app = await harness.openUnscripted(application({ context: () => ({ req: {} }) }));
      expect(errorIn(await operate(app.browser(), '{ me }'))).toMatchObject({
        message: expect.stringMatching(/^There is no request with a session in the context of this GraphQL operation\. See that/),
      });
    });

    test('a guard that finds the request in another place finds it for decorators too', async () => {
      @Injectable()
      class OtherPlaceGuard extends SessionGuard {
        protected override requestOf(context: ExecutionContext) {
          return context.getArgByIndex<{ incoming: IncomingMessage }>(2).incoming;
        }
      }
      @Resolver()
      @UseGuards(OtherPlaceGuard)
      class OtherResolver {
        @Query(() => String) me(@Identity('id') id: string) {
          return id;
        }
        @Public() @Mutation(() => Boolean) async login(@Session() session: HttpSession) {
          await session.login({ id: 'ada' });
          return true;
        }
      }
      const app = await harness.openUnscripted({
        ...server.application({ context: ({ req }) => ({ req: {}, incoming: req }) }),
        providers: [OtherResolver],
      });
      const browser = app.browser();
      expect(errorIn(await operate(browser, '{ me }'))).toMatchObject({ extensions: { code: 'UNAUTHENTICATED' } });
      expect((await operate(browser, 'mutation { login }')).data).toEqual({ login: true });
      expect((await operate(browser, '{ me }')).data).toEqual({ me: 'ada' });
    });
  });
});
