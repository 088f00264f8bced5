import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const require = createRequire(import.meta.url);

// Before anything else is loaded: what two parts of an application may do at the same time.
const [main, express] = await Promise.all([
  import('nestjs-redis-session'),
  import('nestjs-redis-session/express'),
  import('@nestjs/common'),
  import('@nestjs/core'),
]);

test('import and require lead to the same', () => {
  assert.deepEqual({ ...require('nestjs-redis-session') }, { ...main });
  assert.deepEqual({ ...require('nestjs-redis-session/express') }, { ...express });
  assert.equal(require('nestjs-redis-session').SessionStore, main.SessionStore);
});

test('both entry points have the same classes', () => {
  assert.equal(express.SessionManager, main.SessionManager);
});
