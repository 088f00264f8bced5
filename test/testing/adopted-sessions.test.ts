import { afterEach, expect, test } from '@jest/globals';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { SessionGuard, type Adopter } from '../../src/index.js';
import { testSessions } from '../../src/testing.js';
import { createScriptedApp, type ScriptedApp } from '../support/scripted-app.js';

@Controller('me')
@UseGuards(SessionGuard)
class MeController {
  @Get() me() {
    return 'signed in';
  }
}

const apps: ScriptedApp[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

test('a session that was signed out stays so for whoever also brings a credential, as in Redis', async () => {
  const sessions = testSessions();
  const adopt: Adopter = ({ headers }) =>
    headers['x-credential'] === undefined ? undefined : { key: 'one', identity: { id: 'ada' }, authenticatedAt: Date.now() - 60_000 };
  const app = await createScriptedApp({ store: sessions.store, controllers: [MeController], adopt });
  apps.push(app);
  const browser = app.browser();
  await browser.post('/login/ada');
  const cookie = await browser.jar.getCookieString(app.origin);
  await browser.post('/logout');
  expect(await app.browser().get('/me', { cookie, 'x-credential': 'yes' })).toMatchObject({ status: 401 });
  expect(await app.browser().get('/me', { 'x-credential': 'yes' })).toMatchObject({ status: 200 });
});
