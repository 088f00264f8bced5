import { readFileSync } from 'node:fs';
import { RedisSessionConfigError, SessionStoreUnavailableError } from '../redis-session.errors.js';
import { readRedisUrl } from '../redis/client/ioredis/ioredis-url.js';
import { safeCodeOf, toStoreError } from '../redis/client/redis-errors.js';
import type { OwnClient } from '../redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis, type RedisClient, type RedisConnection } from '../redis/client/redis-client.js';
import { keyNodes } from '../redis/inspection/redis-node.js';
import { RedisSessionStore } from '../redis/store/redis-session-store.js';
import { answerWithin } from '../session/deadline.js';
import type { StoreOptions } from '../session/store/store-options.js';
import type { Arguments, Environment } from './command-line.js';
import { usageProblem } from './problems.js';
import { unavailable } from './unavailable.js';

const DEFAULT_URL = 'redis://127.0.0.1:6379';
/** In ms. An administrator rather waits than being told "no" at once, as a request is. */
const DEFAULT_TIMEOUT = 5_000;
const LONGEST_TIMEOUT = 600_000;
/** One broken connection may be chance. */
const MOST_BROKEN = 3;
/** In a folder that has this package, npx takes that one, which does not see an ioredis of npx'. */
const NO_CLIENT = `The command line needs the package ioredis, whichever client your application has, and it is not installed here.
In the folder of your application, type: npm install --save-dev ioredis
In a folder without this package: npx -p nestjs-redis-session -p ioredis nestjs-redis-session`;
/** In ms, for a goodbye. */
const CLOSING = 500;
const SENTINEL = /^\[?([^\]]+?)\]?(?::(\d{1,5}))?$/;
const SENTINEL_PORT = 26_379;

type NodeOptions = Extract<ReturnType<typeof readRedisUrl>, { options: unknown }>['options'];

/** Where Redis is. */
export type Target = Exclude<RedisConnection, RedisClient>;

/** Redis and the sessions in it, as one command uses them. */
export interface Connection {
  readonly redis: OpenRedis<OwnClient>;
  readonly store: RedisSessionStore;
  /** What was asked for, for those who judge it. */
  readonly target: Target;
  /** The prefix of all keys. */
  readonly prefix: string;
  /** How long one answer is waited for, in ms. */
  readonly timeout: number;
  /** Why there is no connection, as far as that is known. */
  lost(): string | undefined;
  close(): Promise<void>;
}

/** Where Redis is, by options and environment. Nothing that it throws repeats a URL. */
export function targetOf(args: Arguments, warn: (message: string) => void): Target {
  const timeout = timeoutOf(args);
  const shared = { ...credentialsOf(args), commandTimeout: timeout, connectTimeout: timeout };
  const tls = tlsOf(args);
  const sentinels = args.texts('sentinel');
  if (sentinels.length > 0) {
    const name = args.text('master');
    if (name === undefined) throw usageProblem('--sentinel needs the name of the master: --master mymaster');
    return { ...shared, sentinels: sentinels.map(sentinelOf), name, ...(tls === undefined ? {} : { tls }) };
  }
  const urls = args.texts('url');
  if (args.isTyped('url') && urls.some(holdsPassword))
    warn(
      'The password in --url can be read by everybody on this machine, and stays in the history of your shell. Set REDIS_URL, or leave it out of the URL and set REDIS_PASSWORD.',
    );
  const nodes = (urls.length === 0 ? [DEFAULT_URL] : urls).map((url) => nodeOf(url, tls));
  if (args.flag('cluster')) return clusterOf(nodes, shared);
  const [node, another] = nodes;
  if (another !== undefined) throw usageProblem('Several URLs are nodes of a Cluster. Add --cluster.');
  return { ...shared, ...node, ...credentialsOf(args) };
}

interface ConnectOptions {
  readonly warn: (message: string) => void;
  /** Ends the connection. */
  readonly signal: AbortSignal;
}

/** Connects, and comes back once Redis has answered. Throws what the user is to be told if it doesn't. */
export async function connect(args: Arguments, { warn, signal }: ConnectOptions): Promise<Connection> {
  const target = targetOf(args, warn);
  const timeout = timeoutOf(args);
  const options: StoreOptions = {
    prefix: args.text('prefix'),
    revokeBefore: args.flag('revoke-before'),
    deadline: timeout,
    // Each failure ends the command, which says so.
    logErrors: false,
  };
  const redis = await openRedis(target, () => undefined).catch((error: unknown) => {
    throw toldProblem(error);
  });
  const close = () => redis.close(CLOSING);
  signal.addEventListener('abort', () => void close(), { once: true });
  // Why there is no connection, which the error of a command doesn't say.
  let lost: string | undefined;
  redis.port.on('error', (error) => (lost = safeCodeOf(error) ?? lost));
  try {
    const store = new RedisSessionStore(redis.client, options);
    await Promise.race([answerWithin(timeout, greet(redis)), brokenTooOften(redis)]);
    return { redis, store, target, prefix: store.settings.prefix, timeout, lost: () => lost, close };
  } catch (error) {
    await close();
    throw error instanceof RedisSessionConfigError
      ? toldProblem(error)
      : unavailable(error, { lost, nodes: redis.port.isCluster ? 'none' : undefined });
  }
}

