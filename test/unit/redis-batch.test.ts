import { describe, expect, test } from '@jest/globals';
import { RedisBatch, type BatchedCommand } from '../../src/redis/client/redis-batch.js';
import type { RedisClient } from '../../src/redis/client/redis-connection.js';

/** A client that answers every command with its name, and each of a pipeline likewise. */
function clientOf(isCluster: boolean): RedisClient {
  const client = {
    isCluster,
    echo: async (name: string) => name,
    pipeline: () => {
      const names: string[] = [];
      return { echo: (name: string) => void names.push(name), exec: async () => names.map((name) => [null, name]) };
    },
  };
  return client as unknown as RedisClient;
}

interface Echo {
  echo(name: string): unknown;
}

function outcomeOf(batch: RedisBatch, name: string, faults: Partial<BatchedCommand> = {}): Promise<unknown> {
  return new Promise((resolve) => {
    batch.add({
      addTo: (pipeline) => void (pipeline as unknown as Echo).echo(name),
      sendTo: (client) => (client as unknown as Echo).echo(name) as Promise<unknown>,
      onReply: resolve,
      onError: (error) => resolve(error.message),
      ...faults,
    });
  });
}

const fault = (message: string) => () => {
  throw new Error(message);
};

describe.each([
  ['a single node', false],
  ['a Cluster', true],
])('a batch for %s', (_, isCluster) => {
  test('of which one command cannot be built has that one fail, and answers the others', async () => {
    const batch = new RedisBatch(clientOf(isCluster));
    const unbuildable = { addTo: fault('cannot be built'), sendTo: fault('cannot be built') };
    const outcomes = [outcomeOf(batch, 'first'), outcomeOf(batch, 'bad', unbuildable), outcomeOf(batch, 'last')];
    expect(await Promise.all(outcomes)).toEqual(['first', 'cannot be built', 'last']);
  });

  test('of which one reply cannot be read has that one fail, and answers the others', async () => {
    const batch = new RedisBatch(clientOf(isCluster));
    const outcomes = [outcomeOf(batch, 'first'), outcomeOf(batch, 'bad', { onReply: fault('cannot be read') }), outcomeOf(batch, 'last')];
    expect(await Promise.all(outcomes)).toEqual(['first', 'cannot be read', 'last']);
  });

  test('that cannot be sent at all fails each of its commands', async () => {
    const client = Object.assign(clientOf(isCluster), {
      pipeline: fault('no pipeline'),
      echo: fault('no pipeline'),
    }) as unknown as RedisClient;
    const batch = new RedisBatch(client);
    expect(await Promise.all([outcomeOf(batch, 'first'), outcomeOf(batch, 'last')])).toEqual(['no pipeline', 'no pipeline']);
  });
});
