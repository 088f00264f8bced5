import { MemorySessionStore } from '../../src/index.js';
import type { EntryDelta, NewSession, SessionRecord } from '../../src/session/session-record.js';
import type { Sid } from '../../src/session/sid.js';
import type { StoredTerms } from '../../src/session/session-record.js';
import type { RotateOptions } from '../../src/session/store/session-store.js';
import type { Barrier } from './barrier.js';

/** A store whose writes wait where the test wants it, or fail. */
export class BlockableStore extends MemorySessionStore {
  /** Where writes wait. */
  barrier: Barrier | undefined;
  /** How writes fail. */
  failure: Error | undefined;
  /** How reads fail. */
  loadFailure: Error | undefined;
  /** The writes so far, by name. */
  readonly writes: string[] = [];
  /** How many sessions were looked for so far. */
  loads = 0;

  override async find(sid: Sid) {
    this.loads++;
    if (this.loadFailure !== undefined) throw this.loadFailure;
    return super.find(sid);
  }

  override async create(sid: Sid, session: NewSession) {
    await this.#arrive('create');
    return super.create(sid, session);
  }

  override async save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: StoredTerms) {
    await this.#arrive('save');
    return super.save(sid, record, delta, terms);
  }

  override async touch(sid: Sid, record: SessionRecord, terms: StoredTerms) {
    await this.#arrive('touch');
    return super.touch(sid, record, terms);
  }

  override async rotate(sid: Sid, record: SessionRecord, next: Sid, options: RotateOptions) {
    await this.#arrive('rotate');
    return super.rotate(sid, record, next, options);
  }

  override async destroy(sid: Sid, copied?: SessionRecord) {
    await this.#arrive('destroy');
    return super.destroy(sid, copied);
  }

  /** Ends a session as somebody else would, past the barrier. */
  async endBehind(sid: Sid): Promise<void> {
    await super.destroy(sid);
  }

  async #arrive(write: string): Promise<void> {
    this.writes.push(write);
    await this.barrier?.pass();
    if (this.failure !== undefined) throw this.failure;
  }
}
