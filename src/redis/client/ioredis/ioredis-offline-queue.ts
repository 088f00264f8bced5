import type { Cluster, Redis } from 'ioredis';
import { PATIENCE_MS } from '../offline-patience.js';

/**
 * Lets commands wait for a connection only while it may come in time. ioredis queues them without bound (redis/ioredis#76), and sends them
 * when the outage is over, whoever still waits for them; those of a Cluster without a single node, or of a master that no sentinel can name,
 * are never given up. With this, an outage costs an error at once, no memory, and nothing is done late.
 */
export function limitOfflineQueue(client: Redis | Cluster): void {
  let troubledSince: number | undefined;
  const onTrouble = () => {
    troubledSince ??= performance.now();
    if (client.isCluster) giveUp(client);
    else if (performance.now() - troubledSince >= PATIENCE_MS) client.options.enableOfflineQueue = false;
  };
  client.on('error', onTrouble);
  client.on('close', onTrouble);
  client.on('ready', () => {
    troubledSince = undefined;
    client.options.enableOfflineQueue = true;
  });
}

/** For a Cluster, trouble means that it has no node at all. What it queues has no timeout, so it does not queue, and forgets what it has. */
function giveUp(client: Redis | Cluster): void {
  client.options.enableOfflineQueue = false;
  // Not in its types, but there in ioredis 5 and 6: what the client itself does when it gives up for good.
  (client as unknown as { flushQueue?: (error: Error) => void }).flushQueue?.(new Error('None of startup nodes is available'));
}
