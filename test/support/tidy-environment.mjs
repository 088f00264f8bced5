import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

/** What keeps a process alive, and what an application or a test that does not close what it opened leaves behind. */
const OPEN = ['TCPSocketWrap', 'TCPServerWrap', 'TLSWrap', 'ProcessWrap', 'Timeout'];
const PATIENCE_MS = 20_000;

/** Fails a test file that leaves open what would keep a process from ending by itself. */
export default class TidyEnvironment extends TestEnvironment {
  #before;
  #hasFailed = false;

  async setup() {
    await super.setup();
    this.global.requireByNode = createRequire(import.meta.url);
    this.#before = countOpen();
  }

  handleTestEvent(event) {
    if (event.name === 'test_done' && event.test.errors.length > 0) this.#hasFailed = true;
  }

  async teardown() {
    const giveUpAt = performance.now() + PATIENCE_MS;
    while (this.#left().length > 0 && performance.now() < giveUpAt) await setTimeout(10);
    const left = this.#left();
    await super.teardown();
    // What a failed test has left is no news, and would be all that jest tells of the file.
    if (left.length > 0 && !this.#hasFailed)
      throw new Error(`The tests of this file left open: ${left.join(', ')}. Close what they opened.`);
  }

  #left() {
    return [...countOpen()].filter(([kind, count]) => count > (this.#before.get(kind) ?? 0)).map(([kind, count]) => `${count} ${kind}`);
  }
}

function countOpen() {
  const counts = new Map();
  for (const kind of process.getActiveResourcesInfo()) if (OPEN.includes(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
