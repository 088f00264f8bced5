import { join } from 'node:path';
import { Browser } from '../../test/support/browser.js';
import { startProgram, type RunningProgram } from './start-program.js';

export const MEMORY = { SESSION_STORE: 'memory' };

export interface RunningSample extends RunningProgram {
  readonly origin: string;
  browser(): Browser;
}

/** In ms. A machine that is busy with other things must not make a request miss its deadline, unless the test is about that. */
const PATIENCE = 5_000;

/** The settings of a sample with its sessions in that Redis, and how long it waits for it, in ms. */
export function inRedis({ url }: { url: string }, patience = PATIENCE): Record<string, string> {
  return { REDIS_URL: `${url}?commandTimeout=${patience}`, SESSION_DEADLINE: String(patience) };
}

/** The built sample in a process of its own, on a free port, once it listens. */
export async function startSample(env: Record<string, string>): Promise<RunningSample> {
  const secret = 'a secret of the tests of the sample, long enough';
  return listening(startProgram(join(import.meta.dirname, '../dist/main.js'), { SESSION_SECRET: secret, ...env }));
}

/** `npm run demo`, once its sample listens. */
export async function startDemo(env: Record<string, string> = {}, args: readonly string[] = []): Promise<RunningSample> {
  return listening(startDemoWithoutWaiting(env, args));
}

export function startDemoWithoutWaiting(env: Record<string, string> = {}, args: readonly string[] = []): RunningProgram {
  return startProgram(join(import.meta.dirname, '../../scripts/demo.mjs'), env, args);
}

async function listening(program: RunningProgram): Promise<RunningSample> {
  const port = await program.says(/^http:\/\/localhost:(\d+)[^]*Sessions live/m);
  const origin = `http://127.0.0.1:${port}`;
  return { ...program, origin, browser: () => new Browser(origin) };
}
