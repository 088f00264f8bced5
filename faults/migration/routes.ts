import express, { Router, type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express';
import type { Contents } from './release.js';

const ENTRY = /^e\d+$/;
const UNAUTHORIZED = 401;
const ERROR = 500;

declare module 'express-session' {
  interface SessionData {
    shopper?: string;
  }
}

/** What a release can do that the one before could not. */
export interface NewAbilities {
  /** Ends all sessions of a user. */
  revokeAll(user: string): Promise<void>;
}

/** The same code with express-session and with this package: what the documentation of express-session tells everybody to write. */
export function routes(abilities?: NewAbilities): Router {
  const router = Router();
  router.use(express.json());

  router.post('/login/:user', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error !== undefined && error !== null) return next(error);
      request.session.shopper = request.params.user;
      request.session.save((failure) => {
        if (failure !== undefined && failure !== null) next(failure);
        else answer(request, response);
      });
    });
  });
  router.get('/me', answer);
  router.post('/change', signedIn, (request, response) => {
    const { name, serial } = request.body as { name: string; serial: number };
    Object.assign(request.session, { [name]: serial });
    answer(request, response);
  });
  router.post('/logout', signedIn, (request, response, next) => {
    request.session.destroy((error) => {
      if (error !== undefined && error !== null) next(error);
      else response.json(null);
    });
  });
  router.post('/revoke-all/:user', (request, response, next) => {
    if (abilities === undefined) return next(new TypeError('express-session cannot end the sessions of a user.'));
    abilities.revokeAll(request.params.user).then(() => response.json(null), next);
  });
  router.use(answerError);
  return router;
}

const signedIn: RequestHandler = (request, response, next) => {
  if (request.session.shopper === undefined) response.status(UNAUTHORIZED).json(null);
  else next();
};

function answer({ session }: Request, response: Response): void {
  const entries = Object.fromEntries(Object.entries(session).filter(([name]) => ENTRY.test(name))) as Record<string, number>;
  response.json({ user: session.shopper ?? null, entries } satisfies Contents);
}

/** With the status of the error, as Express' own, and without its page. */
const answerError: ErrorRequestHandler = (error: { readonly status?: number; readonly code?: string }, _request, response, next) => {
  if (response.headersSent) next(error);
  else response.status(error.status ?? ERROR).json({ code: error.code });
};
