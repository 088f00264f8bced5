import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { MemorySessionStore } from '../../src/index.js';
import type { EndedSession, SessionRecord } from '../../src/session/session-record.js';
import type { Sid } from '../../src/session/sid.js';
import { generateSid } from '../../src/session/sid.js';
import { Barrier } from '../support/barrier.js';
import { BlockableStore } from '../support/blockable-store.js';
import { RawClient } from '../support/raw-client.js';
import { createScriptedApp, type ScriptedApp, type Script } from '../support/scripted-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { storedSid } from '../support/stored-sid.js';
import { until } from '../support/until.js';
import { redisVariants, useVariant } from '../support/variants.js';

/** Strings, and lists of them. */
const byText = (a: unknown, b: unknown) => String(a).localeCompare(String(b));

/** Who asks, as an application hangs a tenant, a transaction or a trace on a request. */
const asker = new AsyncLocalStorage<string>();
const prepare = (nest: NestExpressApplication) =>
  void nest.use((request: Request, _: Response, next: NextFunction) => asker.run(String(request.headers['x-asker']), next));

const NAMES = ['ada', 'grace', 'edith', 'joan'];

describe.each(redisVariants)('a request goes on in the context of who asked, $name', (variant) => {
  const harness = useVariant(variant);

  /** Asks for a path as each of them, all at once, and gives what each was answered. */
  async function askAll(app: ScriptedApp, path: string, cookieOf: (name: string) => string): Promise<unknown[]> {
    const ask = (name: string) => app.browser().get(path, { 'x-asker': name, cookie: cookieOf(name) });
    return (await Promise.all(NAMES.map(ask))).map(({ status, json }) => (status === 200 ? json : status));
  }

  /** Holds the handlers until all have come, so that what they begin is sent together. */
  async function answersOf(script: (context: Parameters<Script>[0]) => unknown, { joined = false } = {}): Promise<unknown[]> {
    const app = await harness.open({ prepare });
    const sids = new Map<string, Sid>();
    const shared = await storedSid(app.store, { n: 1 });
    for (const name of NAMES) sids.set(name, joined ? shared : await storedSid(app.store, { n: 1 }));
    const barrier = new Barrier(NAMES.length);
    void barrier.full.then(() => barrier.open());
    app.on('/ask', async (context) => {
      const loadedBy = asker.getStore();
      await barrier.pass();
      await script(context);
      return [loadedBy, asker.getStore()];
    });
    return askAll(app, '/ask', (name) => signedCookie(sids.get(name)!));
  }

  const own = NAMES.map((name) => [name, name]);

  test.each<[string, Script]>([
    ['a load', () => undefined],
    ['a save', ({ session }) => ((session['n'] = 2), session.save())],
    ['a save with a callback', ({ session }) => ((session['n'] = 2), new Promise((resolve) => session.save(resolve)))],
    ['a reload', ({ session }) => session.reload()],
    ['a sign-in', ({ session }) => session.login({ id: asker.getStore()! })],
    ['a rotation', ({ session }) => session.rotate()],
    ['an increment', ({ session }) => session.increment('n')],
    ['a new session', ({ session }) => session.regenerate()],
    ['a logout', ({ session }) => session.logout()],
  ])('after %s', async (_, script) => {
    expect(await answersOf(script)).toEqual(own);
  });

  test('after a load that several share', async () => {
    expect(await answersOf(() => undefined, { joined: true })).toEqual(own);
  });

  test('at the end of an answer whose session is stored', async () => {
    const ended: unknown[] = [];
    await answersOf(({ session, response }) => {
      session['n'] = asker.getStore();
      response.on('finish', () => ended.push([session['n'], asker.getStore()]));
    });
    await until(() => ended.length === NAMES.length, 'all are answered');
    expect(ended.toSorted(byText)).toEqual(own.toSorted(byText));
  });

  test('in what listens to its events', async () => {
    const app = await harness.open({ prepare });
    const heard: unknown[] = [];
    for (const name of ['created', 'loggedIn', 'destroyed'] as const)
      app.sessions.events.on(name, ({ userId }) => heard.push([name, userId, asker.getStore()]));
    app.on('/in-and-out', async ({ session }) => {
      await session.login({ id: asker.getStore()! });
      await session.logout();
      return {};
    });
    await askAll(app, '/in-and-out', () => '');
    const expected = NAMES.flatMap((name) => ['created', 'loggedIn', 'destroyed'].map((event) => [event, name, name]));
    expect(heard.toSorted(byText)).toEqual(expected.toSorted(byText));
  });
});

/** Never answers a load. */
class MuteStore extends MemorySessionStore {
  override find(): Promise<SessionRecord | EndedSession | undefined> {
    return new Promise(() => undefined);
  }
}

/** Tells in whose context it is written to. */
class WatchedStore extends BlockableStore {
  readonly writers: unknown[] = [];

  override async save(...args: Parameters<BlockableStore['save']>): ReturnType<BlockableStore['save']> {
    this.writers.push(asker.getStore());
    return super.save(...args);
  }
}

describe.each(['builtin', 'express-session'] as const)('a request goes on in the context of who asked, %s', (middleware) => {
  let app: ScriptedApp | undefined;
  afterEach(() => app?.close());

  test('after its load timed out', async () => {
    app = await createScriptedApp({ store: new MuteStore({ deadline: 50, logErrors: false }), session: { middleware }, prepare });
    app.on('/ask', () => [asker.getStore()]);
    const ask = (name: string) => app!.browser().get('/ask', { 'x-asker': name, cookie: signedCookie(generateSid()) });
    const answers = await Promise.all(NAMES.map(ask));
    expect(answers.map(({ json }) => json as unknown)).toEqual(NAMES.map((name) => [name]));
  });
});

describe('what a request has changed is stored in the context of who asked', () => {
  let app: ScriptedApp | undefined;
  afterEach(() => app?.close());

  test('when its client has gone', async () => {
    const store = new WatchedStore();
    app = await createScriptedApp({ store, prepare });
    const changed = new Barrier(NAMES.length);
    app.on('/change', ({ session }) => {
      session['by'] = asker.getStore();
      return changed.pass();
    });
    const clients: RawClient[] = [];
    for (const name of NAMES) {
      const client = await RawClient.connect(app.origin);
      client.request('GET', '/change', { cookie: signedCookie(await storedSid(store, {})), 'x-asker': name });
      clients.push(client);
    }
    await changed.full;
    for (const client of clients) client.leave();
    await until(() => store.writers.length === NAMES.length, 'all changes are stored');
    expect(store.writers.toSorted(byText)).toEqual(NAMES.toSorted(byText));
    changed.open();
  });
});
