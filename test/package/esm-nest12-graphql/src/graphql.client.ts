import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

const url = `${process.env['APP_URL']}/graphql`;
/** In ms. Far more than a busy machine needs. */
const patience = { timeout: 120_000 };

interface Result {
  readonly data?: unknown;
  readonly errors?: readonly { readonly extensions: { readonly code: string } }[];
}

async function operate(query: string, cookie = ''): Promise<Result & { readonly cookie: string }> {
  const headers = { 'content-type': 'application/json', cookie };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) });
  const result = (await response.json()) as Result;
  return { ...result, cookie: response.headers.getSetCookie()[0]?.split(';', 1)[0] ?? '' };
}

function subscriber(cookie: string) {
  class WithCookie extends WebSocket {
    constructor(address: string, protocols: string) {
      super(address, protocols, { headers: { cookie } });
    }
  }
  // As it comes, except that it connects once: it would try again where the server lets it.
  const client = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WithCookie, retryAttempts: 0 });
  return client.iterate({ query: 'subscription { greetings }' });
}

test('a query needs a login, which a mutation gives', patience, async () => {
  assert.equal((await operate('{ me }')).errors?.[0]?.extensions.code, 'UNAUTHENTICATED');
  const { data, cookie } = await operate('mutation { login(id: "ada") }');
  assert.deepEqual([data, (await operate('{ me }', cookie)).data], [{ login: true }, { me: 'ada' }]);
});

test('a subscription has the identity of its handshake, and is closed with 4401 when the session ends', patience, async () => {
  const { cookie } = await operate('mutation { login(id: "grace") }');
  const subscription = subscriber(cookie);
  assert.deepEqual((await subscription.next()).value, { data: { greetings: 'hello grace' } });
  assert.deepEqual((await operate('mutation { revokeAll }', cookie)).data, { revokeAll: 1 });
  await assert.rejects(subscription.next(), { code: 4401, reason: 'revoked' });
});
