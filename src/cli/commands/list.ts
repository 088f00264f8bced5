import { SessionManager, type SessionInfo } from '../../session/session-manager.js';
import type { Command } from '../command.js';
import { onlyPositional } from '../command-line.js';
import { EXIT } from '../exit-codes.js';
import { REVOKE_BEFORE } from '../options.js';
import { printable, table, underPrefix } from '../printable.js';

const MOST = 500;

export const list: Command = {
  summary: 'List the sessions of a user',
  operands: '<user>',
  options: {
    limit: { type: 'string', value: 'COUNT', help: `How many at a time, 1 to ${MOST}, 50 by default` },
    cursor: { type: 'string', value: 'TEXT', help: 'Go on after that page' },
    'revoke-before': REVOKE_BEFORE,
  },
  details: 'The newest session comes first. The user is the id of the identity. When there are more, the last line says how to go on.',
  prepare(args) {
    const user = onlyPositional(args, 'user', 'nestjs-redis-session list <user>');
    const limit = args.count('limit', 1, MOST);
    const cursor = args.text('cursor');
    return async ({ store, prefix, output }) => {
      const page = await new SessionManager(store).list(user, { limit, cursor });
      output.print({ command: 'list', user, sessions: page.sessions.map(documentOf), cursor: page.cursor ?? null }, () =>
        page.sessions.length === 0 ? `${printable(user)} has no sessions${underPrefix(prefix, 0)}.` : textOf(page.sessions, page.cursor),
      );
      return EXIT.fine;
    };
  },
};

function documentOf({ handle, userId, createdAt, lastSeenAt, expiresAt, ip, userAgent }: SessionInfo): object {
  return { handle, user: userId, createdAt, lastSeenAt, expiresAt, ip: ip ?? null, userAgent: userAgent ?? null };
}

function textOf(sessions: readonly SessionInfo[], cursor: string | undefined): string {
  const rows = sessions.map(({ handle, createdAt, lastSeenAt, expiresAt, ip = '', userAgent = '' }) => [
    handle,
    ...[createdAt, lastSeenAt, expiresAt].map((time) => time.toISOString()),
    printable(ip),
    printable(userAgent),
  ]);
  const lines = table([['handle', 'created', 'last seen', 'ends', 'address', 'browser'], ...rows]);
  return cursor === undefined ? lines : `${lines}\nThere are more: add --cursor ${cursor}`;
}
