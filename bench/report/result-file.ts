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
  const file = path.join(folder, `${minuteOf(result.environment)}${kind === 'speed' ? '' : `-${kind}`}.json`);
  mkdirSync(folder, { recursive: true });
  const config = await resolveConfig(file);
  writeFileSync(file, await format(JSON.stringify(result, rounded), { ...config, parser: 'json' }));
  return `Written to ${file}`;
}

/** Writes every round to a file that is not kept with the sources, and says where. */
export function saveRawRounds(environment: Environment, measurements: object): string {
  const file = path.join(PASSING, `${minuteOf(environment)}-rounds.json`);
  mkdirSync(PASSING, { recursive: true });
  writeFileSync(file, JSON.stringify({ environment, ...measurements }, rounded));
  return `Every round: ${file}`;
}

function minuteOf({ date }: Environment): string {
  return date.slice(0, 16).replace(':', '-');
}

function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(SIGNIFICANT_DIGITS)) : value;
}
