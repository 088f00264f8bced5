import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { until } from './until.js';

/** A command as the server saw it. */
export interface RecordedCommand {
  /** In lower case. */
  readonly name: string;
  readonly args: readonly string[];
  /** The client's address, or `lua` for what a script called. */
  readonly source: string;
  readonly database: number;
}

/** What `MONITOR` shows, until it is stopped. */
export interface CommandRecorder {
  /** Every command that the server ran so far, without the recorder's own. */
  commands(): Promise<readonly RecordedCommand[]>;
  stop(): Promise<readonly RecordedCommand[]>;
}

/** Records the commands that a server runs from now on. `client` is used to reach it and to mark points in time. */
export async function recordCommands(client: Redis): Promise<CommandRecorder> {
  const monitor = await client.monitor();
  const recorded: RecordedCommand[] = [];
  const marks = new Set<string>();
  monitor.on('monitor', (_time: string, [name = '', ...args]: string[], source: string, database: string) => {
    if (name === 'echo' && args[0]?.startsWith('mark:') === true) marks.add(args[0]);
    else recorded.push({ name: name.toLowerCase(), args, source, database: Number(database) });
  });

  const commands = async () => {
    // MONITOR reports on its own connection, so a command's reply may overtake the report: wait until a command sent after it is reported.
    const mark = `mark:${randomUUID()}`;
    await client.echo(mark);
    await until(() => marks.has(mark), 'MONITOR has caught up');
    return [...recorded];
  };
  return {
    commands,
    stop: async () => {
      const all = await commands();
      monitor.disconnect();
      return all;
    },
  };
}
