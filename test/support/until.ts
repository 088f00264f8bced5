/**
 * Waits for something that announces itself by no event, looking every few milliseconds. Rejects with `what` when it takes too long.
 */
export async function until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 240_000): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) {
      // The time may have gone by in between.
      if (await condition()) return;
      throw new Error(`Waited ${timeoutMs} ms in vain until ${what}.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
