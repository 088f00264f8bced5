import { inspect, isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import expressSession from 'express-session';
import { sessionOf } from '../../src/express.js';
import { builtinSessionMiddleware } from '../../src/http/request/builtin-session.middleware.js';
import { expressSessionMiddleware } from '../../src/express-session/express-session.middleware.js';
import { resolveSessionOptions } from '../../src/http/request/session-options.js';
import { SessionRuntime } from '../../src/http/request/session-runtime.js';
import { TEST_SECRET } from '../support/create-app.js';
import { content, operation, Doer, fresh, type Operation, type Entries } from '../support/object-scenarios.js';
import { plainExpress, serve, type PlainServer } from '../support/plain-app.js';
import { RecordingStore, type Write } from '../support/recording-store.js';
import type { AnySession } from '../support/scripted-app.js';
import { sidOf, signedCookie } from '../support/signed-cookie.js';
import { sessionStoredIn } from '../support/stored-session.js';
import { storedSid } from '../support/stored-sid.js';
import { Sessions } from '../../src/session/sessions.js';

const RUNS = 250;

type Step = Operation | { readonly does: 'save' } | { readonly does: 'reload' };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: operation },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ does: 'save' }, { does: 'reload' }) },
);
const scenario = fc.array(step, { maxLength: 12 });

/** What a session should be like: a plain object, and what of it is stored. */
class Model {
  current: Entries;
  readonly doer = new Doer();
  /** What is to be written, in order. */
  readonly writes: Write[] = [];

  /** @param stored `undefined` for a session that is new */
  constructor(public stored: Entries | undefined) {
    this.current = fresh(stored ?? {});
  }

  perform(one: Operation): unknown {
    const seen = this.doer.perform(this.current, one);
    // An entry that is undefined is none.
    for (const name of Object.keys(this.current)) if (this.current[name] === undefined) delete this.current[name];
    return seen;
  }

  reload(): void {
    this.current = fresh(this.stored ?? {});
  }

  /** @param evenEmpty whether a new session is stored although it has no entries */
  store(evenEmpty: boolean): void {
    const { stored } = this;
    const now = JSON.parse(JSON.stringify({ ...this.current, toJSON: undefined })) as Entries;
    if (this.current['toJSON'] !== undefined) now['toJSON'] = JSON.parse(JSON.stringify(this.current['toJSON']));
    if (stored === undefined) {
      if (!evenEmpty && Object.keys(now).length === 0) return;
      this.writes.push({ call: 'create', set: now });
    } else {
      const set = Object.fromEntries(
        Object.entries(now).filter(([name, value]) => !Object.hasOwn(stored, name) || !isDeepStrictEqual(value, stored[name])),
      );
      const removed = Object.keys(stored)
        .filter((name) => !Object.hasOwn(now, name))
        .toSorted();
      if (Object.keys(set).length + removed.length > 0) this.writes.push({ call: 'save', set, removed });
    }
    this.stored = now;
  }
}

describe.each([
  ['builtin', builtinSessionMiddleware],
  ['express-session', (runtime: SessionRuntime) => expressSessionMiddleware(runtime, expressSession)],
])('a session of %s', (_, middleware) => {
  const store = new RecordingStore();
  let server: PlainServer;
  let handle: (session: AnySession) => Promise<void>;
  let failure: Error | undefined;
  beforeAll(async () => {
    const settings = resolveSessionOptions({ secret: TEST_SECRET });
    const session = middleware(
      new SessionRuntime({ sessions: Sessions.of(store), settings, translate: (error) => error, warn: () => undefined }),
    );
    server = await serve(
      plainExpress(session, {
        '/': async (request, response) => {
          failure = undefined;
          await handle(sessionOf(request) as AnySession).catch((error: Error) => (failure = error));
          response.json('done');
        },
      }),
    );
  });
  afterAll(() => server.close());

  /** One request, whose handler does those steps and looks at what they see. Answers with the cookie for the next one. */
  async function request(cookie: string | undefined, steps: readonly Step[], model: Model): Promise<string | undefined> {
    handle = async (session) => {
      const doer = new Doer();
      for (const one of steps) {
        if (one.does === 'save') {
          await session.save();
          model.store(true);
        } else if (one.does === 'reload') {
          if (model.stored === undefined) continue;
          await session.reload();
          model.reload();
        } else check(one, doer.perform(session, one), model.perform(one));
      }
    };
    store.takeWrites();
    const answer = await fetch(server.origin, cookie === undefined ? {} : { headers: { cookie } });
    expect([answer.status, await answer.json()]).toEqual([200, 'done']);
    if (failure !== undefined) throw failure;
    model.store(false);
    const [told] = answer.headers.getSetCookie();
    return told ?? cookie;
  }

  async function play(begin: Entries | undefined, requests: readonly (readonly Step[])[]): Promise<void> {
    let cookie = begin === undefined ? undefined : signedCookie(await storedSid(store, begin));
    let stored = begin;
    for (const steps of requests) {
      const model = new Model(stored);
      cookie = (await request(cookie, steps, model))?.split(';')[0];
      expect(store.takeWrites()).toEqual(model.writes);
      expect((await sessionStoredIn(store, undefined, cookie && sidOf(cookie)))?.entries).toEqual(model.stored);
      stored = model.stored;
    }
  }

  test('does what a plain object would, and what differs in the end is written, and nothing else', async () => {
    const start = fc.option(content, { nil: undefined });
    await fc.assert(fc.asyncProperty(start, fc.array(scenario, { minLength: 1, maxLength: 3 }), play), { numRuns: RUNS });
  });

  test('is not written by a scenario that only looks at it', async () => {
    const looks: Operation['does'][] = [
      'get',
      'in',
      'hasOwn',
      'destructure',
      'spread',
      'stringify',
      'forIn',
      'keys',
      'values',
      'entries',
      'ownNames',
    ];
    const looking = fc.array(
      operation.filter(({ does }) => looks.includes(does)),
      { maxLength: 12 },
    );
    const unwritten = fc.asyncProperty(content, looking, async (begin, steps) => {
      const cookie = signedCookie(await storedSid(store, begin));
      await request(cookie, steps, new Model(begin));
      expect(store.takeWrites()).toEqual([]);
    });
    await fc.assert(unwritten, { numRuns: RUNS });
  });
});

/** Not by `expect`, to which an entry called "constructor" is another class. */
function check(one: Operation, seen: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(seen, expected)) throw new Error(`${inspect(one)} saw ${inspect(seen)} instead of ${inspect(expected)}`);
}
