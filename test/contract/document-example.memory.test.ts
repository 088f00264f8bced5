import { beforeAll, expect, test } from '@jest/globals';
import type { SessionStore } from '../../src/session/store/session-store.js';
import { storeContract } from '../../src/session/store/store-contract.js';
import { firstExampleOf } from '../support/document-example.js';

/** What the store of that page has of the optional members. */
const HAS = ['increment'];

let MapStore: new () => SessionStore;
beforeAll(async () => {
  ({ MapStore } = await firstExampleOf<{ MapStore: typeof MapStore }>('docs/write-your-own-store.md'));
});

test.each(storeContract.filter(({ needs }) => needs === undefined || HAS.includes(needs)).map(({ name, run }) => [name, run] as const))(
  'the store of docs/write-your-own-store.md keeps the contract: %s',
  (_name, run) => run(new MapStore()),
);

test('the store of docs/write-your-own-store.md has that optional member, and no other', () => {
  const store = new MapStore();
  const optional = new Set(storeContract.flatMap(({ needs }) => needs ?? []));
  expect([...optional].filter((name) => name in store)).toEqual(HAS);
});
