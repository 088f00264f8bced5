import { SessionIndex, type Claim, type IndexedSession, type Reservation } from './session-index.js';
import type { Handle } from './sid.js';

interface Place {
  readonly endsAt: number;
  readonly state: 'reserved' | 'settled' | 'claimed';
}

/** Names the sessions that a `MemorySessionStore` keeps. */
export class MemorySessionIndex extends SessionIndex {
  readonly #users = new Map<string, Map<Handle, Place>>();

  async reserve(userId: string, handle: Handle, { ms, replaces, limit = Infinity }: Reservation): Promise<'reserved' | 'full' | 'ended'> {
    const places = this.#placesOf(userId);
    const replaced = replaces === undefined ? undefined : places.get(replaces);
    const named = places.get(handle);
    if (replaced?.state === 'claimed' || named?.state === 'claimed') return 'ended';
    const others = [...places.keys()].filter((other) => other !== handle && other !== replaces);
    if (others.length >= limit) return 'full';
    if (named?.state !== 'settled') this.#users.set(userId, places.set(handle, { endsAt: Date.now() + ms, state: 'reserved' }));
    return 'reserved';
  }

  async settle(userId: string, handle: Handle, endsAt: number, replaced?: Handle): Promise<number | undefined> {
    const places = this.#placesOf(userId);
    const place = places.get(handle);
    if (place === undefined || place.state === 'claimed') return undefined;
    places.set(handle, { endsAt, state: 'settled' });
    if (replaced !== undefined) places.delete(replaced);
    return this.#placesOf(userId).size;
  }

  async renew(userId: string, handle: Handle, endsAt: number): Promise<void> {
    const places = this.#placesOf(userId);
    if (places.get(handle)?.state !== 'claimed') this.#users.set(userId, places.set(handle, { endsAt, state: 'settled' }));
  }

  async remove(userId: string, handles: readonly Handle[]): Promise<boolean> {
    const places = this.#placesOf(userId);
    const isClaimed = handles.some((handle) => places.get(handle)?.state === 'claimed');
    for (const handle of handles) places.delete(handle);
    if (places.size === 0) this.#users.delete(userId);
    return isClaimed;
  }

  async claim(userId: string, { skip, size, except }: { skip: number; size: number; except?: Handle | undefined }): Promise<Claim> {
    const places = this.#placesOf(userId);
    const handles: Handle[] = [];
    let claimed = 0;
    const looked = ordered(places).slice(skip, skip + size);
    for (const [handle, place] of looked) {
      if (handle === except) continue;
      handles.push(handle);
      if (place.state === 'reserved') places.delete(handle);
      else places.set(handle, { ...place, state: 'claimed' });
      if (place.state !== 'claimed') claimed++;
    }
    return { handles, claimed, hasMore: looked.length === size };
  }

  async page(
    userId: string,
    { limit, after }: { limit: number; after?: Pick<IndexedSession, 'handle' | 'score'> | undefined },
  ): Promise<IndexedSession[]> {
    const isNext = ([handle, { endsAt }]: [Handle, Place]) =>
      after === undefined || endsAt < after.score || (endsAt === after.score && handle < after.handle);
    return ordered(this.#placesOf(userId))
      .toReversed()
      .filter(isNext)
      .slice(0, limit)
      .map(([handle, { endsAt, state }]) => ({ handle, score: endsAt, isReserved: state === 'reserved' }));
  }

  /** Drops the names of all who have ended. */
  sweep(): void {
    for (const userId of this.#users.keys()) if (this.#placesOf(userId).size === 0) this.#users.delete(userId);
  }

  /** Those that can still be alive. */
  #placesOf(userId: string): Map<Handle, Place> {
    const places = this.#users.get(userId) ?? new Map<Handle, Place>();
    for (const [handle, { endsAt }] of places) if (endsAt <= Date.now()) places.delete(handle);
    return places;
  }
}

/** As a sorted set has them: by their end, then by name. */
function ordered(places: ReadonlyMap<Handle, Place>): [Handle, Place][] {
  return [...places].toSorted(([a, { endsAt: first }], [b, { endsAt: second }]) => first - second || (a < b ? -1 : 1));
}
