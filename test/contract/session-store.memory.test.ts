import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import { describeSessionIndex } from './session-index.contract.js';
import { describeSessionStore } from './session-store.contract.js';
import { describeOwnedSessions } from './session-store.users.contract.js';

for (const describeStore of [describeSessionStore, describeOwnedSessions, describeSessionIndex])
  describeStore('in memory', async (options) => ({ store: new MemorySessionStore(options) }));
