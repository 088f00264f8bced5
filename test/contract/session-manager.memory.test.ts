import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import { describeSessionManager } from './session-manager.contract.js';

describeSessionManager('in memory', async (options) => ({ store: new MemorySessionStore(options) }));
