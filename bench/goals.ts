import type { Candidate } from './candidates/candidate.js';
import { connectRedisPipelined } from './candidates/express-session.js';
import { fastifySessionRolling } from './candidates/fastify-session.js';
import { noSession } from './candidates/no-session.js';
import { builtin } from './candidates/ours.js';
import { secureSession } from './candidates/secure-session.js';
import { both, type Findings, type Statistic } from './findings.js';
import type { PlatformName } from './platforms.js';
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

/** What is measured against a limit, or without one for information. */
interface Aim {
  readonly title: string;
  readonly limit?: Limit;
  readonly statistic: Statistic | undefined;
}

export function goalsOf(findings: Findings): Goal[] {
  return AIMS[findings.platform.name](findings).map(({ title, limit, statistic }) => {
    const measured = statistic === undefined ? undefined : findings.estimate(statistic);
    return { title, limit, measured, reached: limit === undefined ? undefined : reached(limit, measured) };
  });
}

const AIMS: Readonly<Record<PlatformName, (findings: Findings) => readonly Aim[]>> = {
  express: (findings) => {
    const { usual, bareHgetall } = findings.platform;
    const to = (workload: string, other = usual) => findings.overheadTo(workload, builtin, other);
    return [
      {
        title: "overhead of 'builtin' to express-session + connect-redis, read only, 350 B",
        limit: { atMost: 0.15 },
        statistic: to('read-350'),
      },
      { title: 'the same to raw HGETALL, ioredis as it comes', limit: { atMost: 2 }, statistic: toFloor(findings, false) },
      { title: "requests/s of 'builtin' to no session", limit: { atLeast: 0.85 }, statistic: rateTo(findings, noSession) },
      { title: 'requests/s to express-session + connect-redis', limit: { atLeast: 1.9 }, statistic: rateTo(findings, usual) },
      { title: 'overhead to express-session + connect-redis, 4 kB', limit: { atMost: 0.12 }, statistic: to('read-4k') },
      { title: 'the same, one entry changed', limit: { atMost: 0.4 }, statistic: to('change') },
      { title: 'overhead of an anonymous request, us', limit: { atMost: 3 }, statistic: findings.overhead('anonymous', builtin) },
      ...commandAims(findings),
      {
        title: 'for information: overhead to connect-redis with auto-pipelining, 350 B',
        statistic: to('read-350', connectRedisPipelined),
      },
      { title: 'for information: to raw HGETALL with auto-pipelining', statistic: toFloor(findings, true) },
      { title: 'for information: to a bare HGETALL per request in the same server', statistic: to('read-350', bareHgetall) },
      { title: 'for information: the same, one entry changed by a bare HSET', statistic: to('change', bareHgetall) },
      publicAim(findings),
    ];
  },
  fastify: (findings) => {
    const { usual, bareHgetall } = findings.platform;
    const to = (workload: string, other = usual) => findings.overheadTo(workload, builtin, other);
    return [
      { title: 'overhead to @fastify/session + connect-redis, read only, 350 B', limit: { atMost: 0.4 }, statistic: to('read-350') },
      { title: 'requests/s to @fastify/session + connect-redis', limit: { atLeast: 1.5 }, statistic: rateTo(findings, usual) },
      { title: 'overhead to raw HGETALL, ioredis as it comes', limit: { atMost: 2 }, statistic: toFloor(findings, false) },
      { title: 'overhead to @fastify/session + connect-redis, anonymous', limit: { atMost: 0.15 }, statistic: to('anonymous') },
      { title: 'the same, one entry changed', limit: { atMost: 0.4 }, statistic: to('change') },
      { title: 'the same, one entry of 4 kB read', limit: { atMost: 0.15 }, statistic: to('read-4k') },
      ...commandAims(findings),
      { title: "for information: overhead to 'rolling: true', 350 B", statistic: to('read-350', fastifySessionRolling) },
      { title: 'for information: to @fastify/secure-session, 350 B', statistic: to('read-350', secureSession) },
      { title: 'for information: to raw HGETALL with auto-pipelining', statistic: toFloor(findings, true) },
      { title: 'for information: to a bare HGETALL per request in the same server', statistic: to('read-350', bareHgetall) },
      { title: 'for information: the same, one entry changed by a bare HSET', statistic: to('change', bareHgetall) },
      { title: 'for information: overhead of an anonymous request, us', statistic: findings.overhead('anonymous', builtin) },
      publicAim(findings),
    ];
  },
};

function commandAims(findings: Findings): readonly Aim[] {
  return [
    { title: 'Redis commands of an anonymous request', limit: { atMost: 0 }, statistic: findings.figure('anonymous', builtin, 'commands') },
    {
      title: 'Redis commands of a read-only request',
      limit: { atMost: 1.02 },
      statistic: findings.figure('read-350', builtin, 'commands'),
    },
  ];
}

function publicAim(findings: Findings): Aim {
  return {
    title: 'for information: overhead of an anonymous request that does not ask for the session, us',
    statistic: findings.overhead('public', builtin),
  };
}

function toFloor(findings: Findings, autoPipelining: boolean): Statistic | undefined {
  return both(findings.overhead('read-350', builtin), findings.floor('read-350', autoPipelining), ratio);
}

function rateTo(findings: Findings, other: Candidate): Statistic | undefined {
  return both(findings.rate('read-350', builtin), findings.rate('read-350', other), ratio);
}

function reached(limit: Limit, measured: Estimate | undefined): Reached {
  if (measured === undefined) return 'not measured';
  const { low, high } = measured.interval ?? { low: measured.value, high: measured.value };
  const [best, worst, ok] =
    'atMost' in limit ? [low, high, (value: number) => value <= limit.atMost] : [high, low, (value: number) => value >= limit.atLeast];
  if (ok(worst)) return 'reached';
  return ok(best) ? 'cannot be told' : 'NOT REACHED';
}
