import assert from 'node:assert/strict';
import { test } from 'node:test';

import { patience, revokeAll, signIn, url } from './visitor.js';

test('a stream of events ends with its session, and the next request gets 401', patience, async ({ signal }) => {
  const cookie = await signIn('reader');
  const request = () => fetch(`${url}/events`, { headers: { cookie }, signal });
  const { body } = await request();
  assert.ok(body !== null);

  let received = '';
  let ended: unknown;
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    received += text;
    if (ended === undefined && received.includes('data: hello reader\n')) ended = await revokeAll(cookie);
  }
  assert.deepEqual(ended, { ended: 1 }, received);
  assert.equal((await request()).status, 401);
});
