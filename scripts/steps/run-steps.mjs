/**
 * @typedef {{ passed: number, failed: number, skipped: number, output: string, whatFailed?: string[], whySkipped?: string[] }} Result
 * @typedef {{ name: string, needs?: string, run: () => Promise<Result> }} Step  `needs` names a step without whose success this one says nothing
 */

/**
 * Runs phases one after another, the steps of a phase `atOnce` at a time, and prints each step as it ends. A failure stops nothing but the
 * steps that need the failed one. What failed is named once more at the end.
 *
 * @param {{ atOnce: number, steps: Step[] }[]} phases
 */
export async function runSteps(phases) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const succeeded = new Set();
  const failures = [];

  const runOne = async (step) => {
    const started = performance.now();
    const result =
      step.needs === undefined || succeeded.has(step.needs)
        ? await step.run().catch((error) => ({ passed: 0, failed: 1, skipped: 0, output: String(error?.stack ?? error) }))
        : { passed: 0, failed: 0, skipped: 1, output: `"${step.needs}" failed` };
    if (result.failed === 0 && result.passed > 0) succeeded.add(step.name);
    for (const key of Object.keys(total)) total[key] += result[key];
    if (result.failed > 0) failures.push([step.name, ...(result.whatFailed ?? [])].join('\n    '));
    print(step, result, (performance.now() - started) / 1000);
  };

  for (const { atOnce, steps } of phases) {
    const waiting = [...steps];
    const worker = async () => {
      for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) await runOne(step);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }
  if (failures.length > 0) console.log(`\nfailed:\n${failures.join('\n')}`);
  return total;
}

function print({ name }, { passed, failed, skipped, output, whatFailed = [], whySkipped = [] }, seconds) {
  const verdict = failed > 0 ? 'FAILED ' : passed > 0 ? 'ok     ' : 'skipped';
  const counts = passed + failed + skipped > 1 ? ` · ${summary({ passed, failed, skipped })}` : '';
  console.log(`${verdict} ${name} (${seconds.toFixed(1)} s)${counts}`);
  for (const line of [...whatFailed, ...whySkipped]) console.log(`        ${line}`);
  if (failed > 0 || passed === 0) console.log(`\n${output.trimEnd().replaceAll(/^/gm, '    ')}\n`);
}

export function summary({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
