export { Barrier } from '../../src/testing/barrier.js';
