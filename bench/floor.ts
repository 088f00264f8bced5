import type { Competitor } from './competitor.js';
import type { FloorOrder, FloorResult } from './load/floor.js';
import type { BenchProcess } from './processes/child-process.js';
import type { Workload } from './workloads.js';

const HANDLE_LENGTH = 22;

/**
 * What a session read costs a Node process at the least: HGETALL by ioredis of the very sessions that `builtin` reads, with as many calls in
 * flight as the workload has connections.
 */
export class Floor {
  constructor(
    private readonly process: BenchProcess,
    readonly autoPipelining: boolean,
    private readonly builtin: Competitor,
  ) {}

  /** `undefined` for a workload that is no read of many sessions. */
  async measure({ method, bytes, sessions, connections }: Workload, milliseconds: number): Promise<FloorResult | undefined> {
    if (method !== 'GET' || bytes === undefined || sessions < connections) return undefined;
    const keys = this.builtin.visitors(bytes).map(({ cookie }) => this.builtin.prefix + handleOf(cookie));
    const order: FloorOrder = { keys, concurrency: connections, milliseconds };
    return this.process.ask<FloorResult>('run', order);
  }
}

/** The cookie is `s:` sid `.` signature, and the sid begins with the handle, which is the key after the prefix. */
function handleOf(cookie: string): string {
  const value = decodeURIComponent(cookie.slice(cookie.indexOf('=') + 1));
  return value.slice('s:'.length, 's:'.length + HANDLE_LENGTH);
}
