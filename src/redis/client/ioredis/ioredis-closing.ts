import type { Cluster, Redis } from 'ioredis';

/** Closes a client in whatever state it is: politely when it is connected, and in any case before the deadline. Never rejects. */
export async function closeIoredis(client: Redis | Cluster, deadlineMs: number): Promise<void> {
  const ended = client.status === 'end' ? Promise.resolve() : anyOf(client, ['end']);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([comeToRest(client), deadline]);
  await Promise.race([disconnect(client, ended), deadline]);
  clearTimeout(timer);
}

/** Brings a client to where `disconnect` ends it, and leaves nothing of it behind. */
async function comeToRest(client: Redis | Cluster): Promise<void> {
  if (client.status === 'ready') await client.quit().catch(() => undefined);
  if (client.isCluster) return;
  if (statusOf(client) === 'reconnecting') {
    // Between two attempts there is no socket whose end would end the client, and ioredis leaves it as it is. So begin the next one now.
    client.connect().catch(() => undefined);
    await new Promise((resolve) => process.nextTick(resolve));
  }
  if (statusOf(client) === 'connecting' && usesSentinel(client)) {
    // As soon as it is connected, it begins to listen to the sentinels for a failover, also when it was told to disconnect meanwhile; then
    // it never stops.
    await anyOf(client, ['connect', 'error', 'close', 'end']);
  }
}

/** Ends what is left, and resolves when it has ended. */
function disconnect(client: Redis | Cluster, ended: Promise<void>): Promise<void> {
  // Only this stops listening to the sentinels; `quit` does not.
  if (client.status === 'end' && !usesSentinel(client)) return ended;
  // A Cluster without nodes does not announce its end, but it leaves nothing behind either.
  const isEmpty = 'nodes' in client && client.nodes().length === 0;
  for (const node of 'nodes' in client ? client.nodes() : [client]) survivesErrors(node);
  client.disconnect();
  return isEmpty ? Promise.resolve() : ended;
}

/**
 * Lets the socket of a client fail more than once, which would end the process: ioredis listens to the first error only. One that is told to end while TLS
 * is being agreed on may fail by the certificate, and then by what the server says of the broken handshake.
 */
export function survivesErrors({ stream }: Redis): void {
  stream?.on('error', () => undefined);
}

function usesSentinel({ options }: Redis | Cluster): boolean {
  return 'sentinels' in options && Boolean(options.sentinels);
}

/** Read anew each time: for TypeScript, a status that was compared before cannot have changed. */
function statusOf(client: Redis | Cluster): (Redis | Cluster)['status'] {
  return client.status;
}

/** Resolves with the first of these events. */
function anyOf(client: Redis | Cluster, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    for (const event of events) client.once(event, () => resolve());
  });
}
