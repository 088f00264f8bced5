import type { RedisClient } from './redis-connection.js';

/** Closes a client in whatever state it is: politely when it is connected, and in any case before the deadline. Never rejects. */
export async function closeClient(client: RedisClient, deadlineMs: number): Promise<void> {
  if (client.status === 'end') return;
  const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([quit(client), deadline]);
  if (await disconnect(client)) await Promise.race([ended, deadline]);
  clearTimeout(timer);
}

async function quit(client: RedisClient): Promise<void> {
  if (client.status === 'ready') await client.quit().catch(() => undefined);
}

/** Whether there is anything left whose end is worth waiting for. */
async function disconnect(client: RedisClient): Promise<boolean> {
  if (hasEnded(client)) return false;
  // Between two attempts there is no socket whose end would end the client, and ioredis leaves it as it is. So begin the next attempt now.
  if (!client.isCluster && client.status === 'reconnecting') {
    client.connect().catch(() => undefined);
    await new Promise((resolve) => process.nextTick(resolve));
  }
  // A Cluster without nodes does not announce its end either, but it leaves nothing behind.
  const isEmpty = 'nodes' in client && client.nodes().length === 0;
  client.disconnect();
  return !isEmpty;
}

// A function, since TypeScript does not know that the status changes while we wait.
function hasEnded(client: RedisClient): boolean {
  return client.status === 'end';
}
