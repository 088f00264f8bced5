import { createHook } from 'node:async_hooks';
import { expect, test } from '@jest/globals';
import { UsersService } from '../src/auth/users.service.js';

test('an unknown user name costs the same work as a wrong password', async () => {
  expect(await derivations({ username: 'ada', password: 'wrong' })).toBe(1);
  expect(await derivations({ username: 'nobody', password: 'wrong' })).toBe(1);
});

/** How often a password is put through scrypt, which is nearly all the time that an answer takes. */
async function derivations(credentials: { username: string; password: string }): Promise<number> {
  let count = 0;
  const hook = createHook({ init: (_id, type) => void (count += Number(type === 'SCRYPTREQUEST')) }).enable();
  try {
    expect(await new UsersService().verify(credentials)).toBeUndefined();
  } finally {
    hook.disable();
  }
  return count;
}
