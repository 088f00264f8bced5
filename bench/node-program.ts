import { execFileSync } from 'node:child_process';

/** The Node that the servers run with. */
export interface NodeProgram {
  readonly path: string;
  readonly versions: { readonly node: string; readonly v8: string };
}

const INSTALL = 'bench/setup/node-program.mjs';

/** That which runs this, or another one by its version, which is installed where it is missing. */
export function nodeProgram(version: string | undefined): NodeProgram {
  if (version === undefined) return { path: process.execPath, versions: process.versions };
  const output = execFileSync(process.execPath, [INSTALL, version], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const path = output.trim();
  const versions = execFileSync(path, ['-p', 'JSON.stringify(process.versions)'], { encoding: 'utf8' });
  return { path, versions: JSON.parse(versions) as NodeProgram['versions'] };
}

export function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}
