import type { SessionStore } from '../../src/index.js';
import type { Sid } from '../../src/session/sid.js';
import { Sessions } from '../../src/session/sessions.js';
import { generateSid } from '../../src/session/sid.js';

/** Puts a session with those entries into a store, and returns its sid. */
export async function storedSid(store: SessionStore | Sessions, entries: Record<string, unknown> = {}): Promise<Sid> {
  const sid = generateSid();
  const encoded = new Map(Object.entries(entries).map(([name, value]) => [name, JSON.stringify(value)]));
  await Sessions.of(store).create(sid, { entries: encoded, terms: { idle: undefined, cookie: undefined, wholeCookie: {} } });
  return sid;
}
