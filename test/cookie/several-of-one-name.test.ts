import { describe, expect, test } from '@jest/globals';
import { generateSid, handleOf } from '../../src/session/sid.js';
import { SessionManager } from '../../src/index.js';
import type { Sid } from '../../src/session/sid.js';
import { CapturedLog } from '../support/captured-log.js';
import type { ScriptedApp } from '../support/scripted-app.js';
import { TEST_SECRET } from '../support/create-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { useVariant, variants } from '../support/variants.js';

const gone = () => signedCookie(generateSid());
const forged = (count: number) => Array.from({ length: count }, () => signedCookie(generateSid(), { secret: 'x'.repeat(40) }));

async function signedIn(app: ScriptedApp, id: string): Promise<{ sid: Sid; cookie: string }> {
  const browser = app.browser();
  await browser.post(`/login/${id}`);
  const sid = ((await browser.sid()) ?? '') as Sid;
  return { sid, cookie: signedCookie(sid) };
}

describe.each(variants)('several cookies of one name, $name', (variant) => {
  const harness = useVariant(variant);
  const who = async (app: ScriptedApp, ...cookies: string[]) =>
    (await app.browser().get('/whoami', { cookie: cookies.join('; ') })).json.identity?.id;

  test('the first whose session exists wins, of at most three that are well signed', async () => {
    const app = await harness.open();
    const [ada, grace] = [await signedIn(app, 'ada'), await signedIn(app, 'grace')];
    expect(await who(app, ada.cookie, grace.cookie)).toBe('ada');
    expect(await who(app, grace.cookie, ada.cookie)).toBe('grace');
    expect(await who(app, gone(), 'sid=forged', ada.cookie)).toBe('ada');
    expect(await who(app, gone(), gone(), gone(), ada.cookie)).toBeUndefined();
  });

  test('those that are not well signed do not count, however many there are', async () => {
    const app = await harness.open();
    const { sid, cookie } = await signedIn(app, 'ada');
    const garbage = Array.from({ length: 400 }, (_, index) => `sid=${index}`);
    expect(await who(app, ...garbage, cookie)).toBe('ada');
    expect(await who(app, ...forged(60), gone(), ...forged(60), gone(), cookie)).toBe('ada');
    expect(await who(app, gone(), `sid="${cookie.slice('sid='.length)}"`, signedCookie(sid, { secret: 'x' }))).toBe('ada');
  });

  test('the same cookie twice counts once', async () => {
    const app = await harness.open();
    const { cookie } = await signedIn(app, 'ada');
    const dead = gone();
    expect(await who(app, dead, dead, dead, dead, cookie)).toBe('ada');
  });

  test.each<[string, (app: ScriptedApp, cookie: string) => Promise<unknown>]>([
    ['logout', (app, cookie) => app.browser().post('/logout', undefined, { cookie })],
    ['login', (app, cookie) => app.browser().post('/login/grace', undefined, { cookie })],
    ['login of the same user', (app, cookie) => app.browser().post('/login/ada', undefined, { cookie })],
    ['regenerate', (app, cookie) => app.browser().post('/regenerate', undefined, { cookie })],
  ])('%s ends all sessions that they open', async (_what, end) => {
    const app = await harness.open();
    app.on('/regenerate', ({ session }) => session.regenerate());
    const sessions = [await signedIn(app, 'ada'), await signedIn(app, 'bob'), await signedIn(app, 'ada')];
    const header = sessions.map(({ cookie }) => cookie).join('; ');
    const spared = await signedIn(app, 'ada');
    await end(app, header);
    for (const { sid, cookie } of sessions) {
      expect(await who(app, cookie)).toBeUndefined();
      expect(await harness.stored(app, sid)).toBeUndefined();
    }
    expect(await who(app, spared.cookie)).toBe('ada');
    const left = await app.app.get(SessionManager).list('ada');
    expect(left.sessions.map(({ handle }) => handle)).toContain(handleOf(spared.sid));
    expect((await app.app.get(SessionManager).list('bob')).sessions).toEqual([]);
  });

  test('a login ends a session besides that it does not take anything from, where a dead cookie comes first', async () => {
    const app = await harness.open();
    const [ada, bob] = [await signedIn(app, 'ada'), await signedIn(app, 'bob')];
    await app.browser().post('/login/grace', undefined, { cookie: [gone(), ada.cookie, bob.cookie].join('; ') });
    expect(await who(app, ada.cookie)).toBeUndefined();
    expect(await who(app, bob.cookie)).toBeUndefined();
  });

  test('a cookie whose secret was replaced ends nothing', async () => {
    const app = await harness.open({ store: { rotationGrace: 0 } });
    app.on('/rotate', ({ session }) => session.rotate());
    const old = await signedIn(app, 'ada');
    const browser = app.browser();
    await browser.get('/rotate', { cookie: old.cookie });
    await browser.get('/whoami');
    const { cookie } = await signedIn(app, 'bob');
    await app.browser().post('/logout', undefined, { cookie: `${cookie}; ${old.cookie}` });
    expect(await who(app, cookie)).toBeUndefined();
    expect((await browser.get('/whoami')).json.identity?.id).toBe('ada');
  });

  test('two of one session, before and after a rotation, are one', async () => {
    const app = await harness.open();
    app.on('/rotate', ({ session }) => session.rotate());
    const old = await signedIn(app, 'ada');
    const browser = app.browser();
    await browser.get('/rotate', { cookie: old.cookie });
    const cookie = `${old.cookie}; ${signedCookie((await browser.sid()) ?? '')}`;
    expect((await app.browser().post('/login/ada', undefined, { cookie })).setCookies).toHaveLength(1);
    expect(await harness.stored(app, old.sid)).toBeUndefined();
  });

  test('those that are not well signed are counted in the log now and then, and nothing of them is in it', async () => {
    const logger = new CapturedLog();
    const app = await harness.open({ logger });
    const { sid, cookie } = await signedIn(app, 'ada');
    const bad = [signedCookie(sid, { secret: 'x'.repeat(40) }), 'sid=s:planted', `${cookie}x`];
    for (const header of bad) expect(await who(app, header)).toBeUndefined();
    await who(app, 'sid=', 'other=s:planted', gone(), cookie);
    expect(logger.matching('suspicious')).toEqual([expect.stringMatching(/Possibly suspicious: 1 session cookie/)]);
    for (const secret of [sid, handleOf(sid), 'planted', TEST_SECRET]) expect(logger.matching(secret)).toEqual([]);
  });
});
