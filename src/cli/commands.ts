import type { Command } from './command.js';
import { count } from './commands/count.js';
import { doctor } from './commands/doctor.js';
import { list } from './commands/list.js';
import { migration } from './commands/migration.js';
import { revokeAll } from './commands/revoke-all.js';
import { revoke } from './commands/revoke.js';
import { show } from './commands/show.js';
import { stats } from './commands/stats.js';

/** What the program can do, in the order of its help. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['doctor', doctor],
  ['list', list],
  ['show', show],
  ['revoke', revoke],
  ['revoke-all', revokeAll],
  ['count', count],
  ['stats', stats],
  ['migration', migration],
]);
