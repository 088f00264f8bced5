import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Another process of the system, that shares the sessions and its events. */
export interface EndingProcess {
  /** Ends all sessions of that user there. Gives their number. */
  revokeAll(userId: string): Promise<number>;
  stop(): Promise<void>;
}

/** @param url of Redis */
export async function startEndingProcess(url: string, prefix: string): Promise<EndingProcess> {
  const loader = ['--import', join(import.meta.dirname, 'typescript-loader.mjs')];
  const child = fork(join(import.meta.dirname, 'ending-process.ts'), [url, prefix], { execArgv: loader });
  const closed = once(child, 'exit');
  const says = async () => {
    const [message] = (await Promise.race([once(child, 'message'), closed.then(() => [undefined])])) as [unknown];
    if (message === undefined) throw new Error('The other process has ended.');
    return message;
  };
  await says();
  return {
    async revokeAll(userId) {
      const answer = says();
      child.send(userId);
      return Number(await answer);
    },
    async stop() {
      if (child.connected) child.disconnect();
      await closed;
    },
  };
}
