import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { recordCommands, type CommandRecorder } from './command-recorder.js';
import { RedisProcess, type Directives } from './redis-process.js';
import { writeTlsCertificates, type TlsCertificates } from './tls-certificates.js';

export interface StartRedisOptions {
  password?: string;
  /** Also listen on a unix socket. */
  unixSocket?: boolean;
  /** Speak TLS only, with a certificate of a CA of its own. */
  tls?: boolean;
  /** Further lines of redis.conf, such as `{ maxmemory: '10mb' }`. */
  config?: Directives;
  choosePort?: () => Promise<number>;
}

/** How ioredis reaches the server. */
export type ServerOptions = Pick<RedisOptions, 'host' | 'port' | 'password' | 'tls'>;

/** A running redis-server and what a test may want to do to it. */
export interface RedisServer {
  readonly port: number;
  /** `redis://` or `rediss://` on 127.0.0.1, with the password, without a database. */
  readonly url: string;
  /** `unix:` and the path of the socket; needs `unixSocket`. */
  readonly unixUrl: string;
  /** For `new Redis(…)`. Holds the CA when the server speaks TLS. */
  readonly options: ServerOptions;
  /** A plain ioredis client for looking from outside, always the same one. Closed by `stop`. */
  client(): Redis;
  stop(): Promise<void>;
  /** Freezes the server: connections stay open, nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
  /** How often each command was run, by `INFO commandstats`; `INFO` itself is left out. Subcommands read `script|flush`. */
  commandCounts(): Promise<Record<string, number>>;
  /** Records the commands seen by `MONITOR` until it is stopped. */
  monitor(): Promise<CommandRecorder>;
}

/** Starts a real redis-server on a free port of 127.0.0.1, in a temporary directory of its own and without persistence. */
export async function startRedis({ password, unixSocket, tls, config, choosePort }: StartRedisOptions = {}): Promise<RedisServer> {
  let certificates: TlsCertificates | undefined;
  let socket: string | undefined;
  const server = await RedisProcess.start(
    async (port, directory) => {
      if (tls === true) certificates = await writeTlsCertificates(directory);
      if (unixSocket === true) socket = join(directory, 'redis.sock');
      return {
        bind: '127.0.0.1',
        dir: directory,
        save: '""',
        appendonly: 'no',
        ...(certificates === undefined ? { port: String(port) } : tlsDirectives(port, certificates)),
        ...(socket === undefined ? {} : { unixsocket: socket }),
        ...(password === undefined ? {} : { requirepass: JSON.stringify(password), masterauth: JSON.stringify(password) }),
        ...config,
      };
    },
    choosePort === undefined ? {} : { choosePort },
  );

  const options: ServerOptions = {
    host: '127.0.0.1',
    port: server.port,
    ...(password === undefined ? {} : { password }),
    ...(certificates === undefined ? {} : { tls: { ca: certificates.ca } }),
  };
  let outside: Redis | undefined;
  const client = () => {
    outside ??= new Redis({ ...options, retryStrategy: () => 50, disconnectTimeout: 100 }).on('error', () => undefined);
    return outside;
  };
  const credentials = password === undefined ? '' : `:${encodeURIComponent(password)}@`;

  return {
    port: server.port,
    url: `${tls === true ? 'rediss' : 'redis'}://${credentials}127.0.0.1:${server.port}`,
    get unixUrl() {
      if (socket === undefined) throw new Error('Start the server with { unixSocket: true }.');
      return `unix:${socket}`;
    },
    options,
    client,
    stop: async () => {
      outside?.disconnect();
      await server.stop();
    },
    pause: () => server.pause(),
    resume: () => server.resume(),
    kill: () => server.kill(),
    restart: () => server.restart(),
    commandCounts: async () => parseCommandStats(await client().info('commandstats')),
    monitor: () => recordCommands(options, client()),
  };
}

function tlsDirectives(port: number, { caFile, certFile, keyFile }: TlsCertificates): Directives {
  return {
    port: '0',
    'tls-port': String(port),
    'tls-ca-cert-file': caFile,
    'tls-cert-file': certFile,
    'tls-key-file': keyFile,
    'tls-auth-clients': 'no',
  };
}

function parseCommandStats(info: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [, name, calls] of info.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)) {
    if (name !== undefined && name !== 'info') counts[name] = Number(calls);
  }
  return counts;
}
