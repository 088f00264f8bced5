import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EXIT } from '../../src/cli/exit-codes.js';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { SessionManager } from '../../src/session/session-manager.js';
import { PATIENT } from '../support/connections.js';
import { RunningProgram } from '../support/run-program.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { signedIn } from '../support/visitor.js';

let server: RedisServer;
let redis: OpenRedis<OwnClient>;
let store: RedisSessionStore;
let manager: SessionManager;

beforeAll(async () => {
  server = await startRedis();
  redis = await openRedis({ ...server.options, ...PATIENT }, () => undefined);
  store = new RedisSessionStore(redis.client, { deadline: 60_000 });
  manager = new SessionManager(store);
});
afterAll(async () => {
  await redis.close(1_000);
  await server.stop();
});

function start(args: readonly string[], preload?: string): RunningProgram {
  return new RunningProgram(args, {
    env: { REDIS_URL: server.url, REDIS_TIMEOUT: '600000' },
    ...(preload === undefined ? {} : { preload }),
  });
}

/** Lets scripts wait in Redis, while PING is answered. */
async function whileScriptsWait(action: () => Promise<void>): Promise<void> {
  await server.client().call('CLIENT', 'PAUSE', '600000', 'WRITE');
  try {
    await action();
  } finally {
    await server.client().call('CLIENT', 'UNPAUSE');
  }
}

describe('at a terminal, revoke-all', () => {
  const QUESTION = 'End 2 sessions of ada? [y/N] ';
  const AT_TERMINAL = 'with-terminal.mjs';

  beforeAll(async () => {
    await signedIn(store);
    await signedIn(store);
  });

  test.each([
    ['no', (program: RunningProgram) => program.type('n\n')],
    ['nothing', (program: RunningProgram) => program.type('\n')],
    ['something else', (program: RunningProgram) => program.type('yesterday\n')],
    ['with the end of the input', (program: RunningProgram) => program.endInput()],
  ])('ends nothing when it is answered %s', async (_what, answer) => {
    const program = start(['revoke-all', 'ada'], AT_TERMINAL);
    await program.untilSaid(QUESTION);
    answer(program);
    expect(await program.ended()).toEqual({ code: EXIT.declined, stdout: '', stderr: `${QUESTION}Nothing was done.\n` });
    expect(await manager.count('ada')).toBe(2);
  });

  test('ends nothing when it is interrupted instead', async () => {
    const program = start(['revoke-all', 'ada'], AT_TERMINAL);
    await program.untilSaid(QUESTION);
    program.interrupt();
    expect(await program.ended()).toEqual({ code: 130, stdout: '', stderr: expect.stringMatching(/\nInterrupted\.\n$/) });
    expect(await manager.count('ada')).toBe(2);
  });

  test('ends them when it is answered yes', async () => {
    const program = start(['revoke-all', 'ada'], AT_TERMINAL);
    await program.untilSaid(QUESTION);
    program.type('y\n');
    expect(await program.ended()).toMatchObject({ code: EXIT.fine, stdout: '2 of 2 sessions ended now.\n' });
    expect(await manager.count('ada')).toBe(0);
  });
});

describe('what takes long', () => {
  test('says how far it has come, on standard error, and its result on standard output', async () => {
    const program = start(['count', 'grace']);
    await whileScriptsWait(() => program.untilSaid('Counting the sessions of grace …\n'));
    expect(await program.ended()).toMatchObject({ code: EXIT.fine, stdout: 'grace has 0 sessions under the prefix "sess:".\n' });
  });

  test('does so in one line of a terminal, which it clears', async () => {
    const program = start(['count', 'grace'], 'with-terminal.mjs');
    await whileScriptsWait(() => program.untilSaid('\r\u001B[KCounting the sessions of grace …'));
    const { stderr } = await program.ended();
    expect(stderr.endsWith('…\r\u001B[K')).toBe(true);
    expect(stderr).not.toContain('\n');
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends by %s, without a word of what it was doing', async (signal, code) => {
    const program = start(['count', 'grace']);
    await whileScriptsWait(async () => {
      await program.untilSaid('Counting');
      program.interrupt(signal);
      expect(await program.ended()).toEqual({
        code,
        stdout: '',
        stderr: expect.stringMatching(/^(?:Counting the sessions of grace …\n)+Interrupted\.\n$/u),
      });
    });
  });
});

test('a reader that has seen enough is no error', async () => {
  const program = start(['count', 'grace']);
  program.stopReading();
  expect(await program.ended()).toMatchObject({
    code: EXIT.fine,
    stderr: expect.stringMatching(/^(?:Counting the sessions of grace …\n)*$/u),
  });
});
