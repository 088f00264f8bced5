import { LruCache, ownCopy } from '../../session/lru-cache.js';
import { partsOf, type Sid } from '../../session/sid.js';

const GENERATION = 5_000;

/** Cookie values whose signature was verified, so that it need not be computed again for each request. */
export class VerifiedCookies {
  readonly #sids = new LruCache<Sid>(GENERATION);

  get(raw: string): Sid | undefined {
    return this.#sids.get(raw);
  }

  add(raw: string, sid: Sid): void {
    // The copy that is kept there.
    this.#sids.add(ownCopy(raw), partsOf(sid).sid);
  }
}
