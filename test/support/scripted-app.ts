import { All, Controller, NotFoundException, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sessionOf } from '../../src/express.js';
import type { HttpSession } from '../../src/index.js';
import { handleAsExpress } from './fastify-handler.js';
import { createApp, type TestApp, type TestAppOptions } from './create-app.js';

/** A session whose entries may have any name and value. */
// eslint-disable-next-line typescript/no-explicit-any -- a test says what it expects of an entry by asserting it
export type AnySession = Omit<HttpSession, 'identity'> & Record<string, any>;

/** `req.session`: the same, but for the members that only we have. */
// eslint-disable-next-line typescript/no-explicit-any -- likewise
export type AnyExpressSession = Record<string, any> &
  Pick<HttpSession, 'id' | 'cookie' | 'save' | 'reload' | 'regenerate' | 'destroy' | 'touch' | 'resetMaxAge'>;

/** What a scripted handler works with. The session is ours, and read from the request each time it is asked for. */
export interface HandlerContext {
  readonly session: AnySession;
  readonly request: Omit<Request, 'session'> & { session?: AnyExpressSession | null | undefined };
  readonly response: Response;
}

/** What a handler does. What it returns is the answer. */
export type Script = (context: HandlerContext) => unknown;

/** An application whose handlers a test writes where it needs them. */
export interface ScriptedApp extends TestApp {
  /** Answers requests of any method for that path. */
  on(path: string, script: Script): void;
}

/** Starts an application that answers `/login/:id`, `/logout`, `/whoami`, `/read`, `/plain` (which leaves the session alone), and what the test adds. */
export async function createScriptedApp({ controllers = [], ...options }: TestAppOptions): Promise<ScriptedApp> {
  const scripts = new Map<string, Script>([
    ['/logout', ({ session }) => session.logout()],
    ['/whoami', ({ session }) => ({ identity: session.identity ?? null })],
    ['/read', ({ session }) => ({ ...session, cookie: undefined })],
    ['/plain', () => 'plain'],
  ]);

  @Controller()
  class ScriptedController {
    @All('login/:id')
    async login(@Req() request: Request): Promise<void> {
      await sessionOf(request).login({ id: String(request.params['id']) }, { keep: true });
    }

    @All(options.platform === 'fastify' ? '*' : '{*path}')
    run(@Req() request: Request | FastifyRequest, @Res({ passthrough: true }) response: Response | FastifyReply): unknown {
      if ('raw' in response) return runOnFastify(request as FastifyRequest, response);
      return run(request, request as Request, response);
    }
  }

  /** @param own the request of the framework */
  function run(own: Request | FastifyRequest, request: object, response: object): unknown {
    const script = scripts.get((request as Request).path);
    if (script === undefined) throw new NotFoundException();
    return script({
      get session() {
        return sessionOf(own) as AnySession;
      },
      request: request as HandlerContext['request'],
      response: response as Response,
    });
  }

  async function runOnFastify(own: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { request, response, answer } = handleAsExpress(own, reply);
    return answer(await run(own, request, response));
  }

  const app = await createApp({ ...options, controllers: [...controllers, ScriptedController] });
  return { ...app, on: (path, script) => scripts.set(path, script) };
}
