import type { RedisClient } from './redis-connection.js';

/** Closes a client in whatever state it is: politely when it is connected, and in any case before the deadline. Never rejects. */
export async function closeClient(client: RedisClient, deadlineMs: number): Promise<void> {
  if (hasEnded(client)) return;
  const ended = anyOf(client, ['end']);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([comeToRest(client), deadline]);
  if (!hasEnded(client) && disconnect(client)) await Promise.race([ended, deadline]);
  clearTimeout(timer);
}

/** Brings a client to where `disconnect` ends it, and leaves nothing of it behind. */
async function comeToRest(client: RedisClient): Promise<void> {
  if (client.status === 'ready') {
    await client.quit().catch(() => undefined);
  } else if (client.status === 'reconnecting' && !client.isCluster) {
    // Between two attempts there is no socket whose end would end the client, and ioredis leaves it as it is. So begin the next one now.
    client.connect().catch(() => undefined);
    await new Promise((resolve) => process.nextTick(resolve));
  } else if (client.status === 'connecting' && 'sentinels' in client.options && client.options.sentinels) {
    // As soon as it is connected, it begins to listen to the sentinels for a failover, also when it was told to disconnect meanwhile; then
    // it never stops.
    await anyOf(client, ['connect', 'error', 'close', 'end']);
  }
}

/** Whether there is anything left whose end is worth waiting for. */
function disconnect(client: RedisClient): boolean {
  // A Cluster without nodes does not announce its end, but it leaves nothing behind either.
  const isEmpty = 'nodes' in client && client.nodes().length === 0;
  client.disconnect();
  return !isEmpty;
}

function hasEnded(client: RedisClient): boolean {
  return client.status === 'end';
}

/** Resolves with the first of these events. */
function anyOf(client: RedisClient, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    for (const event of events) client.once(event, () => resolve());
  });
}
