import { isDeepStrictEqual } from 'node:util';
import { RedisSessionError, SessionSerializationError } from '../redis-session.errors.js';
import { IDENTITY_ENTRY } from './identity.js';
import type { EncodedEntries, EntryDelta } from './session-record.js';
import type { EntrySerializer } from './store/store-options.js';

/** Of all sessions that have none, so nothing may be put into them. */
const NOTHING_ASSIGNED = new Map<string, number>();
const NOTHING_UNCERTAIN = new Set<string>();

/** Is told of each entry that is set or removed. */
export interface AssignmentWatcher {
  noteAssignment(name: string): void;
}

/**
 * The entries of one session in use: decoded when first read, compared with what was loaded when asked what changed.
 *
 * An entry that was only read is compared too, since its value may have been changed inside. One that was never read cannot have changed.
 */
export class Entries {
  readonly #serializer: EntrySerializer;
  readonly #onUndecodable: () => void;
  readonly #identityName: string | undefined;
  #loaded: EncodedEntries;
  /** Every entry read or set so far. `undefined`: removed, or not decodable. */
  readonly #values = new Map<string, unknown>();
  /** Name to a number that grows with every assignment. Made when first needed, as most sessions are only read. */
  #assigned: Map<string, number> = NOTHING_ASSIGNED;
  #assignments = 0;
  #uncertain: Set<string> = NOTHING_UNCERTAIN;
  /** An object that is there anyway: a closure here made each request outlive collections, 2 us of a read on Node 24 (docs/performance.md). */
  watcher: AssignmentWatcher | undefined;

  /** @param isIdentityEntry whether the entry "identity" is not the application's to change, also not inside */
  constructor(loaded: EncodedEntries, serializer: EntrySerializer, onUndecodable: () => void, isIdentityEntry = true) {
    this.#loaded = loaded;
    this.#serializer = serializer;
    this.#onUndecodable = onUndecodable;
    this.#identityName = isIdentityEntry ? IDENTITY_ENTRY : undefined;
  }

