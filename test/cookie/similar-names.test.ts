import { describe, expect, test } from '@jest/globals';
import cookieParser from 'cookie-parser';
import type { ScriptedApp } from '../support/scripted-app.js';
import { RawClient } from '../support/raw-client.js';
import { signedCookie } from '../support/signed-cookie.js';
import { useVariant, variants } from '../support/variants.js';

const HOST_SID = '__Host-sid';
const HTTPS = { 'x-forwarded-proto': 'https' };
const SECURE = { session: { proxy: true, cookie: { secure: true } } };
const byte = (code: number) => String.fromCharCode(code);
/** What Node's parser lets through in a header. */
const BYTES = [0x09, ...Array.from({ length: 0x100 - 0x20 }, (_, index) => index + 0x20)].filter((code) => code !== 0x7f).map(byte);
/** What `trim()` takes off, and other white space and format characters, as the bytes of UTF-8. */
const CHARACTERS = [
  0x85,
  0xa0,
  0xad,
  0x1680,
  0x180e,
  ...Array.from({ length: 16 }, (_, index) => 0x2000 + index),
  0x2028,
  0x2029,
  0x202f,
  0x205f,
  0x2060,
  0x3000,
  0xfeff,
].map((code) => Buffer.from(byte(code)).toString('latin1'));
const SUSPECTS = [...BYTES, ...CHARACTERS].filter((suspect) => suspect !== ';' && suspect !== '=');
const isWhiteSpace = (text: string) => text === ' ' || text === '\t';

describe.each(variants)('a cookie whose name is only nearly that of the session, $name', (variant) => {
  const harness = useVariant(variant);

  async function signedIn(app: ScriptedApp): Promise<string> {
    const browser = app.browser();
    const [cookie = ''] = (await browser.post('/login/mallory', undefined, HTTPS)).setCookies;
    return cookie.slice(`${HOST_SID}=`.length).split(';', 1)[0] ?? '';
  }

  /** Who each of these `Cookie` headers is for the application, asked over one connection. */
  async function whoAre(app: ScriptedApp, cookies: readonly string[]): Promise<(string | null)[]> {
    const client = await RawClient.connect(app.origin);
    const requests = cookies.map((cookie, index) => {
      const connection = index === cookies.length - 1 ? 'close' : 'keep-alive';
      return `GET /whoami HTTP/1.1\r\nhost: localhost\r\nx-forwarded-proto: https\r\nconnection: ${connection}\r\ncookie: ${cookie}\r\n\r\n`;
    });
    client.send(requests.join(''));
    await client.answer();
    return [...client.received.matchAll(/\{"identity":(?:null|\{"id":"(\w+)"\})\}/g)].map(([, id]) => id ?? null);
  }

  test.each<[string, (suspect: string, value: string) => string]>([
    ['before the name', (suspect, value) => `a=1;${suspect}${HOST_SID}=${value}`],
    ['after the name', (suspect, value) => `${HOST_SID}${suspect}=${value}`],
  ])('is another one: nothing but space and tab %s is white space', async (_where, header) => {
    const app = await harness.open(SECURE);
    const value = await signedIn(app);
    const found = await whoAre(
      app,
      SUSPECTS.map((suspect) => header(suspect, value)),
    );
    expect(found).toEqual(SUSPECTS.map((suspect) => (isWhiteSpace(suspect) ? 'mallory' : null)));
  });

  test.each<[string, (suspect: string, value: string) => string]>([
    ['before the value', (suspect, value) => `${HOST_SID}=${suspect}${value}`],
    ['after the value', (suspect, value) => `${HOST_SID}=${value}${suspect}`],
  ])('nor is anything but space and tab %s', async (_where, header) => {
    const app = await harness.open(SECURE);
    const value = await signedIn(app);
    const found = await whoAre(
      app,
      SUSPECTS.map((suspect) => header(suspect, value)),
    );
    expect(found).toEqual(SUSPECTS.map((suspect) => (isWhiteSpace(suspect) ? 'mallory' : null)));
  });

  test('does not hide the session, however many there are', async () => {
    const app = await harness.open(SECURE);
    const value = await signedIn(app);
    const planted = Array.from({ length: 20 }, (_, index) => `\xA0${HOST_SID}=${index}`).join('; ');
    expect(await whoAre(app, [`${planted}; ${HOST_SID}=${value}`])).toEqual(['mallory']);
  });

  test('is not brought in by a parser of cookies that strips more', async () => {
    const strips = (request: { headers: { cookie?: string }; cookies?: object }, _response: unknown, next: () => void) => {
      const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.split('=') as [string, string]);
      request.cookies = Object.fromEntries(pairs.map(([name, value]) => [name.trim(), decodeURIComponent(value.trim())]));
      next();
    };
    const app = await harness.open({ ...SECURE, prepare: (nest) => void nest.use(strips) });
    const value = await signedIn(app);
    expect(await whoAre(app, [`\xA0${HOST_SID}=${value}`])).toEqual([null]);
  });

  test('is not brought in by cookie-parser, whatever it was verified with', async () => {
    const old = 'a secret that was taken away, which was long enough too';
    const app = await harness.open({ ...SECURE, prepare: (nest) => void nest.use(cookieParser([old])) });
    const value = await signedIn(app);
    const sid = /^s:(.*)\./.exec(decodeURIComponent(value))?.[1] ?? '';
    const forged = signedCookie(sid, { name: HOST_SID, secret: old });
    expect(await whoAre(app, [forged, `\xA0${forged}`, `\xA0${HOST_SID}=${value}`])).toEqual([null, null, null]);
  });
});
