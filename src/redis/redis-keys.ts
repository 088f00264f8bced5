import type { Handle } from '../session/sid.js';

/** Every key name that this package uses. */
export class RedisKeys {
  constructor(private readonly prefix: string) {}

  session(handle: Handle): string {
    return this.prefix + handle;
  }
}
