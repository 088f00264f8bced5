import type { ActiveSession } from '../../src/session/active-session.js';
import { generateSid } from '../../src/session/sid.js';

/** What requests do, each with its own look at the session. */
export const OPERATIONS = {
  login: (session) => session.login({ id: 'ada' }, true),
  'login as another': (session) => session.login({ id: 'grace' }, true),
  regenerate: (session) => session.supersede(),
  rotate: (session) => session.rotate(),
  reauthenticate: (session) => session.reauthenticate(),
  destroy: (session) => session.destroy(),
  save: (session) => session.entries.set('n', generateSid()),
  touch: (session) => session.touch(),
} satisfies Record<string, (session: ActiveSession) => unknown>;

/** What the requests of those do who have not signed in yet. */
export const GUEST_OPERATIONS = {
  login: OPERATIONS.login,
  'is signed in by a save': (session) => session.entries.set('identity', { id: 'ada' }),
  save: OPERATIONS.save,
} satisfies Record<string, (session: ActiveSession) => unknown>;
