// Installs a version of Node, apart from everything else: node node-program.mjs <version>
// The last line that it prints is the path of the program.
import { installNode } from '../../scripts/install/node-program.mjs';

const [version = ''] = process.argv.slice(2);
console.log(await installNode(version));
