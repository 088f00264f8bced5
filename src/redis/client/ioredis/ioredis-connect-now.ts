import type { Redis } from 'ioredis';

/** Without waiting for `retryStrategy`, which by now may wait for long. Never brings back a client that was closed. */
export function reconnectNow(client: Redis): void {
  if (client.status === 'reconnecting') return connect(client);
  client.once('reconnecting', () => connect(client));
  // ioredis itself waits for the other side to say goodbye.
  client.stream?.destroy();
}

function connect(client: Redis): void {
  if (isClosed(client)) return;
  // Left alone, the timer would bring the client back should it be closed meanwhile.
  const waiting = retrying(client);
  if (waiting.reconnectTimeout !== null) clearTimeout(waiting.reconnectTimeout);
  waiting.reconnectTimeout = null;
  client.connect().catch(() => undefined); // It goes on trying, and the outage is logged.
}

/** Between two attempts there is no socket whose end would end a client that is closed: ioredis only takes its next attempt away. */
export function isClosed(client: Redis): boolean {
  return client.status === 'end' || (client.status === 'reconnecting' && retrying(client).reconnectTimeout === null);
}

/** Not in its types, but there in ioredis 5 and 6. */
function retrying(client: Redis): { reconnectTimeout: NodeJS.Timeout | null } {
  return client as unknown as { reconnectTimeout: NodeJS.Timeout | null };
}
