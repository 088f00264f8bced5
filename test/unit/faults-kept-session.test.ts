import { describe, expect, it } from '@jest/globals';
import type { Instance } from '../../faults/migration/fleet.js';
import { KeptSession, type Request } from '../../faults/migration/kept-session.js';
import type { Release } from '../../faults/migration/release.js';

const instance = (release: Release, stoppedAt?: number): Instance => ({ release, origin: '', stoppedAt });
const asked = (on: Instance, sentAt: number, answeredAt?: number): Request => ({ instance: on, sentAt, answeredAt });

describe('the account of one session in a move', () => {
  const kept = asked(instance('prepare'), 10, 20);

  it('finds nothing lost in a session that holds what was acknowledged', () => {
    const session = new KeptSession();
    session.wrote('e1', 1, kept, 'acknowledged');
    session.wrote('e1', 2, kept, 'acknowledged');
    expect(session.lossesIn({ e1: 2 })).toEqual({ lost: [], overwritten: 0 });
  });

  it.each<[string, Record<string, number>]>([
    ['is not there', {}],
    ['has an older value', { e1: 1 }],
  ])('counts an acknowledged entry that %s once', (_, entries) => {
    const session = new KeptSession();
    session.wrote('e1', 2, kept, 'acknowledged');
    expect(session.lossesIn(entries)).toEqual({ lost: ['prepare'], overwritten: 0 });
    expect(session.lossesIn(entries)).toEqual({ lost: [], overwritten: 0 });
  });

  it('lets a write whose outcome is unknown happen at any time', () => {
    const session = new KeptSession();
    session.wrote('e1', 1, kept, 'unknown');
    session.wrote('e1', 2, kept, 'acknowledged');
    for (const serial of [2, 1]) expect(session.lossesIn({ e1: serial })).toEqual({ lost: [], overwritten: 0 });
  });

  it.each<[string, Request, 'lost' | 'overwritten']>([
    ['an old instance saved all of the session meanwhile', asked(instance('old'), 5, 11), 'overwritten'],
    ['an old instance began before it and ended after it', asked(instance('old'), 5, 25), 'overwritten'],
    ['an old instance that never answered may have saved', asked(instance('old'), 5), 'overwritten'],
    ['an old instance had ended its save', asked(instance('old'), 5, 10), 'lost'],
    ['an old instance began later', asked(instance('old'), 20, 30), 'lost'],
    ['an old instance that never answered had stopped', asked(instance('old', 8), 5), 'lost'],
    ['an instance that saves single entries wrote meanwhile', asked(instance('convert'), 5, 25), 'lost'],
  ])('of an entry that is missing, where %s', (_, other, verdict) => {
    const session = new KeptSession();
    session.wrote('e1', 1, kept, 'acknowledged');
    session.wrote('e2', 2, other, 'acknowledged');
    expect(session.lossesIn({ e2: 2 })).toEqual(verdict === 'lost' ? { lost: ['prepare'], overwritten: 0 } : { lost: [], overwritten: 1 });
  });

  it('does not excuse a write of an old instance by itself', () => {
    const session = new KeptSession();
    session.wrote('e1', 1, asked(instance('old'), 10, 20), 'acknowledged');
    expect(session.lossesIn({})).toEqual({ lost: ['old'], overwritten: 0 });
  });
});
