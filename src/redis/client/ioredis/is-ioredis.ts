import type { Cluster, Redis } from 'ioredis';

/** Whether that is a client of ioredis, or of iovalkey. By its shape, since an application may hold a second copy, whose classes are not ours. */
export function isIoredis(value: unknown): value is Redis | Cluster {
  const client = Object(value) as Partial<Redis>;
  return typeof client.isCluster === 'boolean' && typeof client.status === 'string' && typeof client.sendCommand === 'function';
}
