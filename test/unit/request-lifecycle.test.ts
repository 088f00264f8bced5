import type { IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { commitLate, commitSession } from '../../src/http/request/commit-session.js';
import type { HttpSession } from '../../src/http/request/http-session.js';
import { loadSession, rotateWhenDue } from '../../src/http/request/load-session.js';
import { keepState, RequestState } from '../../src/http/request/request-state.js';
import { confirmSession, httpSessionIn, identityIn } from '../../src/http/request/session-access.js';
import type { SessionOptions } from '../../src/http/request/session-options.js';
import { readSids, sessionHeader } from '../../src/http/request/session-headers.js';
import { SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import type { Clock } from '../../src/session/clock.js';
import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import { StubTransport } from '../support/stub-transport.js';
import { Sessions } from '../../src/session/sessions.js';
import { TestClock } from '../support/test-clock.js';

type Work = (session: HttpSession & Record<string, unknown>, state: RequestState) => unknown;

/** What an adapter does that has no response to hold back: load, rotate when due, let somebody use the session, commit, and tell. */
async function request(
  store: MemorySessionStore,
  cookie: string | undefined,
  work?: Work,
  options: Partial<SessionOptions> & { readonly clock?: Clock } = {},
) {
  const incoming = { headers: cookie === undefined ? {} : { cookie }, socket: {} } as IncomingMessage;
  const transport = new StubTransport(store, { request: incoming, ...options });
  const state = new RequestState(transport);
  keepState(incoming, state);
  readSids(state);
  await new Promise<void>((resolve) => loadSession(state, resolve));
  await new Promise<unknown>((resolve) => rotateWhenDue(state, resolve));
  await work?.(httpSessionIn(state) as HttpSession & Record<string, unknown>, state);
  const action = await commitSession(state);
  const [sent = ''] = (sessionHeader(state, action)?.value ?? '').split(';', 1);
  return { action, state, transport, cookie: sent.endsWith('=') || sent === '' ? undefined : sent };
}

async function signedIn(store: MemorySessionStore): Promise<string> {
  const { cookie } = await request(store, undefined, (session) => session.login({ id: 'ada' }));
  return cookie!;
}

test('a session is stored and found again without a response to patch', async () => {
  const store = new MemorySessionStore();
  const first = await request(store, undefined, (session) => (session['cart'] = ['tea']));
  expect(first).toMatchObject({ action: 'set', transport: { isWatched: true } });
  const seen: unknown[] = [];
  const second = await request(store, first.cookie, (session) => seen.push(session['cart']));
  expect([seen, second.action]).toEqual([[['tea']], 'nothing']);
});

test('a request that nobody asks for its session asks the store for nothing, and tells nothing', async () => {
  const { action, state } = await request(new MemorySessionStore(), undefined);
  expect([action, state.current, state.isAsked]).toEqual(['nothing', undefined, false]);
});

test('a sign-in is told, and who it is known to the next request', async () => {
  const store = new MemorySessionStore();
  const { state } = await request(store, await signedIn(store));
  expect(identityIn(state)).toEqual({ id: 'ada' });
});

test('a secret that is due is replaced before anybody uses the session, and told', async () => {
  const clock = new TestClock();
  const store = new MemorySessionStore({ rotateAfter: 1 }, clock);
  const cookie = await signedIn(store);
  clock.advance(1_000);
  const rotated = await request(store, cookie);
  expect(rotated.action).toBe('set');
  expect(rotated.cookie).not.toBe(cookie);
  expect(rotated.state.current?.active.handle).toBe(rotated.state.loaded?.record.handle);
});

test('a session that is destroyed is cleared', async () => {
  const store = new MemorySessionStore();
  const cookie = await signedIn(store);
  expect((await request(store, cookie, (session) => session.logout())).action).toBe('clear');
  expect((await request(store, cookie)).action).toBe('nothing');
});

test('a failed load goes on, throws for whoever asks, and tells nothing', async () => {
  const store = new MemorySessionStore({ logErrors: false });
  const cookie = await signedIn(store);
  const unavailable = new SessionStoreUnavailableError('timeout');
  Object.assign(store, { find: () => Promise.reject(unavailable) });
  const seen: unknown[] = [];
  const { action } = await request(store, cookie).catch((error: unknown) => ({ action: error }));
  expect(action).toBe('nothing');
  await request(store, cookie, (_session, state) => identityIn(state)).catch((error: unknown) => seen.push(error));
  expect(seen).toEqual([unavailable]);
});

test('an unchanged session that cannot be touched is not told', async () => {
  const store = new MemorySessionStore({ logErrors: false });
  const cookie = await signedIn(store);
  Object.assign(store, { touch: () => Promise.reject(new SessionStoreUnavailableError('timeout')) });
  expect((await request(store, cookie, undefined, { rolling: true })).action).toBe('nothing');
});

test('a commit waits for a call under way, and rejects when that has failed', async () => {
  const store = new MemorySessionStore({ logErrors: false });
  const cookie = await signedIn(store);
  const failure = new SessionStoreUnavailableError('timeout');
  Object.assign(store, { rotate: () => Promise.reject(failure) });
  await expect(request(store, cookie, (session) => void session.rotate())).rejects.toBe(failure);
});

test('once the head is out, changes are stored, nothing is told, and no session begins', async () => {
  const store = new MemorySessionStore();
  const { state, transport } = await request(store, await signedIn(store));
  transport.isHeadOut = true;
  (httpSessionIn(state) as unknown as Record<string, unknown>)['cart'] = ['tea'];
  await commitLate(state);
  expect(await commitSession(state)).toBe('nothing');
  expect((await Sessions.of(store).load(state.loaded!.sid))?.entries.get('cart')).toBe('["tea"]');

  const late = await request(store, undefined);
  late.transport.isHeadOut = true;
  (httpSessionIn(late.state) as unknown as Record<string, unknown>)['cart'] = ['tea'];
  expect(() => commitLate(late.state)).toThrow(/after the head of the response had left/);
});

test('what was loaded counts for a second; then the store is asked whether the session is still there', async () => {
  const store = new MemorySessionStore();
  const cookie = await signedIn(store);
  let now = 0;
  const { state } = await request(store, cookie, () => undefined, { clock: { now: () => now } });
  await store.destroy(state.loaded!.sid);
  now = 1_000;
  expect(confirmSession(state)).toBe(true);
  now = 1_001;
  expect(await confirmSession(state)).toBe(false);
  expect(identityIn(state)).toBeUndefined();
});
