import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ATTEMPTS = 10;

/**
 * Starts a redis-server for this process alone, on a free port of 127.0.0.1, that keeps nothing on disk and ends with this process, however
 * that ends. Undefined when the program is not installed.
 */
export async function startPrivateRedis() {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const { child, stop } = spawnRedis(port);
    const problem = await untilReady(child);
    if (problem === undefined) {
      const tell = () => console.error('The private redis-server has ended, and the sessions with it.');
      child.once('exit', tell);
      return {
        url: `redis://127.0.0.1:${port}`,
        stop: () => {
          child.off('exit', tell);
          return stop();
        },
      };
    }
    await stop();
    if (problem === 'ENOENT') return undefined;
    if (attempt === ATTEMPTS) throw new Error(`redis-server did not start:\n${problem}`);
  }
}

function spawnRedis(port) {
  const directory = mkdtempSync(path.join(tmpdir(), 'demo-redis-'));
  // In a session of its own: Ctrl-C in the terminal is for the sample, which still needs its Redis then.
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  // No listener runs when this process is killed. The shell holds the other end of a pipe, which closes then.
  const guard = spawn(
    'sh',
    ['-c', 'while read -r line; do :; done; kill -KILL $1; rm -rf "$2"', 'redis-guard', String(child.pid ?? ''), directory],
    {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  const gone = Promise.allSettled([once(child, 'exit'), once(guard, 'exit')]);

  // Its number may be another program's from then on.
  child.once('exit', () => guard.kill('SIGKILL'));
  const kill = () => {
    guard.kill('SIGKILL');
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', kill);
  return {
    child,
    stop: async () => {
      process.off('exit', kill);
      kill();
      await gone;
    },
  };
}

/** Resolves to what went wrong, or undefined. */
async function untilReady(child) {
  let log = '';
  const ready = new Promise((resolve) => {
    child.stdout.on('data', (chunk) => {
      log += chunk;
      if (log.includes('Ready to accept connections')) resolve(undefined);
    });
  });
  const failed = once(child, 'close').then(
    () => log,
    (error) => error.code,
  );
  const problem = await Promise.race([ready, failed]);
  // Read on, or the child would block on a full pipe.
  child.stdout.removeAllListeners('data').resume();
  return problem;
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
