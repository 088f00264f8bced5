import { afterEach, describe, expect, test } from '@jest/globals';
import { Controller, Get, Post } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Public, RedisSessionModule, Session, SessionGuard, type HttpSession } from '../../src/index.js';
import { createApp, TEST_SECRET, type TestApp, type TestAppOptions } from '../support/create-app.js';
import { useVariant, variants } from '../support/variants.js';

@Controller('pages')
class PagesController {
  @Get('closed') closed(): string {
    return 'closed';
  }
  @Public() @Get('open') open(): string {
    return 'open';
  }
  @Public() @Post('sign-in') async signIn(@Session() session: HttpSession): Promise<void> {
    await session.login({ id: 7 });
  }
}

const controllers = [PagesController];

describe.each(variants)('globalGuard, $name', (variant) => {
  const harness = useVariant(variant);

  test('lets nobody into a handler without a guard of its own who is not signed in', async () => {
    const browser = (await harness.open({ controllers, globalGuard: true })).browser();
    const refused = await browser.get('/pages/closed');
    expect([refused.status, refused.json]).toEqual([401, expect.objectContaining({ code: 'SESSION_REQUIRED' })]);
  });

  test('opens what is public', async () => {
    const browser = (await harness.open({ controllers, globalGuard: true })).browser();
    expect((await browser.get('/pages/open')).text).toBe('open');
  });

  test('lets in who is signed in', async () => {
    const browser = (await harness.open({ controllers, globalGuard: true })).browser();
    await browser.post('/pages/sign-in');
    expect((await browser.get('/pages/closed')).text).toBe('closed');
  });

  test.each([undefined, false])('%p guards nothing', async (globalGuard) => {
    const browser = (await harness.open({ controllers, globalGuard })).browser();
    expect((await browser.get('/pages/closed')).text).toBe('closed');
  });
});

describe('globalGuard', () => {
  const session = { secret: TEST_SECRET };
  let running: TestApp | undefined;

  afterEach(async () => {
    await running?.close();
    running = undefined;
  });

  async function start(options: TestAppOptions): Promise<TestApp> {
    running = await createApp({ store: { kind: 'memory' }, controllers, ...options });
    return running;
  }

  test('stands beside the factory of forRootAsync', async () => {
    const asynchronous = RedisSessionModule.forRootAsync({
      useFactory: () => ({ session: { ...session, name: 'other' }, store: { kind: 'memory' } }),
      globalGuard: true,
    });
    const { browser } = await start({ forRoutes: [], imports: [asynchronous] });
    expect((await browser().get('/pages/closed')).status).toBe(401);
  });

  test('a test can put another guard in its place', async () => {
    const module = await Test.createTestingModule({
      imports: [RedisSessionModule.forRoot({ session, store: { kind: 'memory' }, globalGuard: true })],
      controllers,
    })
      .overrideProvider(SessionGuard)
      .useValue({ canActivate: () => true })
      .compile();
    const app = module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    try {
      const origin = (await app.getUrl()).replace('[::1]', '127.0.0.1');
      expect((await fetch(`${origin}/pages/closed`)).status).toBe(200);
    } finally {
      await app.close();
    }
  });

  test.each([true, false])(
    'stops the start beside another module with other sessions, which it would refuse, its own: %p',
    async (isOwn) => {
      const other = RedisSessionModule.forRoot({
        session: { ...session, name: 'other' },
        store: { kind: 'memory' },
        forRoutes: ['other'],
        ...(isOwn ? { globalGuard: true } : {}),
      });
      await expect(start({ exclude: ['other'], ...(isOwn ? {} : { globalGuard: true }), imports: [other] })).rejects.toThrow(
        '"globalGuard" must not be true in an application with several RedisSessionModules',
      );
    },
  );
});
