import type { Contents } from '../app/server-order.js';

/** What one session must hold, by what its visitor was told. */
export class Ledger {
  /** The serial number that was last acknowledged for each entry. */
  readonly #acknowledged = new Map<string, number>();
  /** Those of writes whose outcome is unknown: each may still happen at any time. */
  readonly #possible = new Map<string, Set<number>>();
  #counted = 0;
  #possiblyCounted = 0;

  mayHave(name: string, serial: number): void {
    const possible = this.#possible.get(name) ?? new Set();
    this.#possible.set(name, possible.add(serial));
  }

  has(name: string, serial: number): void {
    this.#possible.get(name)?.delete(serial);
    this.#acknowledged.set(name, serial);
  }

  counted(): void {
    this.#counted++;
  }

  mayHaveCounted(): void {
    this.#possiblyCounted++;
  }

  /** How many acknowledged writes are not in what the session holds. Those are forgotten, so that each is counted once. */
  lostIn({ entries, count }: Contents): number {
    let lost = 0;
    for (const [name, serial] of this.#acknowledged) {
      const found = entries[name];
      if (found === serial || (found !== undefined && this.#possible.get(name)?.has(found) === true)) continue;
      lost++;
      this.#acknowledged.delete(name);
    }
    if (count < this.#counted || count > this.#counted + this.#possiblyCounted) {
      lost += Math.max(1, this.#counted - count);
      this.#counted = count;
      this.#possiblyCounted = 0;
    }
    return lost;
  }
}
