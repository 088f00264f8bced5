import { isReply } from '../../redis/client/redis-errors.js';
import { ServerInfo } from '../../redis/client/server-info.js';
import { isRefused, keyNodes, type RedisNode } from '../../redis/inspection/redis-node.js';
import { SessionStoreUnavailableError } from '../../redis-session.errors.js';
import { STORE_DEFAULTS } from '../../session/store/store-options.js';
import type { Command, Context } from '../command.js';
import { noPositionals } from '../command-line.js';
import { clusterFindings, clusterFlagFindings, unreachableFindings } from '../doctor/cluster-findings.js';
import { distanceFindings, distanceTo, exposureFindings } from '../doctor/connection-findings.js';
import { together, type Finding, type Severity } from '../doctor/finding.js';
import { rightsFindings } from '../doctor/rights-findings.js';
import { Sample } from '../doctor/sample.js';
import { serverFindings, SETTINGS, type ServerConfig } from '../doctor/server-findings.js';
import { sessionFindings } from '../doctor/session-findings.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { counted, printable, underPrefix } from '../printable.js';
import { Progress } from '../progress.js';

const DEFAULT_SAMPLE = 1_000;
const LARGEST_SAMPLE = 1_000_000;
const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note'];

export const doctor: Command = {
  summary: 'Check Redis and a sample of the sessions, and say what to type',
  operands: '',
  options: {
    'app-user': {
      type: 'string',
      value: 'NAME',
      help: 'The Redis user of your application, whose rights are checked; by default, the one who asks',
    },
    sample: { type: 'string', value: 'COUNT', help: `How many keys to look at, ${DEFAULT_SAMPLE} by default` },
    'max-bytes': { type: 'string', value: 'BYTES', help: `store.maxBytes of your application, ${STORE_DEFAULTS.maxBytes} by default` },
  },
  details: 'It changes nothing. An error or a warning makes the exit code 1, a note does not.',
  prepare(args) {
    noPositionals(args, 'nestjs-redis-session doctor');
    const asked = {
      user: args.text('app-user'),
      size: args.count('sample', 0, LARGEST_SAMPLE) ?? DEFAULT_SAMPLE,
      maxBytes: args.count('max-bytes', 1, Number.MAX_SAFE_INTEGER) ?? STORE_DEFAULTS.maxBytes,
    };
    return (context) => examine(context, asked);
  },
};

interface Asked {
  readonly user: string | undefined;
  readonly size: number;
  readonly maxBytes: number;
}

async function examine(context: Context, { user, size, maxBytes }: Asked): Promise<ExitCode> {
  const { redis, prefix, target, signal, stderr, output } = context;
  let doing = 'Asking Redis';
  const progress = new Progress(stderr, () => `${doing} …`);
  try {
    const isCluster = redis.port.isCluster;
    const { nodes, infos, unreachable } = await askEach(keyNodes(redis.client), isCluster);
    const [first] = nodes;
    if (first === undefined) throw new SessionStoreUnavailableError('connection');
    const findings: Finding[] = [...exposureFindings(target), ...unreachableFindings(unreachable, redis.port.missesNode)];
    for (const [position, node] of nodes.entries()) {
      const info = infos[position] ?? new ServerInfo('');
      const found = [...serverFindings(info, await configOf(node)), ...(isCluster ? await clusterFindings(node) : [])];
      findings.push(...(isCluster ? found.map((finding) => ({ ...finding, nodes: [node.place] })) : found));
      if (!isCluster) findings.push(...clusterFlagFindings(info));
    }
    const distance = await distanceTo(first);
    findings.push(...distanceFindings(distance), ...(await rightsFindings({ node: first, prefix, isCluster, user })));
    const sample = new Sample(prefix, maxBytes);
    doing = 'Looking at sessions';
    findings.push(...(await looked(sample, nodes, { size, signal })), ...sessionFindings(sample, { prefix, maxBytes }));

    const sorted = together(findings).toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
    const [info = new ServerInfo('')] = infos;
    const document = {
      command: 'doctor',
      findings: sorted,
      server: { product: info.product ?? null, version: info.version ?? null, nodes: nodes.length },
      looked: { keys: sample.keys, sessions: sample.sessions },
      latencyMs: Math.round(distance.latencyMs * 10) / 10,
      clockDifferenceMs: Math.round(distance.clockDifferenceMs),
    };
    progress.end();
    output.print(document, () =>
      textOf(
        sorted,
        `${info.product ?? 'Redis'} ${info.version ?? ''}, ${counted(sample.keys, 'key')}${underPrefix(prefix, sample.keys)} looked at`,
      ),
    );
    return sorted.some(({ severity }) => severity !== 'note') ? EXIT.findings : EXIT.fine;
  } finally {
    progress.end();
  }
}

