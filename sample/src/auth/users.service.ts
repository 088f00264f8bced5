import { Injectable } from '@nestjs/common';
import type { Identity } from 'nestjs-redis-session';
import type { Credentials } from './credentials.pipe.js';
import { hashOf, isPasswordOf, type PasswordHash } from './password.js';

declare module 'nestjs-redis-session' {
  interface Identity {
    readonly name: string;
    readonly roles: readonly string[];
  }
}

interface User {
  readonly identity: Identity;
  hash: PasswordHash;
}

const HASH_OF_NOBODY: PasswordHash = 'pefCDZxMi8Zo2ggRlpGocA:Pd-HG7bBWjSWUBkVVv6moxkSsdls9HeMbf5Kd3TpRFw';

/** Stands in for a table of users: a changed password is forgotten when the process ends. */
@Injectable()
export class UsersService {
  // The passwords are lovelace and hopper.
  readonly #users: readonly User[] = [
    {
      identity: { id: 'u1', name: 'ada', roles: ['user', 'admin'] },
      hash: 'm0fmndofU0fxZZnoHXD99A:xfHGPuXSC9j35R341DtSjX5L7P9hmcCFIDBOFh5SeqU',
    },
    {
      identity: { id: 'u2', name: 'grace', roles: ['user'] },
      hash: 'FCx089gbvK8K81aAvaWszg:-YT6eJLN3Nv2vrEaD5jP4PtKQQ9QvwPm6xDmjFnt4o8',
    },
  ];

  /** The user with this name and password; `undefined` when either is wrong. */
  async verify({ username, password }: Credentials): Promise<Identity | undefined> {
    const known = this.#users.find(({ identity }) => identity.name === username);
    return (await hasPassword(known, password)) ? known?.identity : undefined;
  }

  async hasPassword({ id }: Identity, password: string): Promise<boolean> {
    return hasPassword(this.#withId(id), password);
  }

  async changePassword({ id }: Identity, password: string): Promise<void> {
    const user = this.#withId(id);
    if (user !== undefined) user.hash = await hashOf(password);
  }

  all(): readonly Identity[] {
    return this.#users.map(({ identity }) => identity);
  }

  #withId(id: Identity['id']): User | undefined {
    return this.#users.find(({ identity }) => identity.id === id);
  }
}

/** A user that does not exist costs the same work, so that the time does not tell which names do. */
async function hasPassword(user: User | undefined, password: string): Promise<boolean> {
  const matches = await isPasswordOf(user?.hash ?? HASH_OF_NOBODY, password);
  return matches && user !== undefined;
}
