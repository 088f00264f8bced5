import { Injectable } from '@nestjs/common';
import type { Identity } from 'nestjs-redis-session';
import type { Credentials } from './credentials.pipe.js';
import { isPasswordOf, type PasswordHash } from './password.js';

declare module 'nestjs-redis-session' {
  interface Identity {
    readonly name: string;
    readonly roles: readonly string[];
  }
}

// Stands in for a table of users. The passwords are lovelace and hopper.
const USERS = new Map<string, { user: Identity; hash: PasswordHash }>([
  [
    'ada',
    {
      user: { id: 'u1', name: 'ada', roles: ['user', 'admin'] },
      hash: 'm0fmndofU0fxZZnoHXD99A:xfHGPuXSC9j35R341DtSjX5L7P9hmcCFIDBOFh5SeqU',
    },
  ],
  [
    'grace',
    {
      user: { id: 'u2', name: 'grace', roles: ['user'] },
      hash: 'FCx089gbvK8K81aAvaWszg:-YT6eJLN3Nv2vrEaD5jP4PtKQQ9QvwPm6xDmjFnt4o8',
    },
  ],
]);

const HASH_OF_NOBODY: PasswordHash = 'pefCDZxMi8Zo2ggRlpGocA:Pd-HG7bBWjSWUBkVVv6moxkSsdls9HeMbf5Kd3TpRFw';

@Injectable()
export class UsersService {
  /** The user with this name and password; `undefined` when either is wrong. */
  async verify({ username, password }: Credentials): Promise<Identity | undefined> {
    const known = USERS.get(username);
    // A name that does not exist costs the same work, so that the time does not tell which names do.
    const matches = await isPasswordOf(known?.hash ?? HASH_OF_NOBODY, password);
    return matches ? known?.user : undefined;
  }
}
