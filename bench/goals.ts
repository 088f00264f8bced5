import { builtin, connectRedis, connectRedisPipelined, noSession } from './candidates/index.js';
import { spreadOf, type Figures, type Measurements, type Spread } from './measurement.js';

/** One line of the goal table of the issue, or beside it. */
export interface Goal {
  readonly title: string;
  /** `undefined`: for information. */
  readonly limit: { readonly atMost: number } | { readonly atLeast: number } | undefined;
  /** Median, least and most of the rounds. `undefined`: not measured. */
  readonly measured: Spread | undefined;
  /** `undefined` without a limit or a measurement. */
  readonly reached: boolean | undefined;
}

type InRound = (round: number) => number | undefined;

/** What is to be reached, each from figures of the same round, so that a machine that was busy for a while was so for both sides. */
export function goalsOf(measurements: Measurements): Goal[] {
  const { rows, floors } = measurements;
  const rounds = [...new Set(rows.map(({ round }) => round))];
  const figure = (workload: string, candidate: { name: string }, what: keyof Figures): InRound => {
    return (round) => rows.find((row) => row.round === round && row.workload === workload && row.candidate === candidate.name)?.[what];
  };
  const overhead = (workload: string, candidate: { name: string }) =>
    both(figure(workload, candidate, 'cpu'), figure(workload, noSession, 'cpu'), (cpu, ceiling) => cpu - ceiling);
  const toConnectRedis = (workload: string, other = connectRedis) => quotient(overhead(workload, builtin), overhead(workload, other));
  const floor = (autoPipelining: boolean): InRound => {
    return (round) =>
      floors.find((row) => row.round === round && row.workload === 'read-350' && row.autoPipelining === autoPipelining)?.cpuPerCommand;
  };
  const throughput = (other: { name: string }) =>
    quotient(figure('read-350', builtin, 'requestsPerSecond'), figure('read-350', other, 'requestsPerSecond'));
  const goal = (title: string, limit: Goal['limit'], inRound: InRound): Goal => {
    const measured = spreadOf(rounds.map(inRound).filter((value) => value !== undefined));
    return { title, limit, measured, reached: reached(limit, measured) };
  };

  return [
    goal("overhead of 'builtin' to express-session + connect-redis, read only, 350 B", { atMost: 0.15 }, toConnectRedis('read-350')),
    goal('the same to raw HGETALL, ioredis as it comes', { atMost: 2 }, quotient(overhead('read-350', builtin), floor(false))),
    goal("requests/s of 'builtin' to no session", { atLeast: 0.85 }, throughput(noSession)),
    goal('requests/s to express-session + connect-redis', { atLeast: 1.9 }, throughput(connectRedis)),
    goal('overhead to express-session + connect-redis, 4 kB', { atMost: 0.12 }, toConnectRedis('read-4k')),
    goal('the same, one entry changed', { atMost: 0.4 }, toConnectRedis('change')),
    goal('overhead of an anonymous request, us', { atMost: 3 }, overhead('anonymous', builtin)),
    goal('Redis commands of an anonymous request', { atMost: 0 }, figure('anonymous', builtin, 'commands')),
    goal('Redis commands of a read-only request', { atMost: 1.02 }, figure('read-350', builtin, 'commands')),
    goal(
      'for information: overhead to connect-redis with auto-pipelining, 350 B',
      undefined,
      toConnectRedis('read-350', connectRedisPipelined),
    ),
    goal('for information: to raw HGETALL with auto-pipelining', undefined, quotient(overhead('read-350', builtin), floor(true))),
    goal(
      'for information: to a bare HGETALL per request in the same server',
      undefined,
      quotient(overhead('read-350', builtin), overhead('read-350', { name: 'bare-hgetall' })),
    ),
    goal(
      'for information: the same, one entry changed by a bare HSET',
      undefined,
      quotient(overhead('change', builtin), overhead('change', { name: 'bare-hgetall' })),
    ),
    goal('for information: overhead of an anonymous request that does not ask for the session, us', undefined, overhead('public', builtin)),
  ];
}

function both(left: InRound, right: InRound, how: (left: number, right: number) => number): InRound {
  return (round) => {
    const [a, b] = [left(round), right(round)];
    return a === undefined || b === undefined ? undefined : how(a, b);
  };
}

function quotient(left: InRound, right: InRound): InRound {
  return both(left, right, (a, b) => a / b);
}

function reached(limit: Goal['limit'], measured: Spread | undefined): boolean | undefined {
  if (limit === undefined || measured === undefined) return undefined;
  return 'atMost' in limit ? measured.median <= limit.atMost : measured.median >= limit.atLeast;
}
