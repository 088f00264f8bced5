import { execFileSync } from 'node:child_process';
import type { Candidate, PackedVersion } from './candidates/candidate.js';
import { packedBuiltin } from './candidates/ours.js';

const INSTALL = 'bench/setup/packed-version.mjs';

/** Candidates of earlier versions, by git revision or tarball. They are packed and installed where they are missing. */
export function packedCandidates(versions: readonly string[]): Candidate[] {
  return versions.map((version) => {
    const output = execFileSync(process.execPath, [INSTALL, version], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    return packedBuiltin(JSON.parse(output.trim().split('\n').at(-1) ?? '') as PackedVersion);
  });
}
