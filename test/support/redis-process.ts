import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeLastingPort } from './free-port.js';

/** Lines of a redis.conf: name to value, or to several values for a directive that may stand more than once. */
export type Directives = Record<string, string | readonly string[]>;

/** Which redis.conf to use once port and directory are known. */
export type Configure = (port: number, directory: string) => Directives | Promise<Directives>;

const { TEST_REDIS_SERVER } = process.env;

/** The program that is tested with: the redis-server on the PATH, unless another one is named. */
export const SERVER_PROGRAM = TEST_REDIS_SERVER ?? 'redis-server';

/** Whether the tests are run for the sake of one server. Then those that talk to none are left out, here and in jest.config.mjs. */
export const IS_SERVER_NAMED = TEST_REDIS_SERVER !== undefined;

const PORT_ATTEMPTS = 10;
const PORT_TAKEN = /Address already in use|Failed listening/;

/**
 * One redis-server child on a port of 127.0.0.1, in a directory of its own, without persistence. It is only ever signalled through its
 * own process handle, and dies with the process that started it.
 */
export class RedisProcess {
  #child: ChildProcess | undefined;
  #guard: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    readonly directory: string,
    private readonly args: readonly string[],
  ) {}

  static async start(configure: Configure, { choosePort = freeLastingPort, args = [] as readonly string[] } = {}): Promise<RedisProcess> {
    for (let attempt = 1; ; attempt++) {
      const directory = await mkdtemp(join(tmpdir(), 'redis-'));
      const server = new RedisProcess(await choosePort(), directory, args);
      try {
        await writeFile(join(directory, 'redis.conf'), configurationFile(await configure(server.port, directory)));
        await server.#spawn();
        return server;
      } catch (error) {
        await server.stop();
        // Somebody else was faster to take the port.
        if (attempt < PORT_ATTEMPTS && error instanceof Error && PORT_TAKEN.test(error.message)) continue;
        throw error;
      }
    }
  }

  /** Freezes the server: its connections stay open and nothing answers. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends the server as a crash would. Its data is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    await exited;
  }

  /** Starts a new, empty server on the same port. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#spawn();
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #spawn(): Promise<void> {
    const child = spawn(SERVER_PROGRAM, [join(this.directory, 'redis.conf'), ...this.args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    await ready(child);
    this.#guard = killWithUs(child, this.directory);
    child.once('exit', () => this.#guard?.kill('SIGKILL'));
  }
}

function configurationFile(directives: Directives): string {
  return Object.entries(directives)
    .flatMap(([name, value]) => (typeof value === 'string' ? [value] : value).map((one) => `${name} ${one}\n`))
    .join('');
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    const read = (chunk: Buffer) => {
      log += chunk.toString();
      // The second one is what a sentinel says.
      if (/Ready to accept connections|ready to accept connections at|Sentinel ID is/.test(log)) finish(resolve);
    };
    const exited = () => finish(() => reject(new Error(`redis-server did not start:\n${log}`)));
    const failed = (error: NodeJS.ErrnoException) =>
      finish(() => reject(error.code === 'ENOENT' ? new Error(`There is no ${SERVER_PROGRAM}: these tests start it.`) : error));
    const finish = (how: () => void) => {
      // Read on without listening, or the child would block on a full pipe.
      for (const output of [child.stdout, child.stderr]) output?.off('data', read).resume();
      child.off('close', exited);
      child.off('error', failed);
      how();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    // Unlike "exit", "close" comes after the last line of the log.
    child.once('close', exited);
    child.once('error', failed);
  });
}

/** Ends with its standard input. Arguments: a process id, and a directory. */
const GUARD = `
  const [pid, directory] = process.argv.slice(1);
  process.stdin.resume().on('end', () => {
    try { process.kill(Number(pid), 'SIGKILL'); } catch {}
    require('node:fs').rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
  });
`;

/**
 * Kills the child when this process is gone, however that happened: another process holds the other end of a pipe from us, and the pipe
 * closes. (An exit listener would not run when the test runner is killed.)
 */
function killWithUs(child: ChildProcess, directory: string): ChildProcess {
  const guard = spawn(process.execPath, ['--eval', GUARD, String(child.pid), directory], { stdio: ['pipe', 'ignore', 'ignore'] });
  guard.unref();
  // A pipe to a child is a socket, which has unref; the type says only Writable.
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}
