import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MemorySessionStore, sessionMiddleware, sessionOf, type StoreOptions } from '../../src/express.js';
import type { Sid } from '../../src/session/sid.js';
import { generateSid, handleOf } from '../../src/session/sid.js';
import { TEST_SECRET } from '../support/create-app.js';
import { serve, type PlainServer } from '../support/plain-app.js';
import { RawClient } from '../support/raw-client.js';
import type { AnySession } from '../support/scripted-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { sessionStoredIn } from '../support/stored-session.js';
import { storedSid } from '../support/stored-sid.js';
import { Sessions } from '../../src/session/sessions.js';

let servers: PlainServer[] = [];
beforeEach(() => {
  servers = [];
});
afterEach(() => Promise.all(servers.map((server) => server.close())));

/** What a middleware gets in the place of a response: by ws as its documentation has it, and by `io.engine.use()` of Socket.IO. */
const PLACES: [string, (request: IncomingMessage) => object][] = [
  ['{}', () => ({})],
  ['an object with some of the methods of a response', (request) => new HandshakeResponse(request)],
];

class HandshakeResponse {
  readonly headers: Record<string, unknown> = {};

  constructor(readonly req: IncomingMessage) {}

  setHeader(name: string, value: unknown): void {
    this.headers[name] = value;
  }

  getHeader(name: string): unknown {
    return this.headers[name];
  }

  removeHeader(name: string): void {
    // oxlint-disable-next-line no-dynamic-delete -- as it does
    delete this.headers[name];
  }

  write(): void {}

  writeHead(): void {}

  end(): void {}
}

/** Begins the handshake of a WebSocket, and gives what the handler returned for it. */
async function shake(
  store: MemorySessionStore,
  sid: Sid,
  place: (request: IncomingMessage) => object,
  handler: (session: AnySession, response: object) => unknown,
): Promise<unknown> {
  const session = sessionMiddleware({ secret: TEST_SECRET, store });
  const server = await serve((_, response) => response.end());
  servers.push(server);
  const handled = new Promise((resolve, reject) => {
    server.server.on('upgrade', (request) => {
      const response = place(request);
      const next = () => {
        resolve(handler(sessionOf(request) as AnySession, response));
        // What Socket.IO says when it goes on.
        if ('writeHead' in response) (response as HandshakeResponse).writeHead();
        request.socket.destroy();
      };
      try {
        session(request, response as ServerResponse, next);
      } catch (error) {
        reject(new Error('The middleware has thrown.', { cause: error }));
        request.socket.destroy();
      }
    });
  });
  const client = await RawClient.connect(server.origin);
  client.request('GET', '/', { connection: 'Upgrade', upgrade: 'websocket', cookie: signedCookie(sid) });
  return handled;
}

describe.each(PLACES)('the handshake of a WebSocket, with %s for a response', (_, place) => {
  const stored = async (options?: StoreOptions) => {
    const store = new MemorySessionStore(options);
    return { store, sid: await storedSid(store, { cart: ['apple'] }) };
  };

  test('has the session of its cookie', async () => {
    const { store, sid } = await stored();
    expect(await shake(store, sid, place, (session) => session['cart'])).toEqual(['apple']);
  });

  test('can store what it changes', async () => {
    const { store, sid } = await stored();
    await shake(store, sid, place, (session) => {
      session['cart'] = ['pear'];
      return session.save();
    });
    expect((await sessionStoredIn(store, undefined, sid))?.entries).toEqual({ cart: ['pear'] });
  });

  test('can end it', async () => {
    const { store, sid } = await stored();
    expect(await shake(store, sid, place, (session) => session.destroy())).toBeUndefined();
    expect(await sessionStoredIn(store, undefined, sid)).toBeUndefined();
  });

  test('has an empty one when somebody else has ended it', async () => {
    const store = new MemorySessionStore();
    const sid = generateSid();
    const terms = { idle: undefined, cookie: undefined, wholeCookie: {} };
    await Sessions.of(store).create(sid, { entries: new Map(), terms, userId: 'ada' });
    expect(await store.revoke(handleOf(sid), { userId: 'ada', reason: 'revoked' })).toBe(true);
    expect(await shake(store, sid, place, (session) => session.isNew)).toBe(true);
  });

  test('rotates no secret, of which it could tell nobody', async () => {
    const { store, sid } = await stored({ rotateAfter: 0.001 });
    expect(await shake(store, sid, place, (session) => session.id)).toBe(sid);
  });
});
