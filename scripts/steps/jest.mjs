import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';

import { childEnvironment, runProgram } from '../child-process.mjs';
import { failedTestsIn, withoutPassed } from './jest-output.mjs';

/**
 * Jest's tests in `folders`, counted from its JSON report. Besides a failed test these fail the step: a file that could not run, one of
 * those folders without a test, a run that does not end by itself, and processes that outlive it.
 */
export function jest(name, { folders, timeout, needs, env }) {
  return {
    name,
    needs,
    async run() {
      const report = path.resolve('.cache', `jest-${name.replaceAll(/\W+/g, '-')}.json`);
      await mkdir(path.dirname(report), { recursive: true });
      await rm(report, { force: true });
      const options = ['--ci', '--json', `--outputFile=${report}`, ...folders.map((folder) => `${folder}/`)];
      const args = ['--experimental-vm-modules', path.resolve('node_modules/jest/bin/jest.js'), ...options];
      const { output, timedOut, survivors } = await runProgram(process.execPath, args, { timeout, env: childEnvironment(env) });

      const results = await readFile(report, 'utf8').then(JSON.parse, () => undefined);
      if (results === undefined) return { passed: 0, failed: 1, skipped: 0, output: `${output}\njest wrote no report` };

      const problems = [
        ...folders.filter((folder) => !hasTest(results, path.resolve(folder))).map((folder) => `${folder} holds no test`),
        timedOut && 'jest did not end by itself: something is still open',
        survivors && 'processes were left running after jest ended',
      ].filter(Boolean);

      return {
        passed: results.numPassedTests,
        failed: results.numFailedTests + results.numRuntimeErrorTestSuites + problems.length,
        skipped: results.numPendingTests + results.numTodoTests,
        whatFailed: [...failedTestsIn(output), ...problems],
        output: withoutPassed(output),
      };
    },
  };
}

function hasTest({ testResults }, folder) {
  return testResults.some(
    (file) => file.name.startsWith(folder + path.sep) && (file.assertionResults.length > 0 || file.status === 'failed'),
  );
}
