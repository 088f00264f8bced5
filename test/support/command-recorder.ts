import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Redis, type Command } from 'ioredis';
import type { RedisServer, ServerOptions } from './start-redis.js';
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
  /** Every command that the server ran so far, without the recorder's own and those with which a client opens a connection. */
  commands(): Promise<readonly RecordedCommand[]>;
  stop(): Promise<readonly RecordedCommand[]>;
}

/** What ioredis sends by itself on a new connection, which may be late: an application does not wait for its client to be ready. */
const OPENING = new Set(['auth', 'client', 'hello', 'info', 'select']);

/** Records the commands that a server runs from now on. `client` is used to mark points in time. */
export async function recordCommands(server: ServerOptions, client: Redis): Promise<CommandRecorder> {
  const recorded: RecordedCommand[] = [];
  const marks = new Set<string>();
  const monitor = new Monitor({ ...server, monitor: true });
  monitor.on('monitor', (_time: string, [name = '', ...args]: string[], source: string, database: string) => {
    if (name === 'echo' && args[0]?.startsWith('mark:') === true) marks.add(args[0]);
    else if (!OPENING.has(name.toLowerCase())) recorded.push({ name: name.toLowerCase(), args, source, database: Number(database) });
  });
  await once(monitor, 'monitoring');

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

/**
 * Every command that the server runs because of a call. Those that nobody waits for are waited for here: what was sent before the call does not
 * count, and what the call has begun does.
 */
export async function recordedDuring(
  server: Pick<RedisServer, 'monitor'>,
  store: { drain(): Promise<void> },
  call: () => Promise<unknown>,
): Promise<readonly RecordedCommand[]> {
  await store.drain();
  const recorder = await server.monitor();
  await call();
  await store.drain();
  return recorder.stop();
}

/** The names of those commands, without what scripts run. */
export async function commandsDuring(...args: Parameters<typeof recordedDuring>): Promise<string[]> {
  return (await recordedDuring(...args)).filter(({ source }) => source !== 'lua').map(({ name }) => name);
}

/**
 * `redis.monitor()` of ioredis takes the first report for the reply to a command that nobody sent when it comes in one packet with the reply to
 * MONITOR, since it changes its state one microtask later. This one changes it with the reply.
 */
class Monitor extends Redis {
  override sendCommand(command: Command, stream?: Parameters<Redis['sendCommand']>[1]): unknown {
    if (command.name === 'monitor') {
      const { resolve } = command;
      command.resolve = (reply) => {
        // a value that the type does not list
        Object.assign(this, { status: 'monitoring' });
        resolve(reply);
      };
    }
    return super.sendCommand(command, stream);
  }
}
