import { setTimeout as pause } from 'node:timers/promises';
import { BenchProcess } from '../../bench/processes/child-process.js';
import { keysWithoutTtl } from '../../test/support/keys-without-ttl.js';
import type { Plan } from '../arguments.js';
import type { Fault } from '../faults.js';
import { Random } from '../load/random.js';
import type { Topology } from '../topologies.js';
import { Fleet } from './fleet.js';
import { brokenPromises, emptyAccount, type MoveAccount } from './move-account.js';
import { move } from './move.js';
import type { RedisAddress, Release, RunningRelease } from './release.js';
import { User } from './user.js';

/** Users who stay away while releases come and go. */
const ABSENT = 5;
/** In ms: the least and the most between two faults. */
const CALM = [1_000, 2_500] as const;
const PROGRAM = new URL('server.js', import.meta.url);

/** What a move under load has led to, and under faults of Redis if there were any. */
export interface MoveTrial {
  readonly during: string;
  readonly topology: Topology['name'];
  readonly faults: number;
  readonly account: MoveAccount;
  readonly logLines: number;
  readonly broken: readonly string[];
}

/** Moves an application through all releases while that fault of Redis happens again and again. */
export async function tryMove(fault: Fault, { middleware, seconds, visitors, seed, minReplicas, journey }: Plan): Promise<MoveTrial> {
  const topology = await fault.start({ minReplicas });
  const account = emptyAccount();
  const processes = new Set<BenchProcess>();
  let logLines = 0;
  const launch = async (release: Release): Promise<RunningRelease> => {
    const order = { release, middleware, redis: topology.connection as RedisAddress };
    const process = await BenchProcess.start(PROGRAM, [JSON.stringify(order)]);
    processes.add(process);
    return {
      origin: await process.ask<string>('origin'),
      convertRest: () => process.ask<number | undefined>('convertRest'),
      stop: async () => {
        await process.ask('stop');
        logLines += process.output.split('\n').filter(Boolean).length;
        processes.delete(process);
        process.stop();
      },
    };
  };
  const fleet = new Fleet(launch);
  const user = (number: number) => new User(`user-${number}`, fleet, new Random(seed * 1_000 + number), new Random(-number), account);
  const count = async () => {
    for (const master of await topology.masters()) account.keysWithoutTtl += (await keysWithoutTtl(master.client())).length;
  };
  const isCalm = fault.name === 'none';
  const faults = new RepeatedFault(fault, topology, new Random(seed));
  try {
    await move({
      journey,
      fleet,
      users: Array.from({ length: visitors }, (_, index) => user(index)),
      absent: Array.from({ length: ABSENT }, (_, index) => user(visitors + index)),
      stage: () => {
        const endsAt = performance.now() + (seconds * 1_000) / journey.length / 2;
        return () => performance.now() < endsAt;
      },
      // One that is out of order cannot be asked.
      afterEach: async () => isCalm && (await count()),
      beforeCheck: async () => {
        await faults.rest();
        await count();
      },
      afterCheck: () => faults.goOn(),
    });
    await fleet.stop();
    return {
      during: fault.name,
      topology: topology.name,
      faults: faults.times,
      account,
      logLines,
      broken: brokenPromises(account, { isRedisFaulty: !isCalm, middleware }),
    };
  } finally {
    await faults.rest();
    for (const process of processes) process.stop();
    await topology.stop();
  }
}

/** A fault that happens again and again, except where it is told to rest. */
class RepeatedFault {
  times = 0;
  #running: Promise<void> | undefined;
  #isResting = false;

  constructor(
    private readonly fault: Fault,
    private readonly topology: Topology,
    private readonly random: Random,
  ) {
    this.goOn();
  }

  goOn(): void {
    this.#isResting = false;
    this.#running = this.#repeat();
  }

  /** Resolves when all is well. */
  async rest(): Promise<void> {
    this.#isResting = true;
    await this.#running;
    await this.topology.untilOk();
  }

  async #repeat(): Promise<void> {
    while (!this.#isResting) {
      await pause(CALM[0] + this.random.below(CALM[1] - CALM[0]));
      if (this.#isResting) return;
      await this.fault.inject(this.topology, this.random);
      this.times++;
    }
  }
}
