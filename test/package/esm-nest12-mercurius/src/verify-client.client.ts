import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { WebSocket } from 'ws';

test('a visitor may not subscribe: the handshake is answered with 401', { timeout: 120_000 }, async () => {
  const socket = new WebSocket(`${process.env['APP_URL']?.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  const { code } = JSON.parse(body) as { code?: unknown };
  assert.deepEqual([response.statusCode, code], [401, 'SESSION_REQUIRED']);
});
