// One process of a release: node server.js <order as JSON>
import { answerParent } from '../../bench/processes/child-side.js';
import { startRelease } from './applications.js';
import type { ReleaseOrder } from './release.js';

const running = await startRelease(JSON.parse(process.argv[2] ?? '{}') as ReleaseOrder);

answerParent({ origin: () => running.origin, convertRest: () => running.convertRest(), stop: () => running.stop() });
