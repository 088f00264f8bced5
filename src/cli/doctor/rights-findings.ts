import { randomUUID } from 'node:crypto';
import { KEY, NEEDED_IN_CLUSTER, NEEDED_RIGHTS, type NeededRight } from '../../redis/inspection/needed-rights.js';
import type { RedisNode, Refusal } from '../../redis/inspection/redis-node.js';
import { printable } from '../printable.js';
import type { Finding } from './finding.js';

export interface RightsQuestion {
  readonly node: RedisNode;
  readonly prefix: string;
  readonly isCluster: boolean;
  /** Whose rights; those of the user who asks, by default. */
  readonly user: string | undefined;
}

/** Which rights the application's user lacks, of those that docs/redis-setup.md lists. */
export async function rightsFindings({ node, prefix, isCluster, user }: RightsQuestion): Promise<Finding[]> {
  const rights = isCluster ? [...NEEDED_RIGHTS, ...NEEDED_IN_CLUSTER] : NEEDED_RIGHTS;
  // Nobody has such a key, so that nothing can happen to it.
  const key = `${prefix}doctor:${randomUUID()}`;
  const name = user ?? (await whoAmI(node));
  const refused = new Map<Refusal, string[]>();
  for (const right of rights) {
    const refusal = await ask(node, right, { key, name, mayTry: user === undefined });
    if (refusal === 'unknown') return [unasked(user)];
    if (refusal !== undefined) refused.set(refusal, [...(refused.get(refusal) ?? []), right.command]);
  }
  return [...refused].flatMap(([refusal, commands]) => findingOf(refusal, commands, { name: name ?? 'USER', prefix }));
}

async function whoAmI(node: RedisNode): Promise<string | undefined> {
  return node.ask('ACL', 'WHOAMI').then(String, () => undefined);
}

interface Asking {
  readonly key: string;
  readonly name: string | undefined;
  /** Whether the user who asks is the one that is asked about. */
  readonly mayTry: boolean;
}

/** By ACL DRYRUN where that may be asked; else by trying what changes nothing. */
async function ask(
  node: RedisNode,
  { command, args, changes }: NeededRight,
  { key, name, mayTry }: Asking,
): Promise<Refusal | 'unknown' | undefined> {
  const given = args.map((arg) => (arg === KEY ? key : arg));
  if (name !== undefined) {
    try {
      return await node.refusalOf(name, command, ...given);
    } catch {
      // Redis 6.2 has no DRYRUN, and not everybody may ask.
      if (!mayTry) return 'unknown';
    }
  }
  if (changes === true) return undefined;
  const [first = '', ...more] = command.split('|');
  return node.refusal(first, ...more, ...given);
}

function findingOf(refusal: Refusal, commands: readonly string[], { name, prefix }: { name: string; prefix: string }): Finding[] {
  const user = printable(name);
  const list = commands.map((command) => command.toUpperCase().replace('|', ' ')).join(', ');
  if (refusal === 'no such user')
    return [
      {
        id: 'user-missing',
        severity: 'error',
        what: `There is no Redis user ${user}.`,
        means: 'The application cannot connect: every request that needs its session is a 503.',
        type: [`redis-cli ACL SETUSER ${user} reset on '>PASSWORD' '~${prefix}*' …   # docs/redis-setup.md, "The Redis user"`],
      },
    ];
  if (refusal === 'key')
    return [
      {
        id: 'keys-refused',
        severity: 'error',
        what: `The user ${user} has no right to keys that begin with ${prefix}.`,
        means: 'Every request that needs its session is a 503 (NOPERM).',
        type: [`redis-cli ACL SETUSER ${user} '~${prefix}*'`],
      },
    ];
  if (refusal === 'no such command')
    return [
      {
        id: 'command-missing',
        severity: 'error',
        what: `Redis does not know ${list}: renamed, or left out.`,
        means: 'Sessions need these commands: their requests are a 503.',
        type: ['Take their lines rename-command out of redis.conf, and restart Redis. Use ACL rules instead.'],
      },
    ];
  return [
    {
      id: 'rights-missing',
      severity: 'error',
      what: `The user ${user} has no right to ${list}.`,
      means: 'What needs them is a 503 (NOPERM).',
      type: [`redis-cli ACL SETUSER ${user} ${commands.map((command) => `+${command}`).join(' ')}`],
    },
  ];
}

function unasked(user: string | undefined): Finding {
  return {
    id: 'rights-unknown',
    severity: 'note',
    what: `The rights of ${printable(user ?? 'the user')} could not be asked (ACL DRYRUN needs Redis 7 and the right to it).`,
    means: 'Nobody knows whether they are enough.',
    type: ['nestjs-redis-session doctor   # as that user: its rights are then tried'],
  };
}
