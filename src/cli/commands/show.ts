import { anyNode } from '../../redis/inspection/redis-node.js';
import { stateOf, type SessionState } from '../../redis/inspection/session-state.js';
import { expiresAt, LONG_AGO, type SessionFacts } from '../../session/session-record.js';
import type { Command } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { REVOKE_BEFORE } from '../options.js';
import { grouped, printable, sized, spanned, table } from '../printable.js';
import { handleArgument, NO_SUCH_SESSION } from '../session-argument.js';

export const show: Command = {
  summary: 'Show a session: its user, its times, the names and sizes of its entries',
  operands: '<handle>',
  options: { 'revoke-before': REVOKE_BEFORE },
  details: 'It shows no value of an entry: values never leave Redis.',
  prepare(args) {
    const handle = handleArgument(args, 'nestjs-redis-session show <handle>');
    return async ({ redis, store, prefix, output }) => {
      const [facts] = await store.describe([handle]);
      const state = await stateOf(anyNode(redis.client), prefix, handle);
      if (facts === undefined) {
        const ended = state?.endedReason ?? null;
        output.print({ command: 'show', session: null, endedReason: ended }, () => absent(ended));
        return EXIT.notFound;
      }
      output.print({ command: 'show', session: documentOf(facts, state), endedReason: null }, () => textOf(facts, state));
      return EXIT.fine;
    };
  },
};

/** What was asked for is not repeated: it may be a sid of a custom `genid`. */
function absent(ended: string | null): string {
  return ended === null ? NO_SUCH_SESSION : `That session was ended less than five minutes ago. Its holder is told: ${printable(ended)}`;
}

function documentOf(facts: SessionFacts, state: SessionState | undefined): object {
  const time = (ms: number | undefined) => (ms === undefined ? null : new Date(ms));
  return {
    handle: facts.handle,
    user: facts.userId ?? null,
    createdAt: time(facts.createdAt),
    authenticatedAt: facts.authenticatedAt === LONG_AGO ? null : time(facts.authenticatedAt),
    lastSeenAt: time(facts.lastSeenAt),
    expiresAt: time(expiresAt(facts)),
    absoluteEndsAt: time(facts.absoluteEndsAt),
    idleTimeout: facts.idle / 1_000,
    ip: facts.device?.ip ?? null,
    userAgent: facts.device?.userAgent ?? null,
    entries: state?.entries ?? [],
    bytes: state?.bytes ?? 0,
  };
}

function textOf(facts: SessionFacts, state: SessionState | undefined): string {
  const time = (ms: number) => new Date(ms).toISOString();
  const { userId, authenticatedAt, absoluteEndsAt, device } = facts;
  const rows: [string, string][] = [
    ['handle', facts.handle],
    ['user', userId === undefined ? 'nobody has signed in' : printable(userId)],
    ['created', time(facts.createdAt)],
    ...(authenticatedAt === undefined
      ? []
      : [['signed in', authenticatedAt === LONG_AGO ? 'not known' : time(authenticatedAt)] as [string, string]]),
    ['last seen', time(facts.lastSeenAt)],
    ['ends', `${time(expiresAt(facts))} if nobody uses it`],
    ['ends at the latest', absoluteEndsAt === undefined ? 'never' : time(absoluteEndsAt)],
    ['idle timeout', spanned(facts.idle)],
    ...(device?.ip === undefined ? [] : [['address', printable(device.ip)] as [string, string]]),
    ...(device?.userAgent === undefined ? [] : [['browser', printable(device.userAgent)] as [string, string]]),
    ['size', sized(state?.bytes ?? 0)],
  ];
  const entries = (state?.entries ?? []).map(({ name, bytes }) => [`  ${printable(name)}`, grouped(bytes)]);
  return [table(rows), 'entries, in bytes:', entries.length === 0 ? '  none' : table(entries)].join('\n');
}
