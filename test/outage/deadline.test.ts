import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { SessionRuntime } from '../../src/http/request/session-runtime.js';
import type { Sid } from '../../src/session/sid.js';
import type { Browser } from '../support/browser.js';
import { Barrier } from '../support/barrier.js';
import { BlockableStore } from '../support/blockable-store.js';
import { createScriptedApp, type AnySession, type ScriptedApp } from '../support/scripted-app.js';

/** In ms, by a clock that the test moves: in the time that there really is, nobody waits for so long. */
const DEADLINE = 600_000;
/** So long each load takes: nearly all of the deadline. */
const LOAD = 599_000;

class SlowStore extends BlockableStore {
  /** How much time has passed beside what really has. */
  passed = 0;
  slow = false;

  override async find(sid: Sid) {
    if (this.slow) this.passed += LOAD;
    return super.find(sid);
  }
}

describe.each(['builtin', 'express-session'] as const)('store.deadline with the middleware %s', (middleware) => {
  let app: ScriptedApp;
  afterEach(() => app.close());

  async function open(unset: 'keep' | 'destroy' = 'keep'): Promise<{ store: SlowStore; browser: Browser }> {
    const store = new SlowStore({ deadline: DEADLINE, logErrors: false });
    app = await createScriptedApp({ store, session: { middleware, unset } });
    Object.assign(app.app.get(SessionRuntime), { clock: { now: () => performance.now() + store.passed } });
    const browser = app.browser();
    await browser.post('/login/ada');
    store.slow = true;
    return { store, browser };
  }

  test.each<[string, (session: AnySession, request: { session: unknown }) => void]>([
    ['a change', (session) => void (session['cart'] = ['tea'])],
    ['an unset session', (_, request) => void (request.session = null)],
  ])('is what load and commit of a request may take together: %s', async (_, change) => {
    const { store, browser } = await open('destroy');
    const barrier = new Barrier(1);
    store.barrier = barrier;
    app.on('/change', ({ session, request }) => change(session, request as unknown as { session: unknown }));
    // With a deadline of its own, the commit would wait for ten minutes.
    await browser.get('/change').catch(() => undefined);
    barrier.open();
    await app.sessions.drain();
  });

  test('is what each explicit call may take besides', async () => {
    const { store, browser } = await open();
    app.on('/save', async ({ session }) => {
      session['cart'] = ['tea'];
      const barrier = new Barrier(1);
      store.barrier = barrier;
      const saved = session.save();
      await barrier.full;
      // With what the load has left, it would have given up by now.
      await sleep(50);
      barrier.open();
      await saved;
    });
    expect((await browser.get('/save')).status).toBe(200);
  });
});
