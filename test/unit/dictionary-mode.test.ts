import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';

/** Whether V8 shares the classes of objects whose prototype was set. */
const SHARES_CLASSES = Number.parseInt(process.versions.v8) >= 13;

describe('the messages of a request with a session', () => {
  /** Whether the request and the response of each kind have a hidden class. */
  let fast: Record<string, unknown>;
  beforeAll(async () => {
    // In a process of its own: what V8 does with properties depends on all that a process has run before.
    const execArgv = ['--allow-natives-syntax', '--import', join(import.meta.dirname, '../support/typescript-loader.mjs')];
    const child = fork(join(import.meta.dirname, '../support/property-modes-process.ts'), [], { execArgv });
    const [told] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown];
    fast = told as Record<string, unknown>;
  });

  test('of Express are in dictionary mode where V8 would give each a hidden class for each property, and only there', () => {
    expect(fast['express']).toEqual(SHARES_CLASSES ? [true, true] : [false, false]);
  });

  test('of plain Node, or of a subclass, are as they were', () => {
    expect(fast['node']).toEqual([true, true]);
    expect(fast['subclass']).toEqual([true, true]);
  });
});
