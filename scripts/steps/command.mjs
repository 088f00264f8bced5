import { runProgram } from '../child-process.mjs';

/**
 * A check that is one program. It passes when the program exits with 0 and, where `proof` is given, says so in words that it only finds when
 * it looked at something: several of these tools are content with nothing to do.
 */
export function command(name, [program, ...args], { timeout = 900_000, needs, proof } = {}) {
  const executable = program === 'node' ? process.execPath : program === 'npm' ? 'npm' : `node_modules/.bin/${program}`;
  return {
    name,
    needs,
    async run() {
      const { code, output } = await runProgram(executable, args, { timeout });
      const proven = proof === undefined || proof.test(output);
      const passed = code === 0 && proven;
      const note = code === 0 && !proven ? `\nexited with 0, but its output does not match ${proof}: it checked nothing\n` : '';
      return { passed: Number(passed), failed: Number(!passed), skipped: 0, output: output + note };
    },
  };
}
