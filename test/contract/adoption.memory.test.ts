import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import { TestClock } from '../support/test-clock.js';
import { describeAdoption } from './adoption.contract.js';

const FIVE_MINUTES = 300_000;

describeAdoption('in memory', async (options) => {
  const clock = new TestClock();
  return { store: new MemorySessionStore(options, clock), later: async () => clock.advance(FIVE_MINUTES + 1_000) };
});
