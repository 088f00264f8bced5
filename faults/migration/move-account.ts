import type { Release } from './release.js';

/** What happened while an application moved, as its users were told. */
export interface MoveAccount {
  requests: number;
  signIns: number;
  writes: number;
  /** Acknowledged writes that are missing in a session that lives. */
  lostWrites: number;
  /** Those of them that an instance of the old release may have overwritten, which saves a session as a whole: no promise. */
  overwrittenWrites: number;
  /** Acknowledged ends, by the release that acknowledged them. */
  ends: Record<Release, number>;
  /** Those of them whose cookie is signed in again. */
  undoneEnds: Record<Release, number>;
  /** Those that a save of an old instance may have undone: no promise. */
  resurrectedEnds: number;
  /** Browsers that were signed out, and nobody had asked for it. */
  signedOut: number;
  unavailable: number;
  unanswered: number;
  /** By status and code. */
  unexpected: Record<string, number>;
  keysWithoutTtl: number;
}

export function emptyAccount(): MoveAccount {
  const none = { old: 0, prepare: 0, convert: 0, moved: 0 };
  return {
    requests: 0,
    signIns: 0,
    writes: 0,
    lostWrites: 0,
    overwrittenWrites: 0,
    ends: { ...none },
    undoneEnds: { ...none },
    resurrectedEnds: 0,
    signedOut: 0,
    unavailable: 0,
    unanswered: 0,
    unexpected: {},
    keysWithoutTtl: 0,
  };
}

/** Each promise of a move that was broken, in words. */
export function brokenPromises(account: MoveAccount): string[] {
  const { lostWrites, undoneEnds, signedOut, unanswered, keysWithoutTtl, unexpected } = account;
  const counts: readonly (readonly [string, number])[] = [
    ['browsers signed out', signedOut],
    ['lost writes', lostWrites],
    ...Object.entries(undoneEnds).map(([release, count]) => [`undone ends that "${release}" acknowledged`, count] as const),
    ['keys without TTL', keysWithoutTtl],
    ['requests without an answer', unanswered],
    ...Object.entries(unexpected).map(([name, count]) => [`answers ${name}`, count] as const),
  ];
  return counts.filter(([, count]) => count > 0).map(([name, count]) => `${name}: ${count}, promised: 0`);
}
