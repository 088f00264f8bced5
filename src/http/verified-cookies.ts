import type { Sid } from '../session/sid.js';

const GENERATION = 5_000;

/**
 * Cookie values whose signature was verified, so that it need not be computed again for each request. Holds at most two generations: a
 * value that is not seen while a whole generation passes is forgotten.
 */
export class VerifiedCookies {
  #young = new Map<string, Sid>();
  #old = new Map<string, Sid>();

  get(raw: string): Sid | undefined {
    const young = this.#young.get(raw);
    if (young !== undefined) return young;
    const old = this.#old.get(raw);
    if (old !== undefined) this.add(raw, old);
    return old;
  }

  add(raw: string, sid: Sid): void {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(ownCopy(raw), ownCopy(sid) as Sid);
  }
}

/** A part of a header keeps the whole header in memory. */
function ownCopy(text: string): string {
  return Buffer.from(text).toString();
}
