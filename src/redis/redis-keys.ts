import type { Handle } from '../session/sid.js';

/** Every key and channel name that this package uses. A handle has no colon, so none of them can be taken for another. */
export class RedisKeys {
  constructor(private readonly prefix: string) {}

  session(handle: Handle): string {
    return this.prefix + handle;
  }

  /** The index of a user's sessions. */
  user(userId: string): string {
    return `${this.prefix}user:${userId}`;
  }

  /** The channel that events are shared through. */
  events(): string {
    return `${this.prefix}events`;
  }

  /** Before when sessions of a user are dead. */
  epoch(userId: string): string {
    return `${this.prefix}epoch:${userId}`;
  }
}
