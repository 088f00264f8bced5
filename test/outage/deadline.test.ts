import { afterEach, describe, expect, test } from '@jest/globals';
import type { Sid } from '../../src/session/sid.js';
import type { Browser } from '../support/browser.js';
import { Barrier } from '../support/barrier.js';
import { BlockableStore } from '../support/blockable-store.js';
import { createScriptedApp, type AnySession, type ScriptedApp } from '../support/scripted-app.js';
import { until } from '../support/until.js';

/** In ms. */
const DEADLINE = 2_000;
/** So long each load takes: most of the deadline. */
const LOAD = 1_500;

class SlowStore extends BlockableStore {
  slow = false;

  override async find(sid: Sid) {
    if (this.slow) await passed(LOAD);
    return super.find(sid);
  }
}

function passed(ms: number): Promise<void> {
  const begunAt = performance.now();
  return until(() => performance.now() - begunAt >= ms, 'the time has passed');
}

describe.each(['builtin', 'express-session'] as const)('store.deadline with the middleware %s', (middleware) => {
  let app: ScriptedApp;
  afterEach(() => app.close());

  async function open(unset: 'keep' | 'destroy' = 'keep'): Promise<{ store: SlowStore; browser: Browser }> {
    const store = new SlowStore({ deadline: DEADLINE, logErrors: false });
    app = await createScriptedApp({ store, session: { middleware, unset } });
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
    const begunAt = performance.now();
    await browser.get('/change').catch(() => undefined);
    // Each with a deadline of its own would have taken 3.5 s.
    expect(performance.now() - begunAt).toBeLessThan(3_000);
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
      await passed(DEADLINE - LOAD + 500);
      barrier.open();
      await saved;
    });
    expect((await browser.get('/save')).status).toBe(200);
  });
});
