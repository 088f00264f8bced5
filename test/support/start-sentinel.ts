import { Redis, type RedisOptions } from 'ioredis';
import { RedisProcess } from './redis-process.js';
import { startRedis, type RedisServer, type StartRedisOptions } from './start-redis.js';
import { until } from './until.js';

const MASTER_NAME = 'sessions';

/** A master, its replica, and the sentinel that watches them. */
export interface SentinelSetup {
  /** For `new Redis(…)`: by way of the sentinel. */
  readonly options: Pick<RedisOptions, 'password'> & { sentinels: { host: string; port: number }[]; name: string };
  /** Where the sentinel listens. */
  readonly port: number;
  /** A client of the sentinel itself. */
  readonly sentinel: Redis;
  /** The master at the start; `failover` swaps the roles. */
  readonly master: RedisServer;
  readonly replica: RedisServer;
  masterPort(): Promise<number>;
  /** Makes the other server the master, and waits until the sentinel says so and that server takes writes. */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

export async function startSentinel({ password }: Pick<StartRedisOptions, 'password'> = {}): Promise<SentinelSetup> {
  const common = password === undefined ? {} : { password };
  // Redis 7 waits 5 s for more replicas before it begins to copy.
  const config = { 'repl-diskless-sync-delay': '0' };
  const master = await startRedis({ ...common, config });
  const replica = await startRedis({ ...common, config: { ...config, replicaof: `127.0.0.1 ${master.port}` } });
  await until(async () => (await replica.client().info('replication')).includes('master_link_status:up'), 'the replica has its copy');
  const process = await RedisProcess.start(
    (port, directory) => ({
      port: String(port),
      bind: '127.0.0.1',
      dir: directory,
      'sentinel monitor': `${MASTER_NAME} 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds': `${MASTER_NAME} 1000`,
      'sentinel failover-timeout': `${MASTER_NAME} 5000`,
      ...(password === undefined ? {} : { 'sentinel auth-pass': `${MASTER_NAME} ${JSON.stringify(password)}` }),
    }),
    { args: ['--sentinel'] },
  );
  const sentinel = new Redis({ host: '127.0.0.1', port: process.port, disconnectTimeout: 100 }).on('error', () => undefined);

  const stop = async () => {
    sentinel.disconnect();
    await Promise.all([process.stop(), replica.stop(), master.stop()]);
  };
  const masterPort = async () => {
    const address = await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME);
    return Array.isArray(address) ? Number(address[1]) : 0;
  };
  const failover = async () => {
    const before = await masterPort();
    // Refused with NOGOODSLAVE until the sentinel has heard from the replica.
    await until(
      () =>
        sentinel.call('SENTINEL', 'FAILOVER', MASTER_NAME).then(
          () => true,
          () => false,
        ),
      'the sentinel begins to fail over',
    );
    await until(async () => (await masterPort()) !== before, 'the sentinel names another master');
    const next = before === master.port ? replica : master;
    await until(async () => (await next.client().info('replication')).includes('role:master'), 'the new master takes writes');
  };

  try {
    await until(async () => (await sentinel.info('sentinel')).includes('slaves=1'), 'the sentinel knows the replica');
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    options: { ...common, sentinels: [{ host: '127.0.0.1', port: process.port }], name: MASTER_NAME },
    port: process.port,
    sentinel,
    master,
    replica,
    masterPort,
    failover,
    stop,
  };
}
