import { once } from 'node:events';
import type { Server } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { SessionSockets } from '../../src/websocket.js';
import { signIn, testSessions } from '../../src/testing.js';
import { createScriptedApp } from '../support/scripted-app.js';

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});

async function open() {
  const sessions = testSessions();
  const app = await createScriptedApp({ store: sessions.store, providers: [SessionSockets] });
  const feeds = new WebSocketServer({ server: app.app.getHttpServer() as Server });
  ending.push(
    () => app.close(),
    () => new Promise((resolve) => feeds.close(resolve)),
  );
  app.app.get(SessionSockets).attach(feeds);
  const connect = async (id: string) => {
    const { asHeader } = await signIn(app.app, { id });
    const served = once(feeds, 'connection');
    const client = new WebSocket(app.origin.replace('http', 'ws'), { headers: asHeader });
    ending.push(() => client.terminate());
    await served;
    return { client, closed: once(client, 'close') as Promise<[code: number]>, asHeader };
  };
  return { app, sessions, connect };
}

describe('advance()', () => {
  test('closes an open socket whose session has ended', async () => {
    const { app, sessions, connect } = await open();
    const { closed } = await connect('ada');
    expect(app.sessions.watched.size).toBe(1);
    await sessions.advance('31m');
    expect(app.sessions.watched.size).toBe(0);
    expect((await closed)[0]).toBe(1008);
  });

  test('leaves one open whose session goes on', async () => {
    const { app, sessions, connect } = await open();
    const [ada, bob] = [await connect('ada'), await connect('bob')];
    await sessions.advance('20m');
    await app.browser().get('/read', ada.asHeader);
    await sessions.advance('20m');
    expect((await bob.closed)[0]).toBe(1008);
    expect(ada.client.readyState).toBe(WebSocket.OPEN);
  });
});
