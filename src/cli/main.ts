#!/usr/bin/env node
import { runProgram } from './run-program.js';

await runProgram(process);
// A client that was closed in trouble may leave a timer behind, which would keep the process for as long as --timeout says.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))));
process.exit();
