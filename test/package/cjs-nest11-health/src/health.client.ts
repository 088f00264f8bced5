import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

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

/** By the name that `npx` finds in an application. It takes the Redis of REDIS_URL. */
async function command(...args: string[]): Promise<{ code: number; stdout: string }> {
  try {
    const { stdout } = await promisify(execFile)('npx', ['--no-install', 'nestjs-redis-session', ...args]);
    return { code: 0, stdout };
  } catch (error) {
    return error as { code: number; stdout: string };
  }
}

test('the command line is installed, sees the sessions of the application, and looks at its Redis', async () => {
  const headers = { 'Content-Type': 'application/json' };
  assert.equal((await fetch(`${url}/login`, { method: 'POST', headers, body: JSON.stringify({ id: 'hopper' }) })).ok, true);
  const { code, stdout: counted } = await command('count', 'hopper', '--json');
  assert.deepEqual([code, JSON.parse(counted)], [0, { command: 'count', user: 'hopper', sessions: 1 }]);
  // A Redis of a test, without persistence and a limit of its memory, is one to warn of.
  const { code: found, stdout } = await command('doctor', '--json');
  assert.equal(found, 1);
  assert.ok(Array.isArray((JSON.parse(stdout) as { findings: unknown }).findings));
  assert.equal((await command('reboot')).code, 2);
});