/** A Redis that takes no changes refuses PING too, and answers what only reads. Of a Cluster, it is enough if one node answers. */
async function greet({ client, port }: OpenRedis<OwnClient>): Promise<void> {
  try {
    await port.ping();
  } catch (error) {
    if (toStoreError(error).reason === 'MISCONF') return;
    const greeted = port.isCluster ? await Promise.allSettled(keyNodes(client).map((node) => node.ask('PING'))) : [];
    if (!greeted.some(({ status }) => status === 'fulfilled')) throw error;
  }
}

/**
 * Rejects when there have been several connections that were closed before Redis could be used. That is what a port does that speaks TLS with a client
 * that doesn't: the client would go on trying.
 */
function brokenTooOften({ port }: OpenRedis): Promise<never> {
  let left = MOST_BROKEN;
  return new Promise((_, reject) => {
    const stop = port.on('close', () => {
      if (--left > 0) return;
      stop();
      reject(new SessionStoreUnavailableError('connection'));
    });
    port.on('ready', stop);
  });
}

/** Of options that are wrong, in the words of the command line. */
function toldProblem(error: unknown): unknown {
  if (!(error instanceof RedisSessionConfigError)) return error;
  if (error.problems.some((problem) => problem.includes('the package ioredis'))) return usageProblem(NO_CLIENT);
  return usageProblem(problemsIn(error));
}

function problemsIn({ problems }: RedisSessionConfigError): string {
  return problems
    .map((problem) => problem.replaceAll(/"(?:store\.)?prefix"/g, '--prefix').replaceAll('"redis"', '--url (REDIS_URL)'))
    .join('\n');
}

function timeoutOf(args: Arguments): number {
  return args.count('timeout', 1, LONGEST_TIMEOUT) ?? DEFAULT_TIMEOUT;
}

function nodeOf(url: string, tls: object | undefined): NodeOptions {
  const read = readRedisUrl(url);
  if ('problem' in read) throw usageProblem(read.problem.replaceAll('"redis"', '--url (REDIS_URL)'));
  return tls === undefined ? read.options : { ...read.options, tls: { ...read.options.tls, ...tls } };
}

function clusterOf(nodes: readonly NodeOptions[], shared: NodeOptions): Target {
  // What holds for one node holds for all, and the client asks the first one for the others.
  const { host: _host, port: _port, path: _path, db: _db, ...first } = nodes[0] ?? {};
  const places = nodes.map(({ host = '127.0.0.1', port = 6_379 }) => ({ host, port }));
  // A Cluster that is down should say so.
  return { cluster: places, options: { enableReadyCheck: false, redisOptions: { ...first, ...shared } } };
}

function credentialsOf(args: Arguments): NodeOptions {
  const username = args.text('username');
  const password = passwordIn(args.env);
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
}

function passwordIn(env: Environment): string | undefined {
  const { REDIS_PASSWORD: password = '', REDIS_PASSWORD_FILE: file = '' } = env;
  if (password !== '') return password;
  // As editors do, whoever wrote the file has ended its line.
  return file === '' ? undefined : contentOf('REDIS_PASSWORD_FILE', file).replace(/\r?\n$/, '');
}

function tlsOf(args: Arguments): object | undefined {
  const files = (['ca', 'cert', 'key'] as const).flatMap((name) => {
    const file = args.text(name);
    return file === undefined ? [] : [[name, contentOf(`--${name}`, file)] as const];
  });
  return args.flag('tls') || files.length > 0 ? Object.fromEntries(files) : undefined;
}

function contentOf(what: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usageProblem(`${what} names a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}): ${file}`);
  }
}

function sentinelOf(place: string): { host: string; port: number } {
  const [, host = '', port] = SENTINEL.exec(place) ?? [];
  if (host === '' || place.includes('/')) throw usageProblem('--sentinel needs a host and a port: --sentinel 10.0.0.1:26379');
  return { host, port: port === undefined ? SENTINEL_PORT : Number(port) };
}

function holdsPassword(url: string): boolean {
  const read = readRedisUrl(url);
  return 'options' in read && Boolean(read.options.password);
}
