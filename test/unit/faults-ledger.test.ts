import { describe, expect, it } from '@jest/globals';
import type { Contents } from '../../faults/app/server-order.js';
import { Ledger } from '../../faults/load/ledger.js';

const holds = (entries: Record<string, number>, count = 0): Contents => ({ user: 'ada', handle: 'h', entries, count });

describe('the account of a trial', () => {
  it('finds nothing lost in a session that holds what was acknowledged', () => {
    const ledger = new Ledger();
    ledger.has('e1', 1);
    ledger.has('e1', 2);
    ledger.counted();
    expect(ledger.lostIn(holds({ e1: 2 }, 1))).toBe(0);
  });

  it.each<[string, Record<string, number>]>([
    ['is not there', {}],
    ['has an older value', { e1: 1 }],
  ])('counts an acknowledged entry that %s once', (_, entries) => {
    const ledger = new Ledger();
    ledger.has('e1', 1);
    ledger.has('e1', 2);
    expect([ledger.lostIn(holds(entries)), ledger.lostIn(holds(entries))]).toEqual([1, 0]);
  });

  it('lets a write whose outcome is unknown happen at any time', () => {
    const ledger = new Ledger();
    ledger.mayHave('e1', 1);
    ledger.has('e1', 2);
    for (const serial of [2, 1]) expect(ledger.lostIn(holds({ e1: serial }))).toBe(0);
  });

  it.each([
    [1, 1],
    [2, 0],
    [3, 0],
    [4, 1],
  ])('of two acknowledged increments and one of unknown outcome, a count of %d has lost %d', (count, lost) => {
    const ledger = new Ledger();
    ledger.counted();
    ledger.mayHaveCounted();
    ledger.counted();
    expect(ledger.lostIn(holds({}, count))).toBe(lost);
  });
});
