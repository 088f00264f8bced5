import { setTimeout as delay } from 'node:timers/promises';

/** In ms. By then an outage is over, or the session that it is about has ended by itself before long. */
const LONGEST_WAIT = 128_000;

/** Makes a call again that got no answer: after `ms`, then after twice as long each time, for about four minutes. Keeps no process alive. */
export async function callAgainLater(ms: number, call: () => Promise<unknown>, onFailure: (error: unknown) => void): Promise<void> {
  for (let wait = ms; ; wait *= 2) {
    await delay(wait, undefined, { ref: false });
    try {
      await call();
      return;
    } catch (error) {
      if (wait * 2 > LONGEST_WAIT) return onFailure(error);
    }
  }
}
