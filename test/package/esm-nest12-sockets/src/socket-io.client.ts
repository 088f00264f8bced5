import assert from 'node:assert/strict';
import { test } from 'node:test';
import { io, type Socket } from 'socket.io-client';

import { patience, revokeAll, signIn, url } from './visitor.js';

/** A client with that cookie, which has not connected yet. */
function client(cookie: string): Socket {
  return io(url, { autoConnect: false, forceNew: true, extraHeaders: { cookie } });
}

function next(socket: Socket, event: string): Promise<unknown> {
  return new Promise((resolve) => socket.once(event, resolve));
}

test('socket.io: a visitor gets no socket', patience, async (context) => {
  const socket = client('');
  context.after(() => socket.disconnect());
  const refused = next(socket, 'connect_error');
  socket.connect();
  const { data } = (await refused) as { data?: { status: number; code: string } };
  assert.deepEqual([data?.status, data?.code], [401, 'SESSION_REQUIRED']);
  assert.equal(socket.active, false, 'it does not try again');
});

test(
  'socket.io: messages have the identity of the handshake, the guard asks for roles, and the socket ends with its session',
  patience,
  async (context) => {
    const cookie = await signIn('socket-io');
    const socket = client(cookie);
    context.after(() => socket.disconnect());
    const connected = next(socket, 'connect');
    socket.connect();
    await connected;

    const said = next(socket, 'said');
    socket.emit('say', 'hello');
    assert.deepEqual(await said, { by: 'socket-io', text: 'hello' });

    const refused = next(socket, 'exception');
    socket.emit('announce', 'hello');
    assert.equal(((await refused) as { status: number }).status, 403);

    const [ended, disconnected] = [next(socket, 'session-ended'), next(socket, 'disconnect')];
    assert.deepEqual(await revokeAll(cookie), { ended: 1 });
    assert.deepEqual(await ended, { reason: 'revoked' });
    assert.equal(await disconnected, 'io server disconnect');
    assert.equal(socket.active, false, 'it does not come back');
  },
);
