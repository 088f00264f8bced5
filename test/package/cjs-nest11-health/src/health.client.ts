import assert from 'node:assert/strict';
import { test } from 'node:test';

const url = process.env['APP_URL'] ?? '';

async function asked(path: string): Promise<[number, unknown]> {
  const response = await fetch(url + path);
  const { details } = (await response.json()) as { details: { sessions: unknown } };
  return [response.status, details.sessions];
}

test('on Terminus 11, what is degraded is up with degraded: true, and down where that is asked for', async () => {
  assert.deepEqual(await asked('/health'), [200, { status: 'up' }]);
  await fetch(`${url}/policy/allkeys-lru`, { method: 'POST' });
  assert.deepEqual(await asked('/health'), [200, { status: 'up', degraded: true, problems: ['evicting'] }]);
  assert.deepEqual(await asked('/ready'), [503, { status: 'down', problems: ['evicting'] }]);
  await fetch(`${url}/policy/noeviction`, { method: 'POST' });
  assert.deepEqual(await asked('/health'), [200, { status: 'up' }]);
});

test('metrics are measured in CommonJS too', async () => {
  const text = await (await fetch(`${url}/metrics`)).text();
  assert.match(text, /^nestjs_redis_session_created_total\{[^}]*\} [1-9]/m);
});
