import { userId } from './app/sample-session.js';
import type { Candidate } from './candidates/candidate.js';
import type { LoadOrder } from './load/load-generator.js';
import type { BenchProcess } from './processes/child-process.js';
import { change, contentsOf, signIn, type Visitor } from './sign-in.js';
import { SESSIONS, type Workload } from './workloads.js';

/** One server process of a candidate, and the visitors who have sessions there. */
export class Competitor {
  readonly #visitors = new Map<number, readonly Visitor[]>();

  private constructor(
    readonly candidate: Candidate,
    readonly server: BenchProcess,
    private readonly url: string,
    /** Of its keys in Redis. */
    readonly prefix: string,
  ) {}

  static async start(candidate: Candidate, server: BenchProcess, prefix: string): Promise<Competitor> {
    return new Competitor(candidate, server, await server.ask<string>('url'), prefix);
  }

  /** Makes the sessions that these workloads need, and checks that they are as large as they should be. */
  async signInAll(workloads: readonly Workload[]): Promise<void> {
    const sizes = workloads.filter(({ name }) => this.candidate.skips?.[name] === undefined).map(({ bytes }) => bytes);
    for (const bytes of new Set(sizes)) {
      if (bytes === undefined) continue;
      const visitors = await signIn(this.url, { count: SESSIONS, bytes });
      this.#visitors.set(bytes, visitors);
      if (!this.#hasNone) await this.#checkSizes(visitors, bytes);
    }
  }

  visitors(bytes: number): readonly Visitor[] {
    return this.#visitors.get(bytes) ?? [];
  }

  orderOf({ method, path, connections, bytes, sessions }: Workload): LoadOrder {
    const url = this.url;
    if (bytes === undefined) return { url, method, path, connections, requests: [{ cookie: undefined, answer: '{"id":null}' }] };
    const requests = this.visitors(bytes)
      .slice(0, sessions)
      .map(({ cookie, id }) => ({ cookie, answer: JSON.stringify({ id: this.#hasNone ? userId(0) : id }) }));
    return { url, method, path, connections, requests };
  }

  /** Whether a change is still there at the next request. */
  async verify({ name, bytes }: Workload): Promise<void> {
    const [visitor] = bytes === undefined ? [] : this.visitors(bytes);
    if (name !== 'change' || visitor === undefined || this.#hasNone) return;
    const before = await contentsOf(this.url, visitor.cookie);
    const after = await contentsOf(this.url, await change(this.url, visitor.cookie));
    if (before.visit === undefined || after.visit === undefined || before.visit === after.visit || before.bytes !== after.bytes)
      throw new Error(`${this.candidate.name} did not store a change: ${JSON.stringify({ before, after })}`);
  }

  get #hasNone(): boolean {
    return this.candidate.isBaseline === true;
  }

  async #checkSizes(visitors: readonly Visitor[], bytes: number): Promise<void> {
    for (const { cookie } of [visitors.at(0), visitors.at(-1)].filter((visitor) => visitor !== undefined)) {
      const contents = await contentsOf(this.url, cookie);
      if (contents.bytes !== bytes) throw new Error(`${this.candidate.name} has a session of ${contents.bytes} bytes instead of ${bytes}.`);
    }
  }
}
