import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DynamicModule, INestApplication } from '@nestjs/common';
import type { SampleIdentity, SampleSession } from '../app/sample-session.js';

/** A request with what the candidate puts on it. */
export interface BenchRequest extends IncomingMessage {
  session?: unknown;
}

/** What the controller does with a session, in the candidate's own way. */
export interface SessionAccess {
  identity(request: BenchRequest): SampleIdentity | undefined;
  signIn(request: BenchRequest, response: ServerResponse, session: SampleSession): void | Promise<void>;
  /** Gives one entry another value. */
  change(request: BenchRequest, visit: number): void | Promise<void>;
  /** Everything in the session, to verify what is measured. */
  entries(request: BenchRequest): Partial<SampleSession>;
}

/** One way to have sessions in a NestJS application. */
export interface Candidate {
  /** For the command line. */
  readonly name: string;
  /** For tables. */
  readonly title: string;
  /** Workloads that it cannot do, and why. */
  readonly skips?: Readonly<Record<string, string>>;
  readonly access: SessionAccess;
  imports?(redisUrl: string): DynamicModule[];
  mount?(app: INestApplication, redisUrl: string): void;
}
