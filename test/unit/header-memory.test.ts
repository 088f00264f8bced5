import { expect, test } from '@jest/globals';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createCookie } from '../../src/http/cookie/cookie.js';
import { SessionCookie } from '../../src/http/cookie/session-cookie.js';
import { resolveSessionOptions } from '../../src/http/request/session-options.js';
import { generateSid, partsOf, type Sid } from '../../src/session/sid.js';
import { TEST_SECRET } from '../support/create-app.js';
import { signedCookie } from '../support/signed-cookie.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const VISITORS = 2_000;
const HEADER = 16_000;

/** As Node's parser makes it: one text, of which others are parts. */
function headerOf(cookie: string): string {
  return Buffer.from(`${cookie}; padding=`.padEnd(HEADER, '.')).toString('latin1');
}

const sessionCookie = new SessionCookie(resolveSessionOptions({ secret: TEST_SECRET }), () => undefined);
const request = new IncomingMessage(new Socket());
const verified = (headers: object) => sessionCookie.read({ headers: {}, ...headers } as IncomingMessage)[0];

test.each<[string, (header: string, value: string, sid: Sid) => Sid | undefined]>([
  ['whose cookie was verified', (header) => verified({ headers: { cookie: header } })],
  ['whose cookie cookie-parser has read', (header, value) => verified({ cookies: { sid: partOf(header, value) } })],
  ['whose cookie express-session has verified', (header, _value, sid) => partOf(header, sid) as Sid],
])('a sid that is remembered keeps nothing else of the header, %s', (_how, read) => {
  const before = memory();
  for (let count = 0; count < VISITORS; count++) {
    const sid = generateSid();
    // Not escaped, as browsers send it back where another server has set it so: what is escaped becomes a text of its own.
    const cookie = decodeURIComponent(signedCookie(sid));
    const found = read(headerOf(cookie), cookie.slice('sid='.length), sid);
    expect(found).toBe(sid);
    partsOf(found!);
    sessionCookie.settingHeader(request, found!, createCookie({}));
  }
  expect(memory() - before).toBeLessThan((VISITORS * HEADER) / 2);
});

function partOf(header: string, text: string): string {
  const start = header.indexOf(text);
  return header.slice(start, start + text.length);
}

function memory(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
