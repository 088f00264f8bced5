import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pinoHttp, type Options } from 'pino-http';
import { MemorySessionStore, peekSession, sessionMiddleware, sessionOf } from '../../src/express.js';
import { plainExpress, serve } from '../support/plain-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

const ROOT = join(import.meta.dirname, '../..');
const PREFIX = 'shop:sess:';
const ENTRY = 'Earl Grey';
const USER = 'ada-lovelace';

let documented: string;
beforeAll(async () => {
  documented = await readFile(join(ROOT, 'docs/logging-and-tracing.md'), 'utf8');
});

/** Which of them are in a text, by name. */
function found(text: string, secrets: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.entries(secrets)
    .filter(([, values]) => values.some((value) => text.includes(value)))
    .map(([name]) => name);
}

describe('the spans of @opentelemetry/instrumentation-ioredis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());

  async function traced(setting: string) {
    const program = join(ROOT, 'test/support/traced-process.ts');
    const args = ['--import', join(ROOT, 'test/support/typescript-loader.mjs'), program, redis.url, PREFIX, setting];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '' } });
    const { sids, spans } = JSON.parse(stdout) as { sids: string[]; spans: { name: string; attributes: Record<string, unknown> }[] };
    expect(sids.map((sid) => sid.length)).toEqual([54, 54, 54, 54, 54]);
    const secrets = { sid: sids, secret: sids.map((sid) => sid.slice(22)), key: [PREFIX], entry: [ENTRY], user: [USER] };
    return { spans, leaked: found(JSON.stringify(spans), secrets) };
  }

  test('hold no session id, key, entry or user with the setting that the docs give', async () => {
    expect(documented).toContain('new IORedisInstrumentation({ dbStatementSerializer: (command) => command });');
    const { spans, leaked } = await traced('as documented');
    const names = spans.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['hgetall', 'evalsha']));
    expect(leaked).toEqual([]);
  });

  test('hold keys, entries and users without it, but no session id', async () => {
    expect((await traced('default')).leaked).toEqual(['key', 'entry', 'user']);
  });
});

describe('the lines of pino-http', () => {
  async function logged(options: Options) {
    const lines: string[] = [];
    const stream = new Writable({
      write: (chunk: Buffer, _, done) => {
        lines.push(chunk.toString());
        done();
      },
    });
    const session = sessionMiddleware({ store: new MemorySessionStore(), secret: 'a secret of the test suite, which is long enough' });
    const app = plainExpress(undefined, {});
    app.use(pinoHttp(options, stream) as never, session as never);
    app.all('/login', async (request, response) => {
      const own = sessionOf(request) as unknown as Record<string, unknown> & { login(identity: object, options: object): Promise<void> };
      own['cart'] = [ENTRY];
      await own.login({ id: USER }, { keep: true });
      response.end();
    });
    app.all('/read', (request, response) => void response.json(sessionOf(request)));
    const server = await serve(app);
    const browser = server.browser();
    await browser.post('/login');
    const sid = (await browser.sid()) ?? '';
    await browser.get('/read');
    const cookie = (await browser.cookie('sid'))?.value ?? '';
    await server.close();
    expect(sid).toHaveLength(54);
    const secrets = { sid: [sid], secret: [sid.slice(22)], cookie: [cookie, decodeURIComponent(cookie)], entry: [ENTRY] };
    return { lines, leaked: found(lines.join(''), secrets) };
  }

  test('hold the user and no session id, cookie or entry with the settings that the docs give', async () => {
    const redact = ['req.headers.cookie', 'req.headers.authorization', 'res.headers["set-cookie"]'];
    const shown = /redact: (\[.*\]),/.exec(documented)?.[1];
    expect(shown).toBe(`[${redact.map((path) => `'${path}'`).join(', ')}]`);
    const { lines, leaked } = await logged({
      redact,
      customProps: (request) => ({ user: peekSession(request)?.identity?.id }),
    });
    expect(leaked).toEqual([]);
    expect(lines.some((line) => line.includes(`"user":"${USER}"`))).toBe(true);
  });

  test('hold cookies that sign their reader in without them', async () => {
    expect((await logged({})).leaked).toEqual(['sid', 'secret', 'cookie']);
  });
});
