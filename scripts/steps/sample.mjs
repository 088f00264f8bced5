import { readFile } from 'node:fs/promises';

import { runProgram } from '../child-process.mjs';
import { failedTestsIn, withoutPassed } from './jest-output.mjs';

/** What jest and node:test print about themselves. */
const SUMMARIES = [/^Tests:.*$/m, /^(?:#|ℹ) (?:pass|fail|skipped) \d+$/gm];
const COUNTS = {
  passed: [/(\d+) passed/, /pass (\d+)/],
  failed: [/(\d+) failed/, /fail (\d+)/],
  skipped: [/(\d+) skipped/, /skipped (\d+)/],
};

/** What a test file prints that skips its tests where something is missing. */
const WHY_SKIPPED = /^SKIPPED: .*$/gm;

/** The sample's own tests, run as someone who copies the sample would run them. */
export function sampleTests({ needs }) {
  return {
    name: 'sample',
    needs,
    async run() {
      const { scripts } = JSON.parse(await readFile('sample/package.json', 'utf8'));
      if (scripts?.test === undefined) return { passed: 0, failed: 1, skipped: 0, output: 'sample/package.json has no "test" script' };

      const { code, output, survivors } = await runProgram('npm', ['test', '--workspace', 'sample'], { timeout: 900_000 });
      const counts = countsIn(output);
      const whySkipped = output.match(WHY_SKIPPED) ?? [];
      const problems = [
        counts.passed + counts.failed === 0 && 'no test ran',
        counts.skipped > 0 && whySkipped.length === 0 && 'tests were skipped, and none of them says why',
        code !== 0 && counts.failed === 0 && `npm test ended with ${code}`,
        survivors && 'processes were left running after the tests ended',
      ].filter(Boolean);
      return {
        ...counts,
        failed: counts.failed + problems.length,
        whatFailed: [...failedTestsIn(output), ...problems],
        output: withoutPassed(output),
        whySkipped,
      };
    },
  };
}

function countsIn(output) {
  const text = SUMMARIES.flatMap((pattern) => output.match(pattern) ?? []).join('\n');
  const count = ([...patterns]) => Number(patterns.map((pattern) => text.match(pattern)?.[1]).find((found) => found !== undefined) ?? 0);
  return Object.fromEntries(Object.entries(COUNTS).map(([name, patterns]) => [name, count(patterns)]));
}
