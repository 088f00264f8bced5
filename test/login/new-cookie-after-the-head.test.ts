import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import { describe, expect, test } from '@jest/globals';
import type { Request, Response } from 'express';
import { sessionOf } from '../../src/express.js';
import { SessionManager, type HttpSession } from '../../src/index.js';
import { CapturedLog } from '../support/captured-log.js';
import { Barrier } from '../support/barrier.js';
import { BlockableStore } from '../support/blockable-store.js';
import { createScriptedApp, type AnySession } from '../support/scripted-app.js';
import { until } from '../support/until.js';
import { expressVariants, useVariant } from '../support/variants.js';

const CALLS: Record<string, (session: HttpSession) => Promise<unknown>> = {
  login: (session) => session.login({ id: 'grace' }),
  reauthenticate: (session) => session.reauthenticate(),
  rotate: (session) => session.rotate(),
  regenerate: (session) => session.regenerate(),
  save: (session) => session.save(),
  increment: (session) => session.increment('visits'),
};
/** What they would change: the sid, or whether there is a session at all. */
const MOVING = ['login', 'reauthenticate', 'rotate', 'regenerate'];
const BEGINNING = ['login', 'save', 'increment'];

const BEGIN: Record<string, (response: Response) => unknown> = {
  'the head has left': (response) => response.flushHeaders(),
  'a first byte was handed over': (response) => response.write(' '),
};

@Controller('late')
class LateController {
  /** Begins the answer, then makes the call, and tells how it went. */
  @Get(':call/:begin')
  async late(
    @Param('call') call: string,
    @Param('begin') begin: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const session = sessionOf(request);
    BEGIN[begin]!(response);
    const outcome = await CALLS[call]!(session).then(
      () => 'resolved',
      (error: { code: string; message: string }) => `${error.code} ${error.message}`,
    );
    response.end(JSON.stringify({ outcome }));
  }
}

describe.each(expressVariants)('a call that needs a new cookie, $name', (variant) => {
  const harness = useVariant(variant);
  const refused = (call: string) => ({ outcome: expect.stringMatching(new RegExp(`^SESSION_MISUSE session\\.${call}\\(\\) .*before`)) });

  describe.each(Object.keys(BEGIN))('after %s', (begin) => {
    test.each(MOVING)('is refused, and the session stays what it was: %s()', async (call) => {
      const app = await harness.open({ controllers: [LateController] });
      const browser = app.browser();
      await browser.post('/login/ada');
      const sid = await browser.sid();
      const before = await harness.stored(app, sid);
      const answer = await browser.get(`/late/${call}/${begin}`);
      expect([answer.json, answer.setCookies]).toEqual([refused(call), []]);
      expect((await harness.stored(app, sid))?.entries).toEqual(before?.entries);
      expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
      expect([await new SessionManager(app.store).count('ada'), await new SessionManager(app.store).count('grace')]).toEqual([1, 0]);
    });

    test.each(BEGINNING)('is refused, and no session begins: %s()', async (call) => {
      const app = await harness.open({ controllers: [LateController] });
      const answer = await app.browser().get(`/late/${call}/${begin}`);
      expect([answer.json, answer.setCookies]).toEqual([refused(call), []]);
      expect([app.sessions.events.count('created'), await new SessionManager(app.store).count('grace')]).toEqual([0, 0]);
    });

    test('is none where the session is there already: save() and increment()', async () => {
      const app = await harness.open({ controllers: [LateController] });
      const browser = app.browser();
      await browser.post('/login/ada');
      for (const call of ['save', 'increment']) expect((await browser.get(`/late/${call}/${begin}`)).json).toEqual({ outcome: 'resolved' });
      expect((await harness.stored(app, await browser.sid()))?.entries).toMatchObject({ visits: 1 });
    });
  });

  test('is none where the head has told of the new session: save()', async () => {
    @Controller('told')
    class ToldController {
      @Get()
      async told(@Req() request: Request, @Res() response: Response): Promise<void> {
        const session = sessionOf(request) as unknown as AnySession;
        session['visits'] = 1;
        response.write(' ');
        await session.save();
        response.end('{"saved":true}');
      }
    }
    const app = await harness.open({ controllers: [ToldController] });
    const browser = app.browser();
    expect((await browser.get('/told')).json).toEqual({ saved: true });
    expect((await browser.get('/read')).json).toEqual({ visits: 1 });
  });

  test('a change after the end of the answer, which nobody stores, is logged once', async () => {
    @Controller('after')
    class AfterController {
      @Get()
      after(@Req() request: Request, @Res() response: Response): void {
        const session = sessionOf(request) as unknown as AnySession;
        response.end('{}');
        response.on('finish', () => {
          session['visits'] = 1;
          session['more'] = 1;
        });
      }
    }
    const logger = new CapturedLog();
    const app = await harness.open({ controllers: [AfterController], logger });
    const browser = app.browser();
    await browser.post('/login/ada');
    await browser.get('/after');
    await until(() => logger.matching('after the end of the response').length > 0, 'it is logged');
    await browser.get('/plain');
    expect(logger.matching('after the end of the response')).toEqual([expect.stringMatching(/"visits".*session\.save\(\)/)]);
  });
});

describe('with express-session, a login that nobody waits for', () => {
  test('and that comes too late for the cookie is logged once', async () => {
    const logged: Error[] = [];
    const store = new BlockableStore({ deadline: 60_000, logErrors: (error) => void logged.push(error) });
    const app = await createScriptedApp({ store, session: { middleware: 'express-session' } });
    try {
      app.on('/login-and-leave', ({ session }) => {
        store.barrier = new Barrier(1);
        void session.login({ id: 'ada' });
        return 'left';
      });
      const browser = app.browser();
      expect((await browser.get('/login-and-leave')).text).toBe('left');
      store.barrier?.open();
      await until(() => logged.length > 0, 'it is logged');
      await browser.get('/plain');
      expect(logged).toEqual([
        expect.objectContaining({ code: 'SESSION_MISUSE', message: expect.stringMatching(/login\(\).*nobody can use/) }),
      ]);
    } finally {
      await app.close();
    }
  });
});
