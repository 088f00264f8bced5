import { createServer } from 'node:net';

/** A port of 127.0.0.1 on which nobody listened a moment ago. Whoever takes it must be ready to find it gone. */
export function freePort(): Promise<number> {
  return listenOnce(0);
}

/**
 * A port that can be left and taken again: below the range from which the system gives out ports, so that no client or server of another test
 * gets in between.
 */
export async function freeLastingPort(): Promise<number> {
  for (;;) {
    const port = 22_000 + Math.floor(Math.random() * 10_000);
    try {
      return await listenOnce(port);
    } catch {
      // taken: draw again
    }
  }
}

/** A port whose number plus 10,000 is free too: that is where a Redis Cluster node listens for the other nodes. */
export async function freeClusterPort(): Promise<number> {
  for (;;) {
    // Lasting, too.
    const port = 11_000 + Math.floor(Math.random() * 10_000);
    try {
      await listenOnce(port);
      await listenOnce(port + 10_000);
      return port;
    } catch {
      // taken: draw again
    }
  }
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const chosen = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(chosen));
    });
  });
}
