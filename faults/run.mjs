// `npm run faults`.
import { runCompiled } from '../scripts/compiled-program.mjs';

runCompiled('faults', 'main', process.argv.slice(2));
