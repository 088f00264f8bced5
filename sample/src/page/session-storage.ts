import { Injectable } from '@nestjs/common';
import { InjectSessionOptions, SessionStore, type Handle, type ResolvedRedisSessionOptions } from 'nestjs-redis-session';
import { redisCli, withoutSecrets } from './redis-address.js';

/** Where sessions live, for people: this sample is there to be looked into. An application for others would keep this to itself. */
@Injectable()
export class SessionStorage {
  readonly place: string;
  readonly #cli: string | undefined;
  readonly #prefix: string;

  constructor(@InjectSessionOptions() { redis }: ResolvedRedisSessionOptions, store: SessionStore) {
    const url = typeof redis === 'string' ? redis : undefined;
    this.#cli = url === undefined ? undefined : redisCli(url);
    this.#prefix = store.settings?.prefix ?? '';
    this.place =
      url === undefined
        ? 'Sessions live in the memory of this process, not in Redis, and are gone when it ends.'
        : `Sessions live in Redis at ${withoutSecrets(url)}`;
  }

  /** The command that shows the session with this handle. */
  commandFor(handle: Handle): string | undefined {
    return this.#cli === undefined ? undefined : `${this.#cli} HGETALL ${this.#prefix}${handle}`;
  }

  report(): string {
    if (this.#cli === undefined) return this.place;
    return `${this.place}\nSee them: ${this.#cli} --scan --pattern '${this.#prefix}*' (the page shows the command for yours)`;
  }
}
