import type { PackedVersion, Storage } from '../candidates/candidate.js';
import type { PlatformName } from '../platforms.js';

/** What a server process is told when it starts. */
export interface ServerOrder {
  readonly platform: PlatformName;
  readonly candidate: string;
  readonly packed: PackedVersion | undefined;
  readonly storage: Storage;
}
