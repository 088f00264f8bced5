import { describe, expect, test } from '@jest/globals';
import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import type { SessionStore } from '../../src/session/store/session-store.js';
import { storeContract } from '../../src/session/store/store-contract.js';
import { countingStore } from '../support/counting-store.js';
import { delayingStore } from '../support/delaying-store.js';
import { describeSessionIndex } from './session-index.contract.js';
import { describeSessionStore } from './session-store.contract.js';
import { describeOwnedSessions } from './session-store.users.contract.js';

const inMemory = () => new MemorySessionStore({ revokeBefore: true });

const STORES: [string, () => SessionStore][] = [
  ['in memory', inMemory],
  ['in memory, counted', () => countingStore(inMemory()).store],
  ['in memory, delayed', () => delayingStore(inMemory())],
];

describe.each(STORES)('the contract of a store: %s', (_, open) => {
  test.each(storeContract.map(({ name, run }) => [name, run] as const))('%s', (_name, run) => run(open()));
});

for (const describeStore of [describeSessionStore, describeOwnedSessions, describeSessionIndex])
  describeStore('in memory, delayed', async (options) => ({ store: delayingStore(new MemorySessionStore(options)) }));

test('a store that is wrapped lacks what the one within lacks', () => {
  const { find, create, save, touch, destroy, drain, clock } = inMemory();
  const least: SessionStore = { find, create, save, touch, destroy, drain, clock };
  for (const wrapper of [countingStore(least).store, delayingStore(least)])
    for (const name of ['rotate', 'increment', 'describe', 'revoke', 'compareAndSet', 'endBefore', 'inspect', 'index'])
      expect(wrapper).not.toHaveProperty(name);
});

test('a counting store tells of each call, those of the index too', async () => {
  const { store, counts } = countingStore(inMemory());
  for (const { run } of storeContract) await run(store);
  const unasked = [
    'rotate',
    'increment',
    'describe',
    'revoke',
    'compareAndSet',
    'endBefore',
    'reserve',
    'confirm',
    'refresh',
    'remove',
    'leave',
    'fence',
    'page',
    'nearest',
  ].filter((name) => !counts.has(name));
  expect(unasked).toEqual([]);
});
