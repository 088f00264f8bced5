import { inspect } from 'node:util';
import type { Browser } from './browser.js';
import { TEST_SECRET } from './create-app.js';
import type { ScriptedApp } from './scripted-app.js';

/** What the visitor keeps in the session. */
export const TEA = 'tea of the visitor';

/** Adds handlers that do all that can be done to a session. */
export function equip(app: ScriptedApp): void {
  app.on('/write', ({ session }) => void (session['cart'] = [TEA]));
  app.on('/save', async ({ session }) => {
    session['saved'] = TEA;
    await session.save();
  });
  app.on('/rotate', ({ session }) => session.rotate());
  app.on('/regenerate', async ({ session, request }) => {
    await session.regenerate();
    if (request.session) request.session['cart'] = [TEA];
  });
  app.on('/remember', ({ session }) => void (session.cookie.maxAge = 86_400_000));
  app.on('/misuse', ({ session }) => Object.assign(session, { handle: TEA }));
  app.on('/unstorable', async ({ session }) => {
    session['cart'] = [1n];
    await session.save();
  });
  app.on('/too-large', ({ session }) => void (session['cart'] = TEA.repeat(5_000)));
  app.on('/gone', async ({ session }) => {
    await app.sessions.destroy(session.id as never);
    await session.rotate();
  });
}

const PATHS = [
  '/write',
  '/save',
  '/login/ada',
  '/write',
  '/rotate',
  '/read',
  '/remember',
  '/misuse',
  '/unstorable',
  '/too-large',
  '/regenerate',
  '/login/ada',
  '/gone',
  '/login/ada',
  '/logout',
];

/** Takes a browser through all of it. Answers with what nobody but the two sides may know. */
export async function journey(browser: Browser): Promise<{ secrets: string[]; bodies: string[] }> {
  const secrets = new Set<string>();
  const bodies: string[] = [];
  for (const path of PATHS) {
    const { text, headers } = await browser.post(path);
    bodies.push(text + inspect([...headers].filter(([name]) => name !== 'set-cookie')));
    const cookie = await browser.cookie('sid');
    const sid = await browser.sid();
    if (cookie === undefined || sid === undefined) continue;
    const raw = decodeURIComponent(cookie.value);
    for (const secret of [cookie.value, raw, sid, sid.slice(22), raw.slice(raw.lastIndexOf('.') + 1)]) secrets.add(secret);
  }
  return { secrets: [...secrets, TEST_SECRET], bodies };
}
