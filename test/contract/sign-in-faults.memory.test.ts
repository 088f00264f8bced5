import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import { describeSignInFaults } from './sign-in-faults.contract.js';

describeSignInFaults('in memory', async (options) => ({ store: new MemorySessionStore(options) }));
