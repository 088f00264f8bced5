import { describe, expect, test } from '@jest/globals';
import { SessionManager, type HttpSession } from '../../src/index.js';
import { createTestSession, testSessions } from '../../src/testing.js';

type Cart = HttpSession & { cart?: string[] };

describe('createTestSession()', () => {
  test('makes the new session of a visitor', async () => {
    const session = await createTestSession();
    expect([session.isNew, session.identity, session.expiresAt]).toEqual([true, undefined, undefined]);
    expect({ ...session, cookie: undefined }).toEqual({});
  });

  test('makes one that an earlier request has stored, with entries and an identity', async () => {
    const session = (await createTestSession({ identity: { id: 'ada' }, roles: ['admin'], entries: { cart: ['tea'] } as object })) as Cart;
    expect([session.isNew, session.identity, session.cart]).toEqual([false, { id: 'ada', roles: ['admin'] }, ['tea']]);
    expect(session.authenticatedAt).toBeInstanceOf(Date);
    expect((await createTestSession({ entries: { cart: [] } as object })).isNew).toBe(false);
  });

  test('lets a handler sign in, change, read again, rotate and sign out', async () => {
    const session = (await createTestSession({ entries: { cart: ['tea'], theme: 'dark' } as object })) as Cart;
    const { handle } = session;
    await session.login({ id: 'ada' }, { keep: ['cart'] });
    expect({ ...session, cookie: undefined }).toEqual({ cart: ['tea'], identity: { id: 'ada' } });
    expect(session.handle).not.toBe(handle);
    session.cart?.push('cup');
    await session.save();
    session.cart = [];
    await session.reload();
    expect(session.cart).toEqual(['tea', 'cup']);
    const { id } = session;
    await session.rotate();
    expect(session.id).not.toBe(id);
    expect(await session.increment('visits')).toBe(1);
    expect(session.verifyCsrfToken(session.csrfToken())).toBe(true);
    await session.logout();
    expect(() => (session.cart = [])).toThrow('The session was destroyed');
  });

  test('keeps it where the test says, for a manager and with a clock', async () => {
    const sessions = testSessions({ now: '2030-01-01T00:00:00Z' });
    const manager = new SessionManager(sessions.store);
    const session = await createTestSession({ identity: { id: 'ada' }, store: sessions.store, ttl: 60 });
    expect(session.expiresAt).toEqual(new Date('2030-01-01T00:01:00.001Z'));
    expect(await manager.count('ada')).toBe(1);
    await sessions.advance('1m');
    await expect(session.reload()).rejects.toThrow('it has ended');
    expect(await manager.count('ada')).toBe(0);
  });

  test('is refused what a session cannot hold, as in production', async () => {
    await expect(createTestSession({ entries: { save: 1 } as object })).rejects.toThrow('The session has a member "save"');
    await expect(createTestSession({ entries: { identity: { id: 'ada' } } as object })).rejects.toThrow(
      '"identity" is changed only by login()',
    );
  });
});
