import type { FloorResult } from './load/floor.js';

/** What one measurement of one candidate under one workload gave. */
export interface Figures {
  readonly requestsPerSecond: number;
  /** Latencies in ms. */
  readonly p50: number;
  readonly p99: number;
  /** CPU time of the server process, microseconds per request. */
  readonly cpu: number;
  /** Redis commands per request. Those that a script runs count too. */
  readonly commands: number;
  /** Bytes between the server and Redis, per request. */
  readonly bytes: number;
  /** CPU time of redis-server, microseconds per request. */
  readonly redisCpu: number;
  /** CPU time of the load generator by time. */
  readonly loaderCpuShare: number;
}

export interface Row extends Figures {
  readonly round: number;
  readonly workload: string;
  readonly candidate: string;
}

/** One measurement of HGETALL alone. */
export interface FloorRow extends FloorResult {
  readonly round: number;
  readonly workload: string;
  readonly autoPipelining: boolean;
}

export interface Measurements {
  /** How many there were. */
  readonly rounds: number;
  readonly rows: readonly Row[];
  readonly floors: readonly FloorRow[];
}

/** The middle one of several, and how far they are apart. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** `undefined` for no values. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [least, most] = [sorted[0], sorted.at(-1)];
  const [lower, upper] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  if (least === undefined || most === undefined || lower === undefined || upper === undefined) return undefined;
  return { median: (lower + upper) / 2, least, most };
}

/** The middle one of several; NaN for none. */
export function medianOf(values: readonly number[]): number {
  return spreadOf(values)?.median ?? Number.NaN;
}
