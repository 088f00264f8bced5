import type { PackedVersion, Storage } from '../candidates/candidate.js';

/** What a server process is told when it starts. */
export interface ServerOrder {
  readonly candidate: string;
  readonly packed: PackedVersion | undefined;
  readonly storage: Storage;
}
