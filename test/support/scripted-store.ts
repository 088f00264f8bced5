import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import type { EntryDelta, NewSession, SessionRecord, StoredTerms } from '../../src/session/session-record.js';
import type { RotateOptions } from '../../src/session/store/session-store.js';
import type { Sid } from '../../src/session/sid.js';
import { Sessions } from '../../src/session/sessions.js';

/** How a call goes: `run` does what the store does. */
export type Course = <T>(run: () => Promise<T>) => Promise<T>;

type Method = 'load' | 'reload' | 'create' | 'save' | 'touch' | 'rotate' | 'increment' | 'destroy';

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** Neither runs nor answers. */
export const hangs: Course = () => never();

/** Runs, but its answer does not come. */
export const runsWithoutAnswer: Course = async (run) => {
  await run();
  return never();
};

/** Is refused, by an error. */
export function failsWith(error: Error): Course {
  return async () => {
    throw error;
  };
}

/** Runs when the promise is fulfilled. */
export function runsAfter(start: Promise<unknown>): Course {
  return async (run) => {
    await start;
    return run();
  };
}

/** A memory store whose next calls go as a test says, and that notes when each begins and ends. */
export class ScriptedStore extends MemorySessionStore {
  readonly sessions = Sessions.of(this);
  /** Names of calls as they begin; `-name` as they end. */
  readonly log: string[] = [];
  readonly #courses = new Map<Method, Course[]>();

  /** The next calls of that method go so, one after the other. */
  next(method: Method, ...courses: Course[]): void {
    this.#courses.set(method, [...(this.#courses.get(method) ?? []), ...courses]);
  }

  /** The calls begun since the last look. */
  calls(): string[] {
    return this.log.splice(0).filter((entry) => !entry.startsWith('-'));
  }

  override find(sid: Sid) {
    return this.#go('load', () => super.find(sid));
  }

  override reload(record: SessionRecord) {
    return this.#go('reload', () => super.reload(record));
  }

  override create(sid: Sid, session: NewSession) {
    return this.#go('create', () => super.create(sid, session));
  }

  override save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: StoredTerms) {
    return this.#go('save', () => super.save(sid, record, delta, terms));
  }

  override touch(sid: Sid, record: SessionRecord, terms: StoredTerms) {
    return this.#go('touch', () => super.touch(sid, record, terms));
  }

  override rotate(sid: Sid, record: SessionRecord, next: Sid, options: RotateOptions) {
    return this.#go('rotate', () => super.rotate(sid, record, next, options));
  }

  override increment(record: SessionRecord, name: string, by: number) {
    return this.#go('increment', () => super.increment(record, name, by));
  }

  override destroy(sid: Sid, copied?: SessionRecord) {
    return this.#go('destroy', () => super.destroy(sid, copied));
  }

  async #go<T>(method: Method, run: () => Promise<T>): Promise<T> {
    this.log.push(method);
    const course = this.#courses.get(method)?.shift();
    try {
      return await (course === undefined ? run() : course(run));
    } finally {
      this.log.push(`-${method}`);
    }
  }
}
