import { SessionManager } from '../../session/session-manager.js';
import type { Command } from '../command.js';
import { onlyPositional } from '../command-line.js';
import { confirm } from '../confirm.js';
import { EXIT } from '../exit-codes.js';
import { REASON } from '../options.js';
import { counted, grouped, printable, underPrefix } from '../printable.js';
import { Progress } from '../progress.js';

export const revokeAll: Command = {
  summary: 'End all sessions of a user',
  operands: '<user>',
  options: {
    reason: REASON,
    yes: { type: 'boolean', short: 'y', help: 'Do not ask' },
  },
  details:
    'It asks first; without a terminal it wants --yes. When it has begun, none of the sessions lasts, even if it is interrupted: repeat it to be sure.',
  prepare(args) {
    const user = onlyPositional(args, 'user', 'nestjs-redis-session revoke-all <user>');
    const reason = args.text('reason');
    const isConfirmed = args.flag('yes');
    return async (context) => {
      const manager = new SessionManager(context.store);
      const count = await manager.count(user);
      await confirm(context, isConfirmed, `End ${counted(count, 'session')}${underPrefix(context.prefix, count)} of ${printable(user)}?`);
      const progress = new Progress(context.stderr, () => `Ending ${counted(count, 'session')} …`);
      try {
        const revoked = await manager.revokeAll(user, reason);
        context.output.print(
          { command: 'revoke-all', user, revoked },
          () => `${grouped(revoked)} of ${grouped(count)} sessions${underPrefix(context.prefix, count)} ended now.`,
        );
      } finally {
        progress.end();
      }
      return EXIT.fine;
    };
  },
};
