// `npm run bench`.
import { runCompiled } from '../scripts/compiled-program.mjs';

const [program, ...args] = process.argv.slice(2);
runCompiled('bench', program, args);
