import { MemorySessionStore } from '../../src/session/memory-session-store.js';
import { describeSessionStore } from './session-store.contract.js';
import { describeOwnedSessions } from './session-store.owned.contract.js';
import { describeSessionIndex } from './session-index.contract.js';

for (const describeStore of [describeSessionStore, describeOwnedSessions, describeSessionIndex])
  describeStore('in memory', async (options) => ({ store: new MemorySessionStore(options) }));
