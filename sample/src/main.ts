import { startSample } from './start-sample.js';

const app = await startSample();
app.enableShutdownHooks([], { useProcessExit: true });
