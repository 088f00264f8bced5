import { ExpressStoreAdapter, isExpressStore, type ExpressStore } from './express-session/express-store-adapter.js';
import { RedisSessionConfigError, SessionUnsupportedError } from './redis-session.errors.js';
import type { ResolvedRedisSessionOptions, StoreKind } from './redis-session.options.js';
import { loadWithPeer } from './redis-session.peers.js';
import type { OpenRedis, RedisClient } from './redis/client/redis-client.js';
import { nodeRedisOf } from './redis/client/node-redis/is-node-redis.js';
import { redisPortOf } from './redis/client/redis-clients.js';
import { toStoreError } from './redis/client/redis-errors.js';
import { RedisEventChannel } from './redis/events/redis-event-channel.js';
import { RedisNodes } from './redis/client/redis-nodes.js';
import { redisProblems } from './redis/client/redis-problems.js';
import { MigratingSessionStore } from './redis/migration/migrating-session-store.js';
import { RedisSessionStore } from './redis/store/redis-session-store.js';
import type { LinePrinter } from './session/failure-log.js';
import { MemorySessionStore } from './session/store/memory-session-store.js';
import { Sessions } from './session/sessions.js';
import { isSessionStore, type SessionStore } from './session/store/session-store.js';
import type { EntrySerializer, StoreOptions } from './session/store/store-options.js';
import type { StoreSettings } from './session/store/store-settings.js';

/** Makes the store that the options ask for. */
export async function openStore(
  { store, session, identity }: ResolvedRedisSessionOptions,
  connection: Pick<OpenRedis, 'client'> | null,
  log: LinePrinter,
): Promise<SessionStore> {
  if (isSessionStore(store)) return store;
  if (isExpressStore(store)) return printing(new ExpressStoreAdapter(store, {}, { rewrites: session.resave }), log);
  const { options, migrate } = store;
  if (migrate !== undefined) return printing(new MigratingSessionStore(required(connection), { ...options, migrate, identity }), log);
  const open: Record<StoreKind, () => SessionStore | Promise<SessionStore>> = {
    memory: () => new MemorySessionStore(options),
    hash: () => new RedisSessionStore(required(connection), options),
    'connect-redis': () => openConnectRedisStore(required(connection), options, store.settings),
  };
  return printing(await open[store.kind](), log);
}

/** Those that were made here. A test may put another in their place, which has no Redis. */
const made = new WeakSet<SessionStore>();

function printing(store: SessionStore, log: LinePrinter): SessionStore {
  Sessions.of(store).settings.failures.printTo(log);
  made.add(store);
  return store;
}

/** What shares the events of the store with other processes; `undefined` where the options do not ask for it. */
export function eventChannelOf(
  { store: options }: ResolvedRedisSessionOptions,
  store: SessionStore,
  connection: Pick<OpenRedis, 'client'> | null,
  log: (message: string) => void,
): RedisEventChannel | undefined {
  if (isSessionStore(options) || isExpressStore(options) || options.events === 'local' || !made.has(store)) return undefined;
  return new RedisEventChannel(required(connection), store, log);
}

/** What two modules that keep the same sessions have in common. `undefined` where each has sessions of its own, or the store itself tells. */
export function locationOf({ redis, store }: ResolvedRedisSessionOptions): unknown {
  if (isExpressStore(store)) return store;
  if (isSessionStore(store) || store.kind === 'memory') return undefined;
  return { redis, kind: store.kind, prefix: store.settings.prefix, migrate: store.migrate };
}

async function openConnectRedisStore(client: RedisClient, options: StoreOptions, settings: StoreSettings): Promise<SessionStore> {
  const { RedisStore } = await importConnectRedis(client);
  const { prefix, idle, serializer } = settings;
  const wholeSerializer = {
    parse: (text: string) => parseWhole(serializer, text) as never,
    stringify: (data: object) => serializer.stringify(data) ?? '',
  };
  const store = new RedisStore({ client, prefix, ttl: Math.ceil(idle / 1_000), serializer: wholeSerializer });
  const port = redisPortOf(client);
  return new ExpressStoreAdapter(askingNodes(store, new RedisNodes(port, settings), prefix), options, {
    classify: toStoreError,
    inspect: () => redisProblems(port),
  });
}

/** The same store, whose calls fail at once while Redis is known not to answer. */
function askingNodes(store: Required<ExpressStore>, nodes: RedisNodes, prefix: string): ExpressStore {
  type Done<T> = (error?: Error | null, value?: T) => void;
  const ask = <T = void>(sid: string, call: (told: Done<T>) => void, done: Done<T> = () => undefined) => {
    const answer = () =>
      new Promise<() => void>((resolve, reject) => {
        // What cannot be parsed is an answer of Redis.
        call((error, value) => (error && !(error instanceof SyntaxError) ? reject(error) : resolve(() => done(error, value))));
      });
    nodes.ask(prefix + sid, undefined, answer).then((tell) => tell(), done);
  };
  return {
    get: (sid, done) => ask(sid, (told) => store.get(sid, told), done),
    set: (sid, session, done) => ask(sid, (told) => store.set(sid, session, told), done),
    destroy: (sid, done) => ask(sid, (told) => store.destroy(sid, told), done),
    touch: (sid, session, done) => ask(sid, (told) => store.touch(sid, session, told), done),
  };
}

/** Whatever a serializer throws at what it cannot read, the value is no session. */
function parseWhole(serializer: EntrySerializer, text: string): unknown {
  try {
    return serializer.parse(text);
  } catch {
    throw new SyntaxError('The value is not what the serializer writes.');
  }
}

async function importConnectRedis(client: RedisClient) {
  const module = await loadWithPeer('"store.kind" is "connect-redis"', () => import('connect-redis'));
  assertTakes(client, module);
  return module;
}

/** connect-redis 8 takes a client of ioredis, and of node-redis only version 4; 9 and later call any client as node-redis 5 is called. */
export function assertTakes(client: RedisClient, module: { readonly RedisStore?: { readonly prototype: object } }): void {
  const { RedisStore } = module;
  const isOfVersion8 = RedisStore !== undefined && 'normalizeClient' in RedisStore.prototype;
  if (nodeRedisOf(client) === undefined ? isOfVersion8 : RedisStore !== undefined && !isOfVersion8) return;
  throw new RedisSessionConfigError([
    nodeRedisOf(client) === undefined
      ? '"store.kind" is "connect-redis", which needs version 8 of that package: version 9 and later take no ioredis client. Type: npm install connect-redis@8'
      : '"store.kind" is "connect-redis", and "redis" is a client of node-redis, which needs version 9 of that package: version 8 takes none of node-redis 5 or 6. Type: npm install connect-redis@9',
  ]);
}

function required(connection: Pick<OpenRedis, 'client'> | null): RedisClient {
  if (connection === null) throw new SessionUnsupportedError('This store needs Redis. Set the option "redis".');
  return connection.client;
}
