/** The commands that go in batches. */
export type BatchedName = 'hgetall' | 'hmget' | 'eval' | 'evalsha';

/** One command of a batch. Exactly one of `onReply` and `onError` is called, once. */
export interface BatchedCommand {
  readonly name: BatchedName;
  /** The only key that it is about. */
  readonly key: string;
  /** All arguments, the key in its place. */
  readonly args: readonly (string | number)[];
  /** Called once, when the command is sent. */
  onSend?(): void;
  onReply(reply: unknown): void;
  onError(error: Error): void;
}

export function deliver(command: BatchedCommand, reply: unknown): void {
  attempt(command, () => command.onReply(reply));
}

/** Does something about a command, which fails alone when that fails: the others of the batch wait for their answers. */
export function attempt(command: BatchedCommand, something: () => void): boolean {
  try {
    something();
    return true;
  } catch (error) {
    fail(command, error);
    return false;
  }
}

export function fail(command: BatchedCommand, error: unknown): void {
  command.onError(error instanceof Error ? error : new Error('The command could not be sent.'));
}
