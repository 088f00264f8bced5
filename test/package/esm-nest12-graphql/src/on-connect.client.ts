import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';

test('a visitor may not subscribe: the socket is closed before it is acknowledged', { timeout: 120_000 }, async () => {
  const socket = new WebSocket(`${process.env['APP_URL']?.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init' }));
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  assert.deepEqual([code, reason.toString()], [4401, 'SESSION_REQUIRED']);
});
