import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RawClient } from '../support/raw-client.js';
import { createScriptedApp, type ScriptedApp } from '../support/scripted-app.js';

describe.each(['builtin', 'express-session'] as const)('a cookie with the path /admin, %s', (middleware) => {
  let app: ScriptedApp;
  let cookie: string;
  beforeAll(async () => {
    app = await createScriptedApp({ session: { middleware, cookie: { path: '/admin' } }, store: { kind: 'memory' } });
    for (const path of ['/admin', '/admin/in', '/administrator', '/', '/other'])
      app.on(path, ({ request }) => ((request as { session?: object }).session === undefined ? 'none' : 'session'));
    app.on('/admin/in', async ({ session }) => session.login({ id: 'ada' }));
    app.on('/admin/who', ({ request }) => (request as { session?: { identity?: { id: string } } }).session?.identity?.id ?? 'nobody');
    const answer = await app.browser().get('/admin/in');
    cookie = answer.setCookies[0]?.split(';', 1)[0] ?? '';
  });
  afterAll(() => app.close());

  const ask = async (target: string) => {
    const client = await RawClient.connect(app.origin);
    client.request('GET', target, { host: 'shop.example', cookie });
    const { status, body } = await client.answer();
    return status === 200 ? body : status;
  };

  test.each([
    '/admin/who',
    '/admin/who?x',
    '/admin/who#x',
    '/admin/who?#/x',
    'http://shop.example/admin/who',
    'http://shop.example:8080/admin/who?x',
    'HTTP://SHOP.EXAMPLE/admin/who',
    'https://shop.example/admin/who#x',
    'http://u:p@shop.example/admin/who',
  ])('is that of %s', async (target) => {
    expect(await ask(target)).toBe('ada');
  });

  test.each([
    ['/admin', 'session'],
    ['/admin#x', 'session'],
    ['/admin?x', 'session'],
    ['http://shop.example/admin', 'session'],
    ['http://shop.example/admin#/other', 'session'],
    ['/administrator', 'none'],
    ['/other', 'none'],
    ['/other?/admin', 'none'],
    ['/other#/admin', 'none'],
    ['http://shop.example/other', 'none'],
    ['http://shop.example/administrator', 'none'],
    ['http://shop.example/other?http://shop.example/admin', 'none'],
    ['http://shop.example', 'none'],
    ['http://shop.example?/admin', 'none'],
    ['//admin', 404],
  ])('gives %s: %s', async (target, expected) => {
    expect(await ask(target)).toBe(expected);
  });
});
