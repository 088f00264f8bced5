import { SessionManager } from '../../session/session-manager.js';
import { allSessions } from '../all-sessions.js';
import type { Command, Context } from '../command.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { REVOKE_BEFORE } from '../options.js';
import { counted, grouped, printable, underPrefix } from '../printable.js';
import { usageProblem } from '../problems.js';
import { Progress } from '../progress.js';

export const count: Command = {
  summary: 'Count the sessions of a user, or all',
  operands: '[user]',
  options: { 'revoke-before': REVOKE_BEFORE },
  details: 'Without a user it looks at every key (SCAN), part by part, and rests between two parts as long as one took.',
  prepare(args) {
    const [user, another] = args.positionals;
    if (another !== undefined) throw usageProblem('One user at a time. Type: nestjs-redis-session count [user]');
    return user === undefined ? countAll : (context) => countOf(user, context);
  },
};

async function countOf(user: string, { store, prefix, stderr, output }: Context): Promise<ExitCode> {
  const progress = new Progress(stderr, () => `Counting the sessions of ${printable(user)} …`);
  try {
    const sessions = await new SessionManager(store).count(user);
    output.print(
      { command: 'count', user, sessions },
      () => `${printable(user)} has ${counted(sessions, 'session')}${underPrefix(prefix, sessions)}.`,
    );
  } finally {
    progress.end();
  }
  return EXIT.fine;
}

async function countAll(context: Context): Promise<ExitCode> {
  let sessions = 0;
  let signedIn = 0;
  const progress = new Progress(context.stderr, () => `Counting: ${counted(sessions, 'session')} so far …`);
  try {
    for await (const found of allSessions(context)) {
      sessions += found.sessions.length;
      signedIn += found.sessions.filter(({ userId }) => userId !== undefined).length;
    }
  } finally {
    progress.end();
  }
  const document = { command: 'count', user: null, sessions, signedIn, visitors: sessions - signedIn };
  context.output.print(
    document,
    () =>
      `${counted(sessions, 'session')}${underPrefix(context.prefix, sessions)}: ${grouped(signedIn)} of users who have signed in, ${grouped(sessions - signedIn)} of visitors.`,
  );
  return EXIT.fine;
}
