import type { IncomingMessage } from 'node:http';
import type { DynamicModule, INestApplication } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { SampleIdentity, SampleSession } from '../app/sample-session.js';

/** A request of either framework, with what the candidate puts on it. */
export type BenchRequest = (IncomingMessage | FastifyRequest) & { session?: unknown };

/** What is used of the response of either framework. */
export interface BenchResponse {
  header(name: string, value: string): unknown;
}

/** What the controller does with a session, in the candidate's own way. */
export interface SessionAccess {
  identity(request: BenchRequest): SampleIdentity | undefined;
  signIn(request: BenchRequest, response: BenchResponse, session: SampleSession): void | Promise<void>;
  /** Gives one entry another value. */
  change(request: BenchRequest, visit: number): void | Promise<void>;
  /** Everything in the session, to verify what is measured. */
  entries(request: BenchRequest): Partial<SampleSession>;
}

/** Where a server process keeps its sessions. */
export interface Storage {
  readonly redisUrl: string;
  /** Of its keys; no other process has the same. */
  readonly prefix: string;
}

/** Where a packed version of this package is installed, and what it is called. */
export interface PackedVersion {
  readonly version: string;
  readonly folder: string;
}

/** The part of a candidate that only its own server process loads, so that no library is in the memory of another's. */
export interface Wiring {
  readonly access: SessionAccess;
  readonly imports?: DynamicModule[];
  readonly mount?: (app: INestApplication) => unknown;
}

/** One way to have sessions in a NestJS application. */
export interface Candidate {
  /** For the command line. */
  readonly name: string;
  /** For tables. */
  readonly title: string;
  /** Only measured when asked for by name. */
  readonly extra?: boolean;
  /** What the others are compared with: always measured. */
  readonly isBaseline?: boolean;
  /** Only measured where the servers' V8 is older. */
  readonly beforeV8?: number;
  /** Workloads that it cannot do, and why. */
  readonly skips?: Readonly<Record<string, string>>;
  /** Of an earlier version of ours. */
  readonly packed?: PackedVersion;
  wire(storage: Storage): Promise<Wiring>;
}
