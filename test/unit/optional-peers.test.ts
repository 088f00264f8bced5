import { describe, expect, test } from '@jest/globals';
import { loadWithPeer } from '../../src/redis-session.peers.js';
import { refusal } from '../support/refusal.js';

const WHY = '"store.kind" is "connect-redis"';

/** As Node and jest say it, from ESM and from CommonJS. */
const said: [who: string, code: string, message: (name: string) => string][] = [
  [
    'an ES module',
    'ERR_MODULE_NOT_FOUND',
    (name) => `Cannot find package '${name}' imported from /app/node_modules/nestjs-redis-session/dist/a.js`,
  ],
  [
    'a CommonJS module',
    'MODULE_NOT_FOUND',
    (name) => `Cannot find module '${name}'\nRequire stack:\n- /app/node_modules/connect-redis/dist/index.cjs`,
  ],
  ['jest', 'MODULE_NOT_FOUND', (name) => `Cannot find module '${name}' from 'node_modules/nestjs-redis-session/dist/a.js'`],
];

function failing(code: string, message: string): () => Promise<never> {
  return () => Promise.reject(Object.assign(new Error(message), { code }));
}

describe('an optional peer that is missing', () => {
  test.each(said)('is asked for by name, with the cure, when %s looks for it', async (_, code, message) => {
    const errors = await Promise.all(
      ['connect-redis', 'express-session'].map((name) => refusal(() => loadWithPeer(WHY, failing(code, message(name))))),
    );
    const needs = (name: string, install: string) => ({
      code: 'SESSION_CONFIG_INVALID',
      message: expect.stringContaining(`${WHY}, which needs the package ${name}, and that is not installed. Type: npm install ${install}`),
    });
    expect(errors).toEqual([needs('connect-redis', 'connect-redis@8'), needs('express-session', 'express-session')]);
  });

  test.each(said)('is not taken for the cause when %s looks for another one', async (_, code, message) => {
    const error = await refusal(() => loadWithPeer(WHY, failing(code, message('on-headers'))));
    expect(error?.message).toBe(message('on-headers'));
  });

  test('is not taken for the cause of what fails in it', async () => {
    const failure = new Error("Cannot find package 'connect-redis'");
    expect(await loadWithPeer(WHY, () => Promise.reject(failure)).catch((error: unknown) => error)).toBe(failure);
  });
});
