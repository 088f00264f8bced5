import { bareHgetall, builtin, connectRedis, connectRedisPipelined, noSession } from './candidates/index.js';
import { both, type Findings, type Statistic } from './findings.js';
import { ratio, type Estimate } from './statistics.js';

/** Whether a goal is reached, as far as chance lets it be told. */
export type Reached = 'reached' | 'NOT REACHED' | 'cannot be told' | 'not measured';

/** What `builtin` is to cost at the most, or do at the least. */
export interface Goal {
  readonly title: string;
  /** `undefined`: for information. */
  readonly limit: Limit | undefined;
  readonly measured: Estimate | undefined;
  /** `undefined` without a limit. */
  readonly reached: Reached | undefined;
}

type Limit = { readonly atMost: number } | { readonly atLeast: number };

export function goalsOf(findings: Findings): Goal[] {
  const goal = (title: string, limit: Limit | undefined, statistic: Statistic | undefined): Goal => {
    const measured = statistic === undefined ? undefined : findings.estimate(statistic);
    return { title, limit, measured, reached: limit === undefined ? undefined : reached(limit, measured) };
  };
  const toConnectRedis = (workload: string, other = connectRedis) => findings.overheadTo(workload, builtin, other);
  const toFloor = (autoPipelining: boolean) =>
    both(findings.overhead('read-350', builtin), findings.floor('read-350', autoPipelining), ratio);
  const rateTo = (other: typeof noSession) => both(findings.rate('read-350', builtin), findings.rate('read-350', other), ratio);

  return [
    goal("overhead of 'builtin' to express-session + connect-redis, read only, 350 B", { atMost: 0.15 }, toConnectRedis('read-350')),
    goal('the same to raw HGETALL, ioredis as it comes', { atMost: 2 }, toFloor(false)),
    goal("requests/s of 'builtin' to no session", { atLeast: 0.85 }, rateTo(noSession)),
    goal('requests/s to express-session + connect-redis', { atLeast: 1.9 }, rateTo(connectRedis)),
    goal('overhead to express-session + connect-redis, 4 kB', { atMost: 0.12 }, toConnectRedis('read-4k')),
    goal('the same, one entry changed', { atMost: 0.4 }, toConnectRedis('change')),
    goal('overhead of an anonymous request, us', { atMost: 3 }, findings.overhead('anonymous', builtin)),
    goal('Redis commands of an anonymous request', { atMost: 0 }, findings.figure('anonymous', builtin, 'commands')),
    goal('Redis commands of a read-only request', { atMost: 1.02 }, findings.figure('read-350', builtin, 'commands')),
    goal(
      'for information: overhead to connect-redis with auto-pipelining, 350 B',
      undefined,
      toConnectRedis('read-350', connectRedisPipelined),
    ),
    goal('for information: to raw HGETALL with auto-pipelining', undefined, toFloor(true)),
    goal('for information: to a bare HGETALL per request in the same server', undefined, toConnectRedis('read-350', bareHgetall)),
    goal('for information: the same, one entry changed by a bare HSET', undefined, toConnectRedis('change', bareHgetall)),
    goal(
      'for information: overhead of an anonymous request that does not ask for the session, us',
      undefined,
      findings.overhead('public', builtin),
    ),
  ];
}

function reached(limit: Limit, measured: Estimate | undefined): Reached {
  if (measured === undefined) return 'not measured';
  const { low, high } = measured.interval ?? { low: measured.value, high: measured.value };
  const [best, worst, ok] =
    'atMost' in limit ? [low, high, (value: number) => value <= limit.atMost] : [high, low, (value: number) => value >= limit.atLeast];
  if (ok(worst)) return 'reached';
  return ok(best) ? 'cannot be told' : 'NOT REACHED';
}