/** The nodes that answer, each with what it says of itself, and where the others would be. Of a Redis that is alone, rejects where it does not answer. */
async function askEach(nodes: readonly RedisNode[], isCluster: boolean) {
  const answers = await Promise.all(
    nodes.map(async (node) => {
      const info = await infoFrom(node).catch((error: unknown) => {
        if (isCluster && !isReply(error)) return undefined;
        throw error;
      });
      return { node, info };
    }),
  );
  const present = answers.flatMap(({ node, info }) => (info === undefined ? [] : [{ node, info }]));
  return {
    nodes: present.map(({ node }) => node),
    infos: present.map(({ info }) => info),
    unreachable: answers.filter(({ info }) => info === undefined).map(({ node }) => node.place),
  };
}

/** Nothing is known of it where the user may not ask. */
async function infoFrom(node: RedisNode): Promise<ServerInfo> {
  return new ServerInfo(await node.ask('INFO').then(String, unlessRefused('')));
}

async function configOf(node: RedisNode): Promise<ServerConfig> {
  const config = new Map<string, string>();
  for (const name of SETTINGS) {
    const answer = await node.ask('CONFIG', 'GET', name).then((reply) => reply as string[], unlessRefused<string[]>([]));
    if (answer[1] !== undefined) config.set(name, answer[1]);
  }
  return config;
}

/** Managed services have no CONFIG, and not everybody may ask. */
function unlessRefused<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (isRefused(error)) return instead;
    throw error;
  };
}

async function looked(
  sample: Sample,
  nodes: readonly RedisNode[],
  { size, signal }: { readonly size: number; readonly signal: AbortSignal },
): Promise<Finding[]> {
  try {
    for (const [position, node] of nodes.entries()) await sample.take(node, Math.ceil((size * (position + 1)) / nodes.length), signal);
    return sample.refusal === undefined ? [] : [unseen(sample.refusal)];
  } catch (error) {
    if (isRefused(error)) return [unseen(error)];
    throw error;
  }
}

function unseen({ reason, command }: SessionStoreUnavailableError): Finding {
  return {
    id: 'sessions-unseen',
    severity: 'note',
    what: `The sessions could not be looked at, or not at all of what they are (${reason}${command === undefined ? '' : `: ${command}`}).`,
    means: 'Whether they are as they should be is not known.',
    type: ['nestjs-redis-session doctor   # as a user who may also SCAN, TYPE, GETRANGE, CONFIG GET and MEMORY USAGE'],
  };
}

function textOf(findings: readonly Finding[], about: string): string {
  if (findings.length === 0) return `Nothing to be seen to: ${about}.`;
  const blocks = findings.map(({ id, severity, what, means, type, nodes = [] }) =>
    [
      `${severity.toUpperCase()} ${id}: ${what}${nodes.length === 0 ? '' : ` (${nodes.map(printable).join(', ')})`}`,
      `  ${means}`,
      ...type.map((line) => `  > ${line}`),
    ].join('\n'),
  );
  const counts = SEVERITIES.map((severity) => [severity, findings.filter((finding) => finding.severity === severity).length] as const);
  const sum = counts.filter(([, count]) => count > 0).map(([severity, count]) => counted(count, severity));
  return [...blocks, `${sum.join(', ')}: ${about}.`].join('\n\n');
}
