import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Plan } from './arguments.js';
import type { Candidate } from './candidates/candidate.js';
import type { Contest } from './contest.js';
import { summariseAllocations, summariseTime, type CpuProfile, type HeapProfile, type ProfileSummary } from './report/profile-summary.js';
import { number, textTable } from './report/text-table.js';
import type { Workload } from './workloads.js';

const FOLDER = '.cache/bench/profiles';
const WARM_UP_MS = 3_000;
const PROFILE_MS = 5_000;
const TOP = 40;

/** What can be profiled. */
interface Kind {
  readonly question: 'profileTime' | 'profileAllocations';
  readonly extension: string;
  readonly unit: string;
  readonly digits: number;
  readonly read: (text: string, requests: number) => ProfileSummary;
}

const KINDS: readonly Kind[] = [
  {
    question: 'profileTime',
    extension: 'cpuprofile',
    unit: 'us',
    digits: 2,
    read: (text, requests) => summariseTime(JSON.parse(text) as CpuProfile, requests),
  },
  {
    question: 'profileAllocations',
    extension: 'heapprofile',
    unit: 'bytes',
    digits: 0,
    read: (text, requests) => summariseAllocations(JSON.parse(text) as HeapProfile, requests),
  },
];

/** Profiles each candidate under each workload, and prints where the time of a request goes and who allocates memory. */
export async function profileCandidates(contest: Contest, { profile, workloads }: Plan): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  for (const workload of workloads) {
    for (const kind of KINDS) {
      const summaries: { candidate: Candidate; summary: ProfileSummary }[] = [];
      for (const candidate of profile) {
        const file = path.resolve(FOLDER, `${candidate.name}-${workload.name}.${kind.extension}`);
        const requests = await record(contest, candidate, { workload, kind, file });
        const summary = kind.read(readFileSync(file, 'utf8'), requests);
        summaries.push({ candidate, summary });
        console.log(`\n${candidate.title}, ${workload.title}: ${kind.unit} a request, of ${requests}; ${path.relative('.', file)}\n`);
        console.log(functionTable(summary, kind));
      }
      console.log(`\n${workload.title}: ${kind.unit} a request by the innermost package on the stack\n\n${ownerTable(summaries, kind)}`);
    }
  }
}

/** Answers how many requests were handled meanwhile. */
function record(
  contest: Contest,
  candidate: Candidate,
  { workload, kind, file }: { workload: Workload; kind: Kind; file: string },
): Promise<number> {
  const competitor = contest.competitor(candidate);
  const { server } = competitor;
  return contest.underLoad(competitor, workload, async () => {
    await sleep(WARM_UP_MS);
    await server.ask(kind.question);
    const before = await server.ask<{ requests: number }>('usage');
    await sleep(PROFILE_MS);
    const after = await server.ask<{ requests: number }>('usage');
    await server.ask('saveProfile', file);
    return after.requests - before.requests;
  });
}

function functionTable({ functions, total }: ProfileSummary, { unit, digits }: Kind): string {
  return textTable(
    ['function', `${unit} a request`, '%', 'for', 'place'],
    functions
      .slice(0, TOP)
      .map(({ name, self, owner, place }) => [name, number(self, digits), number((self / total) * 100, 1), owner, place]),
  );
}

/** The candidates beside one another, so that what a session adds can be seen. */
function ownerTable(summaries: readonly { candidate: Candidate; summary: ProfileSummary }[], { digits }: Kind): string {
  const owners = [...new Set(summaries.flatMap(({ summary }) => [...summary.owners.keys()]))];
  const most = (owner: string) => Math.max(...summaries.map(({ summary }) => summary.owners.get(owner) ?? 0));
  const line = (title: string, cost: (summary: ProfileSummary) => number) => [
    title,
    ...summaries.map(({ summary }) => number(cost(summary), digits)),
  ];
  const ofOurs = ({ owners: costs }: ProfileSummary) =>
    [...costs].filter(([owner]) => owner.startsWith('src/')).reduce((sum, [, cost]) => sum + cost, 0);
  return textTable(
    ['', ...summaries.map(({ candidate }) => candidate.name)],
    [
      ...owners.toSorted((a, b) => most(b) - most(a)).map((owner) => line(owner, ({ owners: costs }) => costs.get(owner) ?? 0)),
      line('all of src', ofOurs),
      line('all', ({ total }) => total),
    ],
  );
}
