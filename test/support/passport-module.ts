import { Module, type DynamicModule, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import passport from 'passport';
import { Strategy } from 'passport-local';

/** Somebody who can sign in with passport. */
export interface PassportUser {
  readonly id: string;
  readonly name: string;
}

const USERS: Record<string, PassportUser & { readonly password: string }> = {
  ada: { id: 'ada', name: 'Ada', password: 'lovelace' },
  grace: { id: 'grace', name: 'Grace', password: 'hopper' },
};

/**
 * passport with passport-local, mounted as its documentation says: `POST /passport/login` and `/passport/logout`, both with `?keep=yes`
 * for `keepSessionInfo`. The user is on the request elsewhere.
 *
 * @param exclude routes that passport is to leave alone
 */
export function passportModule(exclude: readonly string[] = []): DynamicModule {
  const authenticator = new passport.Passport();
  authenticator.use(
    new Strategy((name, password, done) => {
      const user = USERS[name];
      done(null, user?.password === password ? user : false);
    }),
  );
  authenticator.serializeUser((user, done) => done(null, { id: (user as PassportUser).id }));
  authenticator.deserializeUser(({ id }: { id: string }, done) => done(null, USERS[id] ?? false));

  const routes = (request: Request, response: Response, next: NextFunction) => {
    const options = { keepSessionInfo: request.query['keep'] === 'yes' };
    const answer = (error?: unknown) =>
      error ? next(error) : response.json({ user: (request.user as PassportUser | undefined)?.name ?? null });
    // Nest shortens request.path to what is left of the mount path.
    const path = request.originalUrl.split('?', 1)[0];
    if (path === '/passport/login') authenticator.authenticate('local', options)(request, response, answer);
    else if (path === '/passport/logout') request.logout(options, answer);
    else next();
  };

  @Module({})
  class PassportModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer
        .apply(authenticator.session(), routes)
        .exclude(...exclude)
        .forRoutes('{*path}');
    }
  }
  return { module: PassportModule };
}
