import { setTimeout as pause } from 'node:timers/promises';
import { BenchProcess } from '../bench/processes/child-process.js';
import type { Plan } from './arguments.js';
import type { Fault } from './faults.js';
import { Random } from './load/random.js';
import { Timeline } from './load/timeline.js';
import { emptyAccount, Visitor, type Account } from './load/visitor.js';
import type { Topology } from './topologies.js';

const PROCESSES = 2;
/** In ms: the least and the most between two faults. */
const CALM = [1_000, 2_500] as const;
const HEAP_EVERY = 1_000;

/** What one fault has led to. */
export interface Trial {
  readonly fault: string;
  readonly topology: Topology['name'];
  readonly faults: number;
  readonly requests: number;
  readonly account: Account;
  /** In all of Redis, when all was well again. */
  readonly keys: number;
  readonly keysWithoutTtl: number;
  /** In ms. */
  readonly longestUnavailable: number;
  readonly longestRecovery: number;
  /** In ms. */
  readonly slowest: number;
  readonly logLines: number;
  /** How much the heap of a process grew, kB a second. */
  readonly heapSlope: number;
  /** Each promise that was broken, in words. */
  readonly broken: readonly string[];
}

/** Starts everything, lets the fault happen again and again under load, waits until all is well, and draws up the account. */
export async function tryFault(fault: Fault, { middleware, seconds, visitors: count, seed, minReplicas }: Plan): Promise<Trial> {
  const random = new Random(seed);
  const topology = await fault.start({ minReplicas });
  const program = new URL('app/server.js', import.meta.url);
  const order = JSON.stringify({ redis: topology.connection, middleware });
  const processes: BenchProcess[] = [];
  try {
    for (let index = 0; index < PROCESSES; index++) processes.push(await BenchProcess.start(program, [order]));
    const origins = await Promise.all(processes.map((one) => one.ask<string>('origin')));
    const account = emptyAccount();
    const timeline = new Timeline();
    const visitors = Array.from(
      { length: count },
      (_, index) => new Visitor(`user-${index}`, origins, new Random(seed * 1_000 + index), account, timeline),
    );
    const heaps = new HeapWatch(processes);
    const endsAt = performance.now() + seconds * 1_000;
    const isOver = () => performance.now() >= endsAt;
    const load = Promise.all(
      visitors.map(async (visitor) => {
        while (!isOver()) await visitor.act();
      }),
    );
    let faults = 0;
    while (!isOver()) {
      await pause(CALM[0] + random.below(CALM[1] - CALM[0]));
      if (isOver()) break;
      await fault.inject(topology, random);
      timeline.healed(origins);
      faults++;
    }
    await load;
    heaps.stop();
    await topology.untilOk();
    await drain(origins);
    for (const visitor of visitors) await visitor.lookOnceMore();
    const { keys, keysWithoutTtl } = await keysOf(topology);
    const logLines = processes.reduce((lines, { output }) => lines + output.split('\n').filter(Boolean).length, 0);
    const facts = {
      fault: fault.name,
      topology: topology.name,
      faults,
      requests: timeline.requests,
      account,
      keys,
      keysWithoutTtl,
      logLines,
    };
    const times = {
      longestUnavailable: timeline.longestUnavailable,
      longestRecovery: timeline.longestRecovery,
      slowest: timeline.slowest,
      heapSlope: heaps.slope(),
    };
    return { ...facts, ...times, broken: brokenPromises(fault, account, keysWithoutTtl, timeline) };
  } finally {
    for (const one of processes) one.stop();
    await topology.stop();
  }
}

/** In ms. `store.deadline` is 1 s for load and save of a request together, and for each explicit call besides; the rest is a busy machine. */
const SLOWEST = 4_000;

function brokenPromises({ promises }: Fault, account: Account, keysWithoutTtl: number, { slowest }: Timeline): string[] {
  const broken = Object.keys(promises)
    .map((name) => [name, account[name as keyof typeof promises]] as const)
    .filter(([, value]) => value > 0)
    .map(([name, value]) => `${name}: ${value}, promised: 0`);
  if (keysWithoutTtl > 0) broken.push(`keys without TTL: ${keysWithoutTtl}, promised: 0`);
  if (slowest > SLOWEST) broken.push(`slowest answer: ${Math.round(slowest)} ms, promised: within the deadlines`);
  if (account.unanswered > 0) broken.push(`requests without an answer: ${account.unanswered}, promised: 0`);
  for (const [name, times] of Object.entries(account.unexpected)) {
    // Where Redis may forget what it has acknowledged, a sign-in may find that it has.
    const isOfLoss = name === '401 SESSION_GONE' && promises.lostSessions === undefined;
    if (!isOfLoss) broken.push(`answers ${name}: ${times}, promised: 0`);
  }
  return broken;
}

/** Each process serves a new session again. */
async function drain(origins: readonly string[]): Promise<void> {
  for (const origin of origins)
    for (let tries = 0; ; tries++) {
      const response = await fetch(`${origin}/login/nobody`, { method: 'POST' });
      await response.arrayBuffer();
      if (response.ok) break;
      if (tries === 100) throw new Error(`${origin} does not serve sessions again, though Redis is well.`);
      await pause(100);
    }
}

async function keysOf(topology: Topology): Promise<{ keys: number; keysWithoutTtl: number }> {
  let keys = 0;
  let keysWithoutTtl = 0;
  for (const master of await topology.masters()) {
    const client = master.client();
    let cursor = '0';
    do {
      const [next, found] = await client.scan(cursor, 'COUNT', 500);
      cursor = next;
      keys += found.length;
      for (const key of found) if ((await client.pttl(key)) === -1) keysWithoutTtl++;
    } while (cursor !== '0');
  }
  return { keys, keysWithoutTtl };
}

/** Asks the processes for their heap now and then. */
class HeapWatch {
  readonly #samples: { readonly at: number; readonly bytes: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(processes: readonly BenchProcess[]) {
    const look = async () => {
      const heaps = await Promise.all(processes.map((one) => one.ask<number>('heap')));
      this.#samples.push({ at: performance.now() / 1_000, bytes: Math.max(...heaps) });
    };
    this.#timer = setInterval(() => void look(), HEAP_EVERY);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** By least squares, in kB a second. */
  slope(): number {
    const count = this.#samples.length;
    if (count < 2) return 0;
    const mean = (of: (sample: { at: number; bytes: number }) => number) => this.#samples.reduce((sum, one) => sum + of(one), 0) / count;
    const [at, bytes] = [mean((one) => one.at), mean((one) => one.bytes)];
    const covariance = mean((one) => (one.at - at) * (one.bytes - bytes));
    return covariance / mean((one) => (one.at - at) ** 2) / 1_024;
  }
}
