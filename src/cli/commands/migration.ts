import { MigratingSessionStore } from '../../redis/migration/migrating-session-store.js';
import { SessionManager } from '../../session/session-manager.js';
import type { SessionMigration } from '../../session/session-migration.js';
import type { Command, Context } from '../command.js';
import { noPositionals, type Arguments } from '../command-line.js';
import { confirm } from '../confirm.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { counted, grouped, underPrefix } from '../printable.js';
import { Progress } from '../progress.js';

const FASTEST = 1_000_000;
const LONGEST_TTL = 3_155_760_000;

export const migration: Command = {
  summary: 'Count the sessions of connect-redis that are left, or convert them',
  operands: '',
  options: {
    convert: { type: 'boolean', help: 'Convert them, at --rate. All instances of your application must have store.migrate by then' },
    rate: { type: 'string', value: 'COUNT', help: 'How many a second: 10000 to count and 100 to convert by default' },
    'from-prefix': { type: 'string', value: 'TEXT', help: 'The prefix of connect-redis, if it is not --prefix' },
    identity: { type: 'string', value: 'PATH', help: 'Where the identity is, if not in "identity": passport.user' },
    ttl: { type: 'string', value: 'SECONDS', help: 'store.ttl of your application' },
    'absolute-ttl': { type: 'string', value: 'SECONDS', help: 'store.absoluteTtl of your application, which may be false' },
    yes: { type: 'boolean', short: 'y', help: 'Do not ask' },
  },
  details:
    'Converting needs the prefix, identity, ttl and absolute ttl that your application has: what it does not find to be a user, revokeAll() does not find either. It asks first; without a terminal it wants --yes. You may interrupt it and go on later.',
  prepare(args) {
    noPositionals(args, 'nestjs-redis-session migration');
    const isConversion = args.flag('convert');
    const perSecond = args.count('rate', 1, FASTEST);
    const prefix = args.text('from-prefix');
    const open = opener(args, prefix);
    return async (context) => {
      const moves = new SessionManager(open(context)).migration();
      if (isConversion) return convert(moves, context, { perSecond, isConfirmed: args.flag('yes') });
      return count(moves, context, { perSecond, prefix: prefix ?? context.prefix });
    };
  },
};

function opener(args: Arguments, prefix: string | undefined): (context: Context) => MigratingSessionStore {
  const ttl = args.count('ttl', 1, LONGEST_TTL);
  const absoluteTtl = args.text('absolute-ttl') === 'false' ? false : args.count('absolute-ttl', 1, LONGEST_TTL, ', or false');
  const path = args.text('identity')?.split('.');
  return (context) =>
    new MigratingSessionStore(context.redis.client, {
      prefix: context.prefix,
      deadline: context.timeout,
      // Whether or not the application still asks for it: what revokeBefore() has ended must not come back.
      revokeBefore: true,
      logErrors: false,
      ttl,
      absoluteTtl,
      migrate: { phase: 'convert', prefix },
      ...(path === undefined ? {} : { identity: (session: unknown) => identityAt(session, path) }),
    });
}

/** What an application keeps there: an identity, or the id alone, as Passport often does. */
function identityAt(session: unknown, path: readonly string[]): unknown {
  let value = session;
  for (const name of path) value = Object.hasOwn(Object(value) as object, name) ? (value as Record<string, unknown>)[name] : undefined;
  return typeof value === 'string' || typeof value === 'number' ? { id: value } : value;
}

interface Asked {
  readonly perSecond: number | undefined;
  /** Of connect-redis. */
  readonly prefix: string;
}

async function count(moves: SessionMigration, { stderr, output }: Context, { perSecond, prefix }: Asked): Promise<ExitCode> {
  const progress = new Progress(stderr, () => 'Counting the sessions of connect-redis …');
  try {
    const { left, sealed, unreadable } = await moves.count({ perSecond });
    output.print(
      { command: 'migration', left, sealed, unreadable },
      () =>
        `${counted(left, 'session')} of connect-redis left${underPrefix(prefix, left)}. Strings that are no sessions: ${grouped(unreadable)}.`,
    );
  } finally {
    progress.end();
  }
  return EXIT.fine;
}

interface ConvertOptions {
  readonly perSecond: number | undefined;
  readonly isConfirmed: boolean;
}

async function convert(moves: SessionMigration, context: Context, { perSecond, isConfirmed }: ConvertOptions): Promise<ExitCode> {
  await confirm(context, isConfirmed, 'Convert the sessions of connect-redis that are left?');
  const run = moves.convertRest({ perSecond });
  context.signal.addEventListener('abort', () => run.stop(), { once: true });
  const progress = new Progress(context.stderr, () => `Converting: ${counted(run.progress.converted, 'session')} so far …`);
  try {
    const done = await run.done;
    const { converted, unreadable, gone, failed } = done;
    context.output.print(
      { command: 'migration', converted, unreadable, gone, failed },
      () =>
        `${counted(converted, 'session')} converted; ${grouped(gone)} ended or converted by a request meanwhile, ${grouped(failed)} failed, ${grouped(unreadable)} strings are no sessions.`,
    );
    return failed > 0 ? EXIT.unavailable : EXIT.fine;
  } finally {
    progress.end();
  }
}
