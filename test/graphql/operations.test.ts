import { describe, expect, test } from '@jest/globals';
import { UseGuards } from '@nestjs/common';
import { Args, Field, Mutation, ObjectType, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { FreshLogin, Identity, Public, Roles, Session, SessionGuard, SessionManager, type HttpSession } from '../../src/index.js';
import { SessionRuntime } from '../../src/http/request/session-runtime.js';
import type { Browser } from '../support/browser.js';
import { commandsDuring } from '../support/command-recorder.js';
import { errorIn, graphqlServers, operate, operateTogether } from '../support/graphql-app.js';
import type { TestApp } from '../support/create-app.js';
import type { AnySession } from '../support/scripted-app.js';
import { age, keyOf } from '../support/stored-session.js';
import { useVariant, type Harness, type HarnessOptions } from '../support/variants.js';

@ObjectType()
class Account {
  @Field(() => String) name!: string;
}

@Resolver()
@UseGuards(SessionGuard)
class ShopResolver {
  @Query(() => String) me(@Identity('id') id: string) {
    return id;
  }
  @Public() @Query(() => String, { nullable: true }) visitor(@Identity() who: Identity | undefined) {
    return who?.id;
  }
  @Query(() => [String]) cart(@Session('cart') cart: string[] = []) {
    return cart;
  }
  @Roles('admin') @Query(() => String) admin() {
    return 'admin';
  }
  @FreshLogin(300) @Query(() => String) password() {
    return 'password';
  }
  @Public() @Mutation(() => Boolean) async login(@Args('id') id: string, @Session() session: HttpSession) {
    await session.login({ id, roles: [] });
    return true;
  }
  @Mutation(() => Boolean) add(@Args('item') item: string, @Session() session: AnySession) {
    session['cart'] = [...(session['cart'] ?? []), item];
    return true;
  }
  @Mutation(() => Boolean) async logout(@Session() session: HttpSession) {
    await session.logout();
    return true;
  }
}

@Resolver(() => Account)
class AccountResolver {
  @Query(() => Account) account(): Account {
    return { name: 'an account' };
  }
  @ResolveField(() => String, { nullable: true }) owner(@Parent() _account: Account, @Identity('id') id: string | undefined) {
    return id;
  }
  @ResolveField(() => [String]) cart(@Session('cart') cart: string[] = []) {
    return cart;
  }
}

const SIGNED_OUT = { message: 'Sign in first.', extensions: { code: 'UNAUTHENTICATED' } };

describe.each(graphqlServers)('$name', (server) => {
  const open = (harness: Harness, options: HarnessOptions = {}): Promise<TestApp> =>
    harness.openUnscripted({ ...server.application(), providers: [ShopResolver, AccountResolver], ...options });

  async function signIn(browser: Browser, id = 'ada'): Promise<Browser> {
    await operate(browser, `mutation { login(id: "${id}") }`);
    return browser;
  }

  describe.each(server.variants)('resolvers, $name', (variant) => {
    const harness = useVariant(variant);

    test('know who is signed in, and refuse visitors', async () => {
      const app = await open(harness);
      expect(errorIn(await operate(app.browser(), '{ me }'))).toEqual(SIGNED_OUT);
      expect((await operate(app.browser(), '{ visitor }')).data).toEqual({ visitor: null });
      const ada = await signIn(app.browser());
      expect((await operate(ada, '{ me visitor }')).data).toEqual({ me: 'ada', visitor: 'ada' });
    });

    test('sign in by a mutation, which sets the cookie of a new session', async () => {
      const app = await open(harness);
      const browser = app.browser();
      const { data, response } = await operate(browser, 'mutation { login(id: "ada") }');
      expect(data).toEqual({ login: true });
      expect(response.setCookies).toEqual([expect.stringMatching(/^sid=.*; HttpOnly/)]);
      expect((await harness.stored(app, await browser.sid()))?.entries).toEqual({ identity: { id: 'ada', roles: [] } });
    });

    test('change the session by a mutation', async () => {
      const app = await open(harness);
      const ada = await signIn(app.browser());
      await operate(ada, 'mutation { tea: add(item: "tea") cake: add(item: "cake") }');
      expect((await operate(ada, '{ cart }')).data).toEqual({ cart: ['tea', 'cake'] });
      expect((await harness.stored(app, await ada.sid()))?.entries['cart']).toEqual(['tea', 'cake']);
    });

    test('sign out by a mutation, which clears the cookie', async () => {
      const app = await open(harness);
      const ada = await signIn(app.browser());
      const copy = await ada.clone();
      const sid = await ada.sid();
      const { data, response } = await operate(ada, 'mutation { logout }');
      expect([data, response.setCookies]).toEqual([{ logout: true }, [expect.stringMatching(/^sid=;.*Expires=Thu, 01 Jan 1970/)]]);
      expect(await harness.stored(app, sid)).toBeUndefined();
      expect(errorIn(await operate(copy, '{ me }'))).toEqual(SIGNED_OUT);
    });

    test('of fields read the session of the operation', async () => {
      const app = await open(harness);
      const ada = await signIn(app.browser());
      await operate(ada, 'mutation { add(item: "tea") }');
      expect((await operate(ada, '{ account { name owner cart } }')).data).toEqual({
        account: { name: 'an account', owner: 'ada', cart: ['tea'] },
      });
      expect((await operate(app.browser(), '{ account { owner cart } }')).data).toEqual({ account: { owner: null, cart: [] } });
    });

    test('answer each operation of a batch, and each field, by itself', async () => {
      const app = await open(harness);
      expect(await operateTogether(app.browser(), ['{ visitor }', '{ me }'])).toEqual([
        { data: { visitor: null } },
        expect.objectContaining({ errors: [expect.objectContaining(SIGNED_OUT)] }),
      ]);
      const ada = await signIn(app.browser());
      expect(await operateTogether(ada, ['{ me }', 'mutation { add(item: "tea") }', '{ visitor }'])).toEqual([
        { data: { me: 'ada' } },
        { data: { add: true } },
        { data: { visitor: 'ada' } },
      ]);
    });

    test('refuse a user without the role', async () => {
      const ada = await signIn((await open(harness)).browser());
      expect(errorIn(await operate(ada, '{ admin }'))).toEqual({
        message: 'You may not do this.',
        extensions: { code: 'FORBIDDEN' },
      });
    });

    test('say why somebody is not signed in any more', async () => {
      const app = await open(harness);
      const ada = await signIn(app.browser());
      await app.app.get(SessionManager).revokeAll('ada');
      expect(errorIn(await operate(ada, '{ me }'))).toEqual({ ...SIGNED_OUT, extensions: { code: 'UNAUTHENTICATED', reason: 'revoked' } });
    });

    test('have sessions where only their path has a session', async () => {
      const app = await open(harness, { forRoutes: ['graphql'] });
      const ada = await signIn(app.browser());
      expect((await operate(ada, '{ me }')).data).toEqual({ me: 'ada' });
    });
  });

  describe.each(server.variants.filter(({ kind }) => kind === 'hash'))('in Redis, $name', (variant) => {
    const harness = useVariant(variant);

    test('a batch of operations loads the session once', async () => {
      const app = await open(harness);
      const ada = await signIn(app.browser());
      // What was loaded more than a second ago, as by a machine that stalls, would be confirmed.
      Object.assign(app.app.get(SessionRuntime), { clock: { now: () => 0 } });
      const commands = await commandsDuring(harness.redis, app.store, async () => {
        const answers = await operateTogether(ada, ['{ me }', '{ cart }', '{ account { owner } }']);
        expect(answers.map(({ data }) => data)).toEqual([{ me: 'ada' }, { cart: [] }, { account: { owner: 'ada' } }]);
      });
      expect(commands).toEqual(['hgetall']);
    });

    test('a sign-in that is not fresh asks for another', async () => {
      const app = await open(harness);
      const ada = await signIn(app.browser());
      expect((await operate(ada, '{ password }')).data).toEqual({ password: 'password' });
      await age(harness.client, keyOf(app.store, (await ada.sid()) ?? ''), 600_000);
      expect(errorIn(await operate(ada, '{ password }'))).toEqual({
        message: 'Sign in again to do this.',
        extensions: { code: 'UNAUTHENTICATED', reason: 'login-not-fresh' },
      });
    });
  });
});
