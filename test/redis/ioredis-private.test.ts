import { afterEach, describe, expect, test } from '@jest/globals';
import * as six from 'ioredis';
import * as five from 'ioredis5';
import { freePort } from '../support/free-port.js';

/** What this package uses of ioredis beyond its types, in each major version that it works with. */
describe.each([
  ['5', five as unknown as typeof six],
  ['6', six],
])('ioredis %s', (major, { Cluster, Redis }) => {
  let cleanUp: (() => void)[] = [];
  afterEach(() => {
    for (const step of cleanUp) step();
    cleanUp = [];
  });

  test('is that version', async () => {
    const { version } = (await import(major === '5' ? 'ioredis5/package.json' : 'ioredis/package.json', { with: { type: 'json' } }))
      .default as { version: string };
    expect(version.split('.')[0]).toBe(major);
  });

  test('lets a Cluster forget what it has queued', async () => {
    const cluster = new Cluster([{ host: '127.0.0.1', port: await freePort() }], { clusterRetryStrategy: () => 60_000 });
    cluster.on('error', () => undefined);
    cleanUp.push(() => cluster.disconnect());
    const queued = cluster.get('a');
    (cluster as unknown as { flushQueue(error: Error): void }).flushQueue(new Error('given up'));
    await expect(queued).rejects.toThrow('given up');
  });

  test('keeps the timer of the next attempt where the probe takes it', async () => {
    const client = new Redis({ host: '127.0.0.1', port: await freePort(), retryStrategy: () => 60_000 });
    client.on('error', () => undefined);
    cleanUp.push(() => client.disconnect());
    await new Promise((resolve) => client.once('reconnecting', resolve));
    const waiting = client as unknown as { reconnectTimeout: { hasRef(): boolean } | null };
    expect(waiting.reconnectTimeout?.hasRef()).toBe(true);
    client.disconnect();
    expect(waiting.reconnectTimeout).toBeNull();
  });
});
