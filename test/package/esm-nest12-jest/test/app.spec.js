import { Test } from '@nestjs/testing';
import { MemorySessionStore, SessionStore } from 'nestjs-redis-session';

import { AppModule } from '../dist/app.module.js';

describe('an application in ES modules, under jest', () => {
  let app;
  let url;

  beforeAll(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(SessionStore)
      .useValue(new MemorySessionStore())
      .compile();
    app = module.createNestApplication();
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });

  afterAll(() => app.close());

  it('answers 401 without an identity', async () => {
    expect((await fetch(`${url}/me`)).status).toBe(401);
  });

  it('hands the identity to a handler', async () => {
    const headers = { 'content-type': 'application/json' };
    const login = await fetch(`${url}/login`, { method: 'POST', headers, body: '{"id":"ada"}' });
    const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    expect(await (await fetch(`${url}/me`, { headers: { cookie } })).json()).toEqual({ id: 'ada' });
  });
});
