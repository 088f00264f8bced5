import { MemorySessionStore } from '../../src/index.js';
import type { EntryDelta, NewSession, SessionRecord } from '../../src/session/session-record.js';
import type { Sid } from '../../src/session/sid.js';
import type { EncodedEntries, StoredTerms } from '../../src/session/session-record.js';

/** What a store was asked to write of a session, decoded. */
export type Write =
  | { readonly call: 'create'; readonly set: Record<string, unknown> }
  | { readonly call: 'save'; readonly set: Record<string, unknown>; readonly removed: readonly string[] }
  | { readonly call: 'touch' | 'destroy' };

/** A store that keeps an account of what it is asked to write. */
export class RecordingStore extends MemorySessionStore {
  #writes: Write[] = [];

  /** The writes since this was last called. */
  takeWrites(): readonly Write[] {
    const taken = this.#writes;
    this.#writes = [];
    return taken;
  }

  override async create(sid: Sid, session: NewSession) {
    this.#writes.push({ call: 'create', set: decoded(session.entries) });
    return super.create(sid, session);
  }

  override async save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: StoredTerms) {
    this.#writes.push({ call: 'save', set: decoded(delta.set), removed: [...delta.removed].toSorted() });
    return super.save(sid, record, delta, terms);
  }

  override async touch(sid: Sid, record: SessionRecord, terms: StoredTerms) {
    this.#writes.push({ call: 'touch' });
    return super.touch(sid, record, terms);
  }

  override async destroy(sid: Sid, copied?: SessionRecord) {
    this.#writes.push({ call: 'destroy' });
    return super.destroy(sid, copied);
  }
}

function decoded(entries: EncodedEntries): Record<string, unknown> {
  return Object.fromEntries([...entries].map(([name, text]) => [name, JSON.parse(text) as unknown]));
}
