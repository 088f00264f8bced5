import type { Plan } from '../arguments.js';
import type { Candidate } from '../candidates/candidate.js';
import { connectRedis, noSession } from '../candidates/index.js';
import type { Goal } from '../goals.js';
import { medianOf, type Figures, type Measurements } from '../measurement.js';
import type { Workload } from '../workloads.js';
import { number, textTable } from './text-table.js';

const HEAD = [
  'requests/s',
  'to none',
  'p50 ms',
  'p99 ms',
  'CPU us',
  'overhead us',
  'to connect-redis',
  'commands',
  'Redis bytes',
  'Redis CPU us',
];

/** One table for each workload: medians of the rounds. */
export function speedTables({ rows, floors }: Measurements, { candidates, workloads }: Plan): string {
  return workloads
    .map((workload) => [`\n${workload.title} (${workload.name})\n`, tableOf(workload), floorsOf(workload)].join('\n'))
    .join('\n');

  function tableOf(workload: Workload): string {
    const skipped = candidates.filter(({ skips }) => skips?.[workload.name] !== undefined);
    const lines = candidates
      .filter((candidate) => !skipped.includes(candidate))
      .map((candidate) => [candidate.title, ...cellsOf(workload, candidate)]);
    const notes = skipped.map(({ title, skips }) => `Without ${title}: ${skips?.[workload.name] ?? ''}.`);
    return [textTable(['', ...HEAD], lines), ...notes].join('\n');
  }

  function cellsOf(workload: Workload, candidate: Candidate): string[] {
    const median = (what: keyof Figures, of = candidate) =>
      medianOf(rows.filter((row) => row.workload === workload.name && row.candidate === of.name).map((row) => row[what]));
    const overhead = (of = candidate) => median('cpu', of) - median('cpu', noSession);
    return [
      number(median('requestsPerSecond')),
      number(median('requestsPerSecond') / median('requestsPerSecond', noSession), 2),
      number(median('p50'), 2),
      number(median('p99'), 2),
      number(median('cpu'), 1),
      candidate === noSession ? '' : number(overhead(), 1),
      candidate === noSession ? '' : number(overhead() / overhead(connectRedis), 2),
      number(median('commands'), 3),
      number(median('bytes')),
      number(median('redisCpu'), 1),
    ];
  }

  function floorsOf({ name, connections }: Workload): string {
    const line = (autoPipelining: boolean) => {
      const own = floors.filter((row) => row.workload === name && row.autoPipelining === autoPipelining);
      if (own.length === 0) return [];
      const cpu = number(medianOf(own.map((row) => row.cpuPerCommand)), 1);
      const rate = number(medianOf(own.map((row) => row.commandsPerSecond)));
      const how = autoPipelining ? 'with auto-pipelining' : 'as it comes';
      return [`The floor, HGETALL by ioredis ${how}, ${connections} in flight: ${cpu} us CPU a command (${rate}/s)`];
    };
    return [...line(false), ...line(true)].join('\n');
  }
}

/** The goals, the spread of the rounds in brackets. */
export function goalTable(goals: readonly Goal[]): string {
  const shown = goals.filter(({ limit, measured }) => limit !== undefined || measured !== undefined);
  return textTable(
    ['', 'goal', 'measured', 'rounds', ''],
    shown.map(({ title, limit, measured, reached }) => [
      title,
      limitText(limit),
      number(measured?.median, 3),
      measured === undefined ? '' : `${number(measured.least, 3)} to ${number(measured.most, 3)}`,
      reached === undefined ? (limit === undefined ? '' : 'not measured') : reached ? 'reached' : 'NOT REACHED',
    ]),
  );
}

function limitText(limit: Goal['limit']): string {
  if (limit === undefined) return '';
  return 'atMost' in limit ? `<= ${limit.atMost}` : `>= ${limit.atLeast}`;
}
