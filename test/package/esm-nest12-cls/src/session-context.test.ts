import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Controller, Get, Injectable, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClsModule, ClsService } from 'nestjs-cls';
import { type HttpSession, Public, RedisSessionModule, Session, SessionContext } from 'nestjs-redis-session';

const NAMES = ['ada', 'grace', 'edith', 'joan'];

@Injectable()
class WhoService {
  constructor(
    private readonly context: SessionContext,
    private readonly cls: ClsService<{ tenant: string }>,
  ) {}

  ask(): unknown[] {
    return [this.cls.get('tenant'), this.context.identity?.id, this.context.session.handle === this.context.peek()?.handle];
  }
}

@Controller()
class WhoController {
  constructor(private readonly who: WhoService) {}

  @Public()
  @Post('login/:id')
  async login(@Session() session: HttpSession, @Param('id') id: string) {
    await session.login({ id });
  }

  @Get('who')
  async ask() {
    const now = this.who.ask();
    const later = await new Promise((resolve) => setTimeout(() => resolve(this.who.ask()), 5));
    return [now, later];
  }
}

const SESSIONS = RedisSessionModule.forRoot({
  session: { secret: 'a secret of the tests of this application' },
  store: { kind: 'memory' },
  context: true,
  globalGuard: true,
});
const CLS = ClsModule.forRoot({
  global: true,
  middleware: { mount: true, setup: (cls, request: { headers: Record<string, string> }) => cls.set('tenant', request.headers['x-tenant']) },
});

for (const [order, imports] of [
  ['after', [CLS, SESSIONS]],
  ['before', [SESSIONS, CLS]],
] as const)
  test(`SessionContext and nestjs-cls know each request, ${order} it`, async () => {
    @Module({ imports: [...imports], providers: [WhoService], controllers: [WhoController] })
    class AppModule {}

    const app = await NestFactory.create(AppModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    try {
      const url = await app.getUrl();
      const cookies = await Promise.all(NAMES.map((name) => signIn(url, name)));
      const answers = await Promise.all(
        NAMES.map(async (name, index) =>
          (await fetch(`${url}/who`, { headers: { cookie: cookies[index] ?? '', 'x-tenant': `of ${name}` } })).json(),
        ),
      );
      assert.deepEqual(
        answers,
        NAMES.map((name) => [
          [`of ${name}`, name, true],
          [`of ${name}`, name, true],
        ]),
      );
    } finally {
      await app.close();
    }
  });

async function signIn(url: string, name: string): Promise<string> {
  const { headers } = await fetch(`${url}/login/${name}`, { method: 'POST' });
  return headers.getSetCookie()[0]?.split(';', 1)[0] ?? '';
}
