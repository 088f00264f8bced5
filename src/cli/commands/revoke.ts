import { checkReason, SessionManager } from '../../session/session-manager.js';
import { Sessions } from '../../session/sessions.js';
import type { Handle } from '../../session/sid.js';
import { DEFAULT_REASON } from '../../session/store/session-store.js';
import type { Command, Context } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { REASON } from '../options.js';
import { handleArgument, NO_SUCH_SESSION } from '../session-argument.js';

export const revoke: Command = {
  summary: 'End a session',
  operands: '<handle>',
  options: { reason: REASON },
  details: 'Its holder gets 401 from the next request on. WebSockets close within store.recheckAfter.',
  prepare(args) {
    const handle = handleArgument(args, 'nestjs-redis-session revoke <handle>');
    const reason = args.text('reason') ?? DEFAULT_REASON;
    checkReason(reason);
    return async (context) => {
      const revoked = await end(context, handle, reason);
      context.output.print({ command: 'revoke', revoked }, () => (revoked ? `The session ${handle} has ended.` : NO_SUCH_SESSION));
      return revoked ? EXIT.fine : EXIT.notFound;
    };
  },
};

async function end({ store }: Context, handle: Handle, reason: string): Promise<boolean> {
  const [facts] = await store.describe([handle]);
  if (facts === undefined) return false;
  if (facts.userId !== undefined) return new SessionManager(store).revoke(facts.userId, handle, reason);
  // A visitor's session is in no index, so SessionManager, which begins with a user, doesn't know it.
  return Sessions.of(store).revoke(handle, { userId: '', reason });
}
