import type { ClusterNode } from 'ioredis';
import type { SessionSettings } from '../../src/http/request/session-options.js';

/** What an application keeps its sessions with: express-session and connect-redis, a phase of `store.migrate`, or hashes alone. */
export type Release = (typeof RELEASES)[number];

export const RELEASES = ['old', 'prepare', 'convert', 'moved'] as const;

/** A URL, or some of the nodes of a Cluster. */
export type RedisAddress = string | { readonly cluster: ClusterNode[] };

/** What a process of the application is told when it starts. */
export interface ReleaseOrder {
  readonly release: Release;
  readonly redis: RedisAddress;
  readonly middleware: SessionSettings['middleware'];
  /** `store.deadline`, in ms; absent for its default. */
  readonly deadline?: number;
}

/** What a session holds, as `/me` tells it. */
export interface Contents {
  /** Who is signed in; `null` for nobody. */
  readonly user: string | null;
  /** Entry name to the serial number that was last written. */
  readonly entries: Readonly<Record<string, number>>;
}

/** A process of the application, wherever it runs. */
export interface RunningRelease {
  readonly origin: string;
  /** In the phase `'convert'`: converts what nobody has asked for. Resolves with how many strings are left then, `undefined` when Redis did not answer. */
  convertRest(): Promise<number | undefined>;
  stop(): Promise<void>;
}
