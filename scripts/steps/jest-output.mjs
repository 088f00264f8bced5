/** The names of the tests that jest says have failed, and of the files that could not run, each once. */
export function failedTestsIn(output) {
  // What a test printed stands under such a line too.
  const titles = output.match(/^ +● (?!Console$).*$/gm) ?? [];
  return [...new Set(titles.map((line) => line.replace('●', '').trim()))];
}

/** What jest printed without what says that something passed: a reader of a failed run sees what failed first. */
export function withoutPassed(output) {
  const passed = /^PASS .*$/;
  const flag = /ExperimentalWarning: VM Modules|--trace-warnings/;
  // jest prints its JSON report on stdout even when it writes it to a file
  const report = /^\{"numFailedTestSuites"/;
  return output
    .split('\n')
    .filter((line) => ![passed, flag, report].some((pattern) => pattern.test(line)))
    .join('\n');
}