  get(name: string): unknown {
    if (this.#values.has(name)) return this.#values.get(name);
    const text = this.#loaded.get(name);
    if (text === undefined) return undefined;
    const value = this.#decode(name, text);
    this.#values.set(name, value);
    return value;
  }

  has(name: string): boolean {
    return this.#assigned.has(name) ? this.#values.get(name) !== undefined : this.#loaded.has(name);
  }

  set(name: string, value: unknown): void {
    this.#values.set(name, value);
    if (this.#assigned === NOTHING_ASSIGNED) this.#assigned = new Map();
    this.#assigned.set(name, ++this.#assignments);
    this.watcher?.noteAssignment(name);
  }

  remove(name: string): void {
    this.set(name, undefined);
  }

  /** In the order loaded, then in the order added. */
  names(): string[] {
    const names = [...this.#loaded.keys()].filter((name) => this.has(name));
    for (const name of this.#assigned.keys()) if (!this.#loaded.has(name) && this.has(name)) names.push(name);
    return names;
  }

  /** All of them, decoded. */
  values(): Record<string, unknown> {
    return Object.fromEntries(this.names().map((name) => [name, this.get(name)]));
  }

  /** What changed since loaded; `undefined` when nothing did. Throws `SessionSerializationError` for a value that cannot be stored. */
  delta(): EntryDelta | undefined {
    if (this.#values.size === 0) return undefined;
    const set = new Map<string, string>();
    const removed: string[] = [];
    for (const [name, value] of this.#values) {
      const assigned = this.#assigned.has(name);
      if (!assigned && !this.#uncertain.has(name) && (typeof value !== 'object' || value === null || name === this.#identityName)) continue;
      const before = this.#loaded.get(name);
      const text = this.#encode(name, value, assigned);
      const certain = !this.#uncertain.has(name);
      if (text === before && certain) continue;
      if (text === undefined) removed.push(name);
      else if (before === undefined || !certain || !this.#sameValue(before, text)) set.set(name, text);
    }
    return set.size > 0 || removed.length > 0 ? { set, removed } : undefined;
  }

  /** Whether that entry holds what the store has not. */
  isChanged(name: string): boolean {
    const delta = this.delta();
    return delta !== undefined && (delta.set.has(name) || delta.removed.includes(name));
  }

  /** Call with what the store has of one entry now. What was assigned to it after the first `assignments` is still a change. */
  learn(name: string, text: string, assignments: number): void {
    this.#loaded = new Map(this.#loaded).set(name, text);
    this.#uncertain.delete(name);
    if ((this.#assigned.get(name) ?? 0) > assignments) return;
    this.#values.delete(name);
    this.#assigned.delete(name);
  }

  /** Call with what the store has after a write. Changes made since that write was begun are still changes. */
  rebase(loaded: EncodedEntries): void {
    this.#loaded = loaded;
    this.#uncertain.clear();
  }

  /** Call when the outcome of writing that delta is unknown: the store may have either value, so those names are written again. */
  uncertain(delta: EntryDelta): void {
    this.#uncertain = new Set([...this.#uncertain, ...delta.set.keys(), ...delta.removed]);
  }

  /** The encoded text of the entries with those names, as they are now. */
  encoded(names: Iterable<string>): Map<string, string> {
    const result = new Map<string, string>();
    for (const name of names) {
      const text = this.#values.has(name) ? this.#encode(name, this.#values.get(name), this.#assigned.has(name)) : this.#loaded.get(name);
      if (text !== undefined) result.set(name, text);
    }
    return result;
  }

  /** How many assignments there have been, for `replace` and `learn`. */
  get assignments(): number {
    return this.#assignments;
  }

  /**
   * Becomes the content of another session. Values in use under a name that stays remain the same objects, and what was assigned after
   * the first `assignments` is a change of the new session.
   */
  replace(loaded: EncodedEntries, assignments: number): void {
    this.rebase(loaded);
    for (const [name, assignment] of this.#assigned) if (assignment <= assignments) this.#assigned.delete(name);
    for (const name of this.#values.keys())
      if (!this.#assigned.has(name) && (!loaded.has(name) || name === this.#identityName)) this.#values.delete(name);
  }

  /** Reads that entry anew from what is loaded, unless it was assigned since. */
  refresh(name: string): void {
    if (!this.#assigned.has(name)) this.#values.delete(name);
  }

  /** Forgets everything read or set, and starts from what the store has. */
  reload(loaded: EncodedEntries): void {
    this.rebase(loaded);
    this.#assigned.clear();
    this.#values.clear();
  }

  #decode(name: string, text: string): unknown {
    try {
      const value = this.#serializer.parse(text);
      return name === this.#identityName ? deepFreeze(value) : value;
    } catch {
      // Not ours to repair and not the visitor's fault: an entry that cannot be decoded is no entry until it is written again.
      this.#onUndecodable();
      return undefined;
    }
  }

  #encode(name: string, value: unknown, assigned: boolean): string | undefined {
    if (value === undefined) return assigned ? undefined : this.#loaded.get(name);
    try {
      return this.#serializer.stringify(value);
    } catch (error) {
      if (error instanceof RedisSessionError) throw error;
      // Nested deeper than can be encoded, so it came from elsewhere and was only read: it stays as it is in the store.
      if (error instanceof RangeError && !assigned) return this.#loaded.get(name);
      throw new SessionSerializationError(
        `The session entry ${JSON.stringify(name)} cannot be stored: it holds a ${error instanceof RangeError ? 'structure that is too deep' : 'circular structure, a BigInt or another value that the serializer refuses'}. Store plain data.`,
      );
    }
  }

  /** The same data with its keys in another order is the same data. */
  #sameValue(before: string, after: string): boolean {
    try {
      return isDeepStrictEqual(this.#serializer.parse(before), this.#serializer.parse(after));
    } catch {
      return false; // What was stored cannot be decoded, so it is not what we have.
    }
  }
}

function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
