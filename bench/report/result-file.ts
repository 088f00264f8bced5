import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import type { Environment } from './environment.js';

const KEPT = 'bench/results';
const PASSING = '.cache/bench/results';
const SIGNIFICANT_DIGITS = 5;

interface Result {
  readonly environment: Environment;
  readonly [name: string]: unknown;
}

/** Writes a result as JSON and says where. Only that of a whole run is kept with the sources. */
export async function saveResult(kind: string, result: Result, { isWhole }: { isWhole: boolean }): Promise<string> {
  const folder = isWhole ? KEPT : PASSING;
  const minute = result.environment.date.slice(0, 16).replace(':', '-');
  const file = path.join(folder, `${minute}${kind === 'speed' ? '' : `-${kind}`}.json`);
  mkdirSync(folder, { recursive: true });
  const config = await resolveConfig(file);
  writeFileSync(file, await format(JSON.stringify(result, rounded), { ...config, parser: 'json' }));
  return `Written to ${file}`;
}

function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(SIGNIFICANT_DIGITS)) : value;
}
