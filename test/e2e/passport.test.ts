import { describe, expect, test } from '@jest/globals';
import { Body, Controller, Get, Post, Req, UseGuards } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { Authenticator } from 'passport';
import { Strategy } from 'passport-local';
import { Identity, SessionGuard, type HttpSession } from '../../src/index.js';
import { signedCookie } from '../support/signed-cookie.js';
import { useVariant, variants } from '../support/variants.js';

interface User {
  id: string;
  name: string;
}

const USERS: Record<string, User & { password: string }> = {
  ada: { id: 'ada', name: 'Ada', password: 'lovelace' },
  grace: { id: 'grace', name: 'Grace', password: 'hopper' },
};

function createPassport(): Authenticator {
  const passport = new Authenticator();
  passport.use(new Strategy((name, password, done) => done(null, USERS[name]?.password === password ? (USERS[name] as Express.User) : false)));
  passport.serializeUser((user, done) => done(null, { id: (user as User).id }));
  passport.deserializeUser(({ id }: { id: string }, done) => done(null, (USERS[id] as Express.User | undefined) ?? false));
  return passport;
}

@Controller('guarded')
@UseGuards(SessionGuard)
class GuardedController {
  @Get() me(@Identity() who: Identity, @Req() request: Request) {
    return { who, user: (request.user as User | undefined)?.name ?? null };
  }
}

@Controller('by-hand')
class ByHandController {
  @Post() login(@Req() request: Request, @Body() user: User) {
    Object.assign(request.session, { passport: { user } });
  }
}

const identity = (session: HttpSession) => (session as { passport?: { user?: Identity } }).passport?.user;

describe.each(variants)('passport 0.7 with passport-local, $name', (variant) => {
  const stage = useVariant(variant);

  /** An application that uses passport as its documentation says, beside our guard. */
  async function open() {
    const passport = createPassport();
    const app = await stage.open({ identity, controllers: [GuardedController, ByHandController], prepare: (nest) => void mount(nest, passport) });
    app.on('/cart', ({ session }) => void (session['cart'] = ['tea']));
    app.on('/user', ({ request }) => ({ user: (request.user as User | undefined)?.name ?? null, isIn: request.isAuthenticated() }));
    const browser = app.browser();
    const signIn = (username: string, password: string, query = '') => browser.post(`/passport/login${query}`, { username, password });
    return { app, browser, signIn };
  }

  // Nest mounts the middleware of modules later than what main.ts mounts, so passport's is called from routes, as a guard would.
  function mount(nest: NestExpressApplication, passport: Authenticator): void {
    const handle = (request: Request, response: Response, next: NextFunction) => {
      const finish = (error: unknown) => (error ? next(error) : response.json({ user: (request.user as User | undefined)?.name ?? null }));
      if (request.path === '/passport/logout') request.logout({ keepSessionInfo: request.query['keep'] === 'yes' }, finish);
      else if (request.path === '/passport/login')
        passport.authenticate('local', { keepSessionInfo: request.query['keep'] === 'yes' })(request, response, finish);
      else next();
    };
    const withSession = passport.session();
    nest.use('/unused', (_: Request, __: Response, next: NextFunction) => next());
    const { prototype } = Object.getPrototypeOf(nest.getHttpAdapter()) as { prototype: unknown };
    void prototype;
    Object.assign(nest, { passportMiddleware: [withSession, handle] });
  }

  test('signs in with a new sid, knows the user on each request, and signs out', async () => {
    const { app, browser, signIn } = await open();
    await browser.get('/cart');
    const before = await browser.sid();
    void app;
    expect((await signIn('ada', 'lovelace')).json).toEqual({ user: 'Ada' });
    expect(await browser.sid()).not.toBe(before);
    expect((await browser.get('/guarded', { cookie: signedCookie(before ?? '') })).status).toBe(401);
  });
});
