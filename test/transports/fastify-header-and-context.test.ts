import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Controller, Get, Post, Res } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { FastifyReply } from 'fastify';
import { Public, RedisSessionModule, Session, SessionContext, type HttpSession } from '../../src/index.js';
import { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';

const HEADER = 'X-Session';
let app: NestFastifyApplication;
let browser: () => Browser;

@Controller()
class AccountController {
  constructor(private readonly context: SessionContext) {}

  @Public()
  @Post('login')
  login(@Session() session: HttpSession): Promise<void> {
    return session.login({ id: 'ada' });
  }

  @Get('me')
  async me(): Promise<unknown> {
    await new Promise((resolve) => void setImmediate(resolve));
    return this.context.identity;
  }

  @Post('logout')
  logout(): Promise<void> {
    return this.context.session.logout();
  }

  @Public()
  @Post('raw')
  async raw(@Session() session: HttpSession, @Res() reply: FastifyReply): Promise<void> {
    await session.login({ id: 'ada' });
    reply.hijack();
    reply.raw.end('raw');
  }

  @Public()
  @Get('who')
  who(): unknown {
    return { id: this.context.peek()?.identity?.id ?? null };
  }
}

beforeEach(async () => {
  const module = await Test.createTestingModule({
    imports: [
      RedisSessionModule.forRoot({
        session: { secret: TEST_SECRET, header: HEADER },
        store: { kind: 'memory' },
        context: true,
        globalGuard: true,
      }),
    ],
    controllers: [AccountController],
  }).compile();
  app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  const origin = await app.getUrl();
  browser = () => new Browser(origin);
});
afterEach(() => app.close());

const ask = (method: 'GET' | 'POST', path: string, value: string) => browser().send(method, path, undefined, { [HEADER]: value });

test('the header carries the session, SessionContext knows it, and the global guard asks for it', async () => {
  const { headers, setCookies } = await ask('POST', '/login', 'new');
  const value = headers.get(HEADER) ?? '';
  expect([value.slice(0, 4), headers.get('vary'), setCookies]).toEqual(['s%3A', `Cookie, ${HEADER}`, []]);
  expect((await ask('GET', '/me', value)).json).toEqual({ id: 'ada' });
  expect((await ask('GET', '/me', 'new')).status).toBe(401);
  const out = await ask('POST', '/logout', value);
  expect([out.headers.get(HEADER), out.setCookies]).toEqual(['ended', []]);
});

test('a sign-in whose reply is hijacked tells its value on the raw response', async () => {
  const { headers, text, setCookies } = await ask('POST', '/raw', 'new');
  expect([text, setCookies]).toEqual(['raw', []]);
  expect((await ask('GET', '/who', headers.get(HEADER) ?? '')).json).toEqual({ id: 'ada' });
});

test('a request without the header gets a cookie', async () => {
  const { headers, setCookies } = await browser().post('/login');
  expect([headers.get(HEADER), setCookies.length]).toEqual([null, 1]);
});
