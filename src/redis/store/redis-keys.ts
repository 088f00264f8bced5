import type { Handle } from '../../session/sid.js';

/** What the key of a user's index has after the prefix, before their id. */
export const USER = 'user:';
/** The same of the time of `revokeBefore`. */
export const NOT_BEFORE = 'not-before:';

/** What is wrong with a prefix: with `x:user:`, the sessions would lie among the indexes of another store, whose prefix is `x:`. */
export function prefixProblems(prefix: string | undefined, option: string): string[] {
  const [ending] = [USER, NOT_BEFORE].filter((name) => prefix?.endsWith(name) === true);
  if (ending === undefined) return [];
  return [
    `"${option}" must not end with "${ending}": sessions would get the keys of indexes that belong to the prefix before it. Put another word there.`,
  ];
}

/** Every key and channel name that this package uses. A handle has no colon, so none of them can be taken for another. */
export class RedisKeys {
  constructor(private readonly prefix: string) {}

  session(handle: Handle): string {
    return this.prefix + handle;
  }

  /** The index of a user's sessions. */
  user(userId: string): string {
    return `${this.prefix}${USER}${userId}`;
  }

  /** The channel that events are shared through. */
  events(): string {
    return `${this.prefix}events`;
  }

  /** Before when sessions of a user are dead. */
  notBefore(userId: string): string {
    return `${this.prefix}${NOT_BEFORE}${userId}`;
  }
}
