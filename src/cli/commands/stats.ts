import type { RedisNode } from '../../redis/inspection/redis-node.js';
import { RedisKeys } from '../../redis/store/redis-keys.js';
import { expiresAt, type SessionFacts } from '../../session/session-record.js';
import { Sessions } from '../../session/sessions.js';
import { allSessions } from '../all-sessions.js';
import type { Command, Context } from '../command.js';
import { noPositionals } from '../command-line.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { REVOKE_BEFORE } from '../options.js';
import { counted, grouped, sized, table, underPrefix } from '../printable.js';
import { Progress } from '../progress.js';

const DEFAULT_SAMPLE = 10_000;
const LARGEST_SAMPLE = 1_000_000;
const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];

/** Up to how many ms each part of a distribution goes. */
const PARTS: readonly (readonly [name: string, below: number])[] = [
  ['under 1 min', MINUTE],
  ['1 to 10 min', 10 * MINUTE],
  ['10 to 60 min', HOUR],
  ['1 to 24 h', DAY],
  ['1 to 7 d', 7 * DAY],
  ['over 7 d', Infinity],
];

export const stats: Command = {
  summary: 'How many sessions and users there are, how large, how idle, and when they end',
  operands: '',
  options: {
    sample: { type: 'string', value: 'COUNT', help: `Of how many sessions to ask the size, ${DEFAULT_SAMPLE} by default` },
    'revoke-before': REVOKE_BEFORE,
  },
  details:
    'It looks at every key (SCAN), part by part, and rests between two parts as long as one took. The size is what Redis needs in memory (MEMORY USAGE).',
  prepare(args) {
    noPositionals(args, 'nestjs-redis-session stats');
    const sample = args.count('sample', 0, LARGEST_SAMPLE) ?? DEFAULT_SAMPLE;
    return (context) => run(context, sample);
  },
};

async function run(context: Context, sample: number): Promise<ExitCode> {
  const { stderr, prefix, output } = context;
  const keys = new RedisKeys(prefix);
  const census = new Census(await Sessions.of(context.store).now(), prefix);
  const progress = new Progress(stderr, () => `Looking: ${counted(census.sessions, 'session')} so far …`);
  try {
    for await (const { node, sessions, users } of allSessions(context)) {
      const chosen = sessions.slice(0, Math.max(0, sample - census.sizes.length));
      census.add(sessions, users, await sizesOf(node, keys, chosen));
    }
  } finally {
    progress.end();
  }
  output.print(census.document(), () => census.text());
  return EXIT.fine;
}

/** `MEMORY USAGE` of each that is there still. */
async function sizesOf(node: RedisNode, keys: RedisKeys, sessions: readonly SessionFacts[]): Promise<number[]> {
  const replies = await node.askAll(sessions.map(({ handle }) => ['MEMORY', 'USAGE', keys.session(handle)] as const));
  return replies.flatMap((reply) => {
    if (reply.status === 'rejected') throw reply.reason as Error;
    return reply.value === null ? [] : [Number(reply.value)];
  });
}

/** What is known of all sessions. */
class Census {
  sessions = 0;
  readonly sizes: number[] = [];
  #signedIn = 0;
  #users = 0;
  readonly #idle = new Distribution();
  readonly #left = new Distribution();

  constructor(
    private readonly now: number,
    private readonly prefix: string,
  ) {}

  add(sessions: readonly SessionFacts[], users: number, sizes: readonly number[]): void {
    this.sessions += sessions.length;
    this.#users += users;
    this.sizes.push(...sizes);
    for (const facts of sessions) {
      if (facts.userId !== undefined) this.#signedIn++;
      this.#idle.add(this.now - facts.lastSeenAt);
      this.#left.add(expiresAt(facts) - this.now);
    }
  }

  document(): object {
    return {
      command: 'stats',
      sessions: this.sessions,
      signedIn: this.#signedIn,
      visitors: this.sessions - this.#signedIn,
      users: this.#users,
      bytes: this.#bytes() ?? null,
      notUsedFor: this.#idle.counts(),
      endsIn: this.#left.counts(),
    };
  }

  text(): string {
    const bytes = this.#bytes();
    const share = (count: number) => `${((100 * count) / Math.max(1, this.sessions)).toFixed(0)} %`;
    const distribution = (counts: Readonly<Record<string, number>>) =>
      table(Object.entries(counts).map(([name, count]) => [`  ${name}`, grouped(count), share(count)]));
    return [
      table([
        ['sessions', `${grouped(this.sessions)}${underPrefix(this.prefix, this.sessions)}`],
        ['  signed in', grouped(this.#signedIn)],
        ['  visitors', grouped(this.sessions - this.#signedIn)],
        ['users', grouped(this.#users)],
        ['memory', bytes === undefined ? 'not asked' : `about ${sized(bytes.total)}`],
        ...(bytes === undefined
          ? []
          : [
              ['  a session', `${sized(bytes.median)} (median), ${sized(bytes.p95)} (95 %), ${sized(bytes.largest)} (largest)`],
              ['  asked', counted(bytes.sampled, 'session')],
            ]),
      ]),
      'not used for',
      distribution(this.#idle.counts()),
      'ends in, if nobody uses it',
      distribution(this.#left.counts()),
    ].join('\n');
  }

  #bytes() {
    if (this.sizes.length === 0) return undefined;
    const sorted = this.sizes.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    const mean = sorted.reduce((sum, size) => sum + size, 0) / sorted.length;
    return {
      sampled: sorted.length,
      total: Math.round(mean * this.sessions),
      median: at(0.5),
      p95: at(0.95),
      largest: at(1),
    };
  }
}

class Distribution {
  readonly #counts = new Map(PARTS.map(([name]) => [name, 0]));

  add(ms: number): void {
    const [name] = PARTS.find(([, below]) => ms < below) ?? ['over 7 d'];
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
