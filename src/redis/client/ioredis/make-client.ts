import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { loadWithPeer } from '../../../redis-session.peers.js';
import type { OwnClientForm } from '../redis-connection.js';
import { withClusterDefaults, withRedisDefaults } from './ioredis-defaults.js';

/**
 * Makes the client that is asked for. Rejects with `RedisSessionConfigError` when ioredis is not installed.
 *
 * @param isLazy whether it holds no socket before it is told to connect or is given a command, where the options do not say
 */
export async function makeClient(form: OwnClientForm, isLazy: boolean): Promise<Redis | Cluster> {
  const ioredis = await loadWithPeer(`"redis" is ${form.given}`, () => import('ioredis'));
  // Under exactOptionalPropertyTypes, the constructors' types do not take ioredis' own option types: `replyMapping` may be undefined there.
  const lazyConnect = form.options.lazyConnect ?? isLazy;
  if (form.kind === 'redis')
    return new ioredis.Redis({ ...withRedisDefaults(form.options), lazyConnect } as RedisOptions & { replyMapping?: 'legacy' });
  const options = { ...withClusterDefaults(form.options), lazyConnect };
  return new ioredis.Cluster(form.nodes, options as ConstructorParameters<typeof Cluster>[1]);
}
