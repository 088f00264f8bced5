import { isHandle, isOurForm, type Handle, type Sid } from '../session/sid.js';
import { onlyPositional, type Arguments } from './command-line.js';
import { usageProblem } from './problems.js';

export const NO_SUCH_SESSION = 'There is no such session, or it has ended.';

/** The handle on the command line. What may be a sid is not repeated: whoever has it has the session. */
export function handleArgument(args: Arguments, usage: string): Handle {
  const text = onlyPositional(args, 'session', usage);
  if (isHandle(text)) return text;
  if (isOurForm(text as Sid) || /^s(?::|%3A)/i.test(text))
    throw usageProblem(
      'That is a sid, which opens the session, and stands in the history of your shell now. Give the handle: the first 22 characters of a sid. Then revoke that session.',
    );
  throw usageProblem(`That is no handle: a handle has 22 characters (or 43, with a custom genid). Type: ${usage}`);
}
