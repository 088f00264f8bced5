import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { test } from 'node:test';
import { WebSocket } from 'ws';

import { patience, revokeAll, signIn, url } from './visitor.js';

const place = url.replace('http', 'ws');

function send(socket: WebSocket, event: string, data: string): void {
  socket.send(JSON.stringify({ event, data }));
}

/** What the server sends next. */
async function answerTo(socket: WebSocket, event: string, data: string): Promise<unknown> {
  const answer = once(socket, 'message');
  send(socket, event, data);
  const [message] = await answer;
  return JSON.parse(String(message));
}

test('ws: a visitor gets no socket', patience, async () => {
  const socket = new WebSocket(place);
  socket.once('open', () => socket.terminate());
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  const { code } = (await json(response)) as { code: string };
  assert.deepEqual([response.statusCode, code], [401, 'SESSION_REQUIRED']);
});

test(
  'ws: messages have the identity of the handshake, the guard asks for roles, and the socket ends with its session',
  patience,
  async (context) => {
    const cookie = await signIn('ws');
    const socket = new WebSocket(place, { headers: { cookie } });
    context.after(() => socket.terminate());
    await once(socket, 'open');
    const refusal = { status: 403, code: 'SESSION_ROLE_MISSING', message: 'You may not do this.' };
    assert.deepEqual(await answerTo(socket, 'announce', 'for admins'), { event: 'exception', data: refusal });
    assert.deepEqual(await answerTo(socket, 'say', 'hello'), { event: 'said', data: { by: 'ws', text: 'hello' } });

    const closed = once(socket, 'close');
    assert.deepEqual(await revokeAll(cookie), { ended: 1 });
    const [code, reason] = await closed;
    assert.deepEqual([code, String(reason)], [1008, 'revoked']);
  },
);
