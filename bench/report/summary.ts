import type { Plan } from '../arguments.js';
import { LOW, type Comparison, type Findings } from '../findings.js';
import type { Figures } from '../measurement.js';
import { CONFIDENCE, RESAMPLES, type Estimate } from '../statistics.js';

/** What is kept of a run: figures, not rounds. An estimate is written as value, low end and high end. */
export function summaryOfRun(findings: Findings, comparisons: readonly Comparison[], plan: Plan): Record<string, unknown> {
  const { platform, processes, seed, requests, workloads, candidates } = plan;
  return {
    platform: platform.name,
    usual: platform.usual.name,
    method: { rounds: findings.rounds, processes, seed, requests, quantile: LOW, resamples: RESAMPLES, confidence: CONFIDENCE },
    estimates: 'value, low and high end of the interval; CPU times and overheads in microseconds a request',
    costs: workloads.flatMap(({ name }) =>
      candidates.flatMap((candidate) => {
        const cost = findings.cost(name, candidate);
        if (cost === undefined) return [];
        const value = (what: keyof Figures) => findings.value(findings.figure(name, candidate, what));
        const { cpu, overhead, toUsual, toUsualNormalised } = cost;
        return {
          workload: name,
          candidate: candidate.name,
          cpu: inOneLine(cpu),
          overhead: inOneLine(overhead),
          toUsual: inOneLine(toUsual),
          toUsualNormalised: inOneLine(toUsualNormalised),
          commands: value('commands'),
          p50: value('p50'),
        };
      }),
    ),
    comparisons: comparisons.map(({ workload, earlier, cpuThen, cpuNow, difference, ofOverhead, ofRequest, verdict }) => ({
      workload,
      earlier,
      cpuThen: inOneLine(cpuThen),
      cpuNow: inOneLine(cpuNow),
      difference: inOneLine(difference),
      ofOverhead: inOneLine(ofOverhead),
      ofRequest: inOneLine(ofRequest),
      verdict,
    })),
  };
}

function inOneLine(estimate: Estimate | undefined): number[] | undefined {
  if (estimate === undefined) return undefined;
  const { value, interval } = estimate;
  return interval === undefined ? [value] : [value, interval.low, interval.high];
}
