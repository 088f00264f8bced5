import type { Release, ReleaseOrder } from './release.js';

/** What happened while an application moved, as its users were told. */
export interface MoveAccount {
  requests: number;
  signIns: number;
  writes: number;
  /** Acknowledged writes that are missing in a session that lives, by the release that acknowledged them. */
  lostWrites: Record<Release, number>;
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
  /** Sign-ins that were refused because a `revokeAll` which had been answered with 503 ran all the same: each such `revokeAll` may refuse one. */
  revokedLate: number;
  unavailable: number;
  unanswered: Record<Release, number>;
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
    lostWrites: { ...none },
    overwrittenWrites: 0,
    ends: { ...none },
    undoneEnds: { ...none },
    resurrectedEnds: 0,
    signedOut: 0,
    revokedLate: 0,
    unavailable: 0,
    unanswered: { ...none },
    unexpected: {},
    keysWithoutTtl: 0,
  };
}

/** What promises depend on. */
interface Circumstances {
  readonly isRedisFaulty?: boolean;
  /** Of the releases after the old one. */
  readonly middleware?: ReleaseOrder['middleware'];
}

/** Each promise of a move that was broken, in words. */
export function brokenPromises(account: MoveAccount, { isRedisFaulty = false, middleware = 'builtin' }: Circumstances = {}): string[] {
  const { lostWrites, undoneEnds, signedOut, unanswered, keysWithoutTtl, unexpected } = account;
  // express-session says 200 before it knows whether the session could be stored, and cuts the connection when it could not.
  const isPromised = ([release]: readonly [string, number]) => !(isRedisFaulty && (release === 'old' || middleware === 'express-session'));
  const counts: readonly (readonly [string, number])[] = [
    ['browsers signed out', signedOut],
    ...named('writes lost after', Object.entries(lostWrites).filter(isPromised)),
    ...named('ends undone after', Object.entries(undoneEnds)),
    ['keys without TTL', keysWithoutTtl],
    ...named('requests without an answer of', Object.entries(unanswered).filter(isPromised)),
    ...Object.entries(unexpected).map(([name, count]) => [`answers ${name}`, count] as const),
  ];
  return counts.filter(([, count]) => count > 0).map(([name, count]) => `${name}: ${count}, promised: 0`);
}

function named(what: string, counts: readonly (readonly [string, number])[]): (readonly [string, number])[] {
  return counts.map(([release, count]) => [`${what} "${release}"`, count]);
}
