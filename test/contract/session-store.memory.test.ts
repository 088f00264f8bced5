import { MemorySessionStore } from '../../src/session/memory-session-store.js';
import { describeSessionStore } from './session-store.contract.js';

describeSessionStore('in memory', async (options) => ({ store: new MemorySessionStore(options) }));
