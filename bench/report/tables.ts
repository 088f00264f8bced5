import type { Plan } from '../arguments.js';
import type { Candidate } from '../candidates/candidate.js';
import type { Comparison, Findings } from '../findings.js';
import type { Goal } from '../goals.js';
import type { Figures } from '../measurement.js';
import type { Estimate } from '../statistics.js';
import type { Workload } from '../workloads.js';
import { number, textTable } from './text-table.js';

const HEAD = ['requests/s', 'p50 ms', 'p99 ms', 'commands', 'Redis bytes', 'Redis CPU us'];

/** One table for each workload. */
export function speedTables(findings: Findings, { platform, candidates, workloads }: Plan): string {
  const hasNormalised = candidates.some((candidate) => candidate === platform.normalised);
  const head = ['CPU us', 'overhead us', `to ${platform.usualName}`, ...(hasNormalised ? ['both normalised'] : []), ...HEAD];
  return workloads
    .map((workload) => [`\n${workload.title} (${workload.name})\n`, tableOf(workload), floorsOf(workload)].join('\n'))
    .join('\n');

  function tableOf(workload: Workload): string {
    const skipped = candidates.filter(({ skips }) => skips?.[workload.name] !== undefined);
    const lines = candidates
      .filter((candidate) => !skipped.includes(candidate))
      .map((candidate) => [candidate.title, ...cellsOf(workload, candidate)]);
    const notes = skipped.map(({ title, skips }) => `Without ${title}: ${skips?.[workload.name] ?? ''}.`);
    return [textTable(['', ...head], lines), ...notes].join('\n');
  }

  function cellsOf({ name }: Workload, candidate: Candidate): string[] {
    const cost = findings.cost(name, candidate);
    const value = (what: keyof Figures) => findings.value(findings.figure(name, candidate, what));
    return [
      number(cost?.cpu.value, 1),
      withInterval(cost?.overhead, 1),
      withInterval(cost?.toUsual, 3),
      ...(hasNormalised ? [withInterval(cost?.toUsualNormalised, 3)] : []),
      number(findings.value(findings.rate(name, candidate))),
      number(value('p50'), 2),
      number(value('p99'), 2),
      number(value('commands'), 3),
      number(value('bytes')),
      number(value('redisCpu'), 1),
    ];
  }

  function floorsOf({ name, connections }: Workload): string {
    const line = (autoPipelining: boolean) => {
      const cpu = findings.floor(name, autoPipelining);
      if (cpu === undefined) return [];
      const how = autoPipelining ? 'with auto-pipelining' : 'as it comes';
      return [
        `The floor, HGETALL by ioredis ${how}, ${connections} in flight: ${withInterval(findings.estimate(cpu), 1)} us CPU a command`,
      ];
    };
    return [...line(false), ...line(true)].join('\n');
  }
}

/** The present version beside each earlier one. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  return textTable(
    ["'builtin' now to", 'workload', 'CPU us then', 'now', 'us more', 'of the overhead', 'of the request', ''],
    comparisons.map(({ workload, earlier, cpuThen, cpuNow, difference, ofOverhead, ofRequest, verdict }) => [
      earlier,
      workload,
      number(cpuThen.value, 1),
      number(cpuNow.value, 1),
      withInterval(difference, 1),
      ofOverhead.interval === undefined ? '-' : withInterval(ofOverhead, 2),
      withInterval(ofRequest, 3),
      verdict,
    ]),
  );
}

/** The goals, the interval in brackets. */
export function goalTable(goals: readonly Goal[]): string {
  const shown = goals.filter(({ limit, measured }) => limit !== undefined || measured !== undefined);
  return textTable(
    ['', 'goal', 'measured', ''],
    shown.map(({ title, limit, measured, reached }) => [title, limitText(limit), withInterval(measured, 3), reached ?? '']),
  );
}

function withInterval(estimate: Estimate | undefined, digits: number): string {
  if (estimate === undefined) return '';
  const { value, interval } = estimate;
  if (interval === undefined) return number(value, digits);
  return `${number(value, digits)} (${number(interval.low, digits)} to ${number(interval.high, digits)})`;
}

function limitText(limit: Goal['limit']): string {
  if (limit === undefined) return '';
  return 'atMost' in limit ? `<= ${limit.atMost}` : `>= ${limit.atLeast}`;
}
