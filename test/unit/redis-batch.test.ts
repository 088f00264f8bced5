import { describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { IoredisPort } from '../../src/redis/client/ioredis/ioredis-port.js';
import { RedisBatch } from '../../src/redis/client/redis-batch.js';
import type { BatchedCommand } from '../../src/redis/client/batched-command.js';

/** A client that answers every command with its key, and each of a pipeline likewise. */
function clientOf(isCluster: boolean, enableAutoPipelining: boolean): object {
  return {
    isCluster,
    options: { enableAutoPipelining },
    hgetall: async (key: string) => key,
    pipeline: () => {
      const keys: string[] = [];
      return { hgetall: (key: string) => void keys.push(key), exec: async () => keys.map((key) => [null, key]) };
    },
  };
}

const batchFor = (client: object) => new RedisBatch(new IoredisPort(client as Redis));

function outcomeOf(batch: RedisBatch, key: string, faults: Partial<BatchedCommand> = {}): Promise<unknown> {
  return new Promise((resolve) => {
    batch.add({ name: 'hgetall', key, args: [key], onReply: resolve, onError: (error) => resolve(error.message), ...faults });
  });
}

const fault = (message: string) => () => {
  throw new Error(message);
};

describe.each([
  ['a single node', false, false],
  ['a single node with automatic pipelines', false, true],
  ['a Cluster', true, false],
  ['a Cluster with automatic pipelines', true, true],
])('a batch for %s', (_, ...client) => {
  test('of which one command cannot be sent has that one fail, and answers the others', async () => {
    const batch = batchFor(clientOf(...client));
    const unsendable = { onSend: fault('cannot be sent') };
    const outcomes = [outcomeOf(batch, 'first'), outcomeOf(batch, 'bad', unsendable), outcomeOf(batch, 'last')];
    expect(await Promise.all(outcomes)).toEqual(['first', 'cannot be sent', 'last']);
  });

  test('of which one reply cannot be read has that one fail, and answers the others', async () => {
    const batch = batchFor(clientOf(...client));
    const outcomes = [outcomeOf(batch, 'first'), outcomeOf(batch, 'bad', { onReply: fault('cannot be read') }), outcomeOf(batch, 'last')];
    expect(await Promise.all(outcomes)).toEqual(['first', 'cannot be read', 'last']);
  });

  test('that cannot be sent at all fails each of its commands', async () => {
    const batch = batchFor({ ...clientOf(...client), pipeline: fault('no pipeline'), hgetall: fault('no pipeline') });
    expect(await Promise.all([outcomeOf(batch, 'first'), outcomeOf(batch, 'last')])).toEqual(['no pipeline', 'no pipeline']);
  });
});
