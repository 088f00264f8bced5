import { Test } from '@nestjs/testing';
import { SessionStore } from 'nestjs-redis-session';
import { sessionBehind, signIn, testSessions } from 'nestjs-redis-session/testing';

import { AppModule } from '../dist/app.module.js';

describe('the account', () => {
  const sessions = testSessions();
  let app;
  let url;

  beforeAll(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(SessionStore)
      .useFactory(sessions)
      .compile();
    app = module.createNestApplication();
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });

  afterAll(() => app.close());

  it('is closed after half an hour without a request', async () => {
    const ada = await signIn(app, { id: 'ada' }, { entries: { cart: ['apple'] } });
    expect((await sessionBehind(app, ada)).entries).toEqual({ cart: ['apple'] });
    expect(await (await fetch(`${url}/me`, { headers: ada.asHeader })).json()).toEqual({ id: 'ada', cart: ['apple'] });
    await sessions.advance('31m');
    expect((await fetch(`${url}/me`, { headers: ada.asHeader })).status).toBe(401);
  });
});
