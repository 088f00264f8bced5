import { describe, expect, test } from '@jest/globals';
import type { Response } from 'express';
import { peekSession, sessionOf } from '../../src/express.js';
import type { HandlerContext } from '../support/scripted-app.js';
import { expressVariants, useVariant, variants } from '../support/variants.js';

describe.each(variants)('Vary: Cookie, $name', (variant) => {
  const harness = useVariant(variant);

  const reads: [string, (context: HandlerContext) => unknown][] = [
    ['req.session', ({ request }) => request.session?.['cart']],
    ['sessionOf()', ({ request }) => sessionOf(request as never).identity],
    ['peekSession()', ({ request }) => peekSession(request as never)?.identity],
    ['req.sessionID', ({ request }) => String(request.sessionID !== '')],
    ['a change', ({ request }) => void (request.session!['cart'] = 1)],
    ['req.session = null', ({ request }) => void (request.session = null)],
  ];
  test.each(reads)('is on the answer of whoever asked for the session: %s', async (_what, read) => {
    const app = await harness.open();
    app.on('/read', (context) => void (read(context), context.response.set('Cache-Control', 'public, max-age=60')));
    const browser = app.browser();
    for (let visit = 0; visit < 2; visit++) {
      const { headers, setCookies } = await browser.get('/read');
      expect(headers.get('vary')).toBe('Cookie');
      // What goes with a cookie is for nobody else.
      if (setCookies.length === 0) expect(headers.get('cache-control')).toBe('public, max-age=60');
      await browser.post('/login/ada');
    }
  });

  test('is not on the answer of a request that leaves the session alone, with a cookie or without', async () => {
    const app = await harness.open();
    const browser = app.browser();
    expect((await browser.get('/plain')).headers.get('vary')).toBeNull();
    await browser.post('/login/ada');
    expect((await browser.get('/plain')).headers.get('vary')).toBeNull();
  });
});

describe.each(expressVariants)('Vary: Cookie beside what Express and Node say, $name', (variant) => {
  const harness = useVariant(variant);

  test.each<[string, (response: Response) => unknown, string]>([
    ['nothing', () => undefined, 'Cookie'],
    ['another', (response) => response.setHeader('Vary', 'Accept'), 'Accept, Cookie'],
    ['several', (response) => response.setHeader('Vary', ['Accept', 'Origin']), 'Accept, Origin, Cookie'],
    ['it already', (response) => response.setHeader('Vary', 'Accept, cookie'), 'Accept, cookie'],
    ['everything', (response) => response.setHeader('Vary', '*'), '*'],
    ['one that only looks like it', (response) => response.setHeader('Vary', 'X-Cookie'), 'X-Cookie, Cookie'],
    ['another in writeHead', (response) => response.writeHead(200, { vary: 'Accept' }).end(), 'Accept, Cookie'],
    [
      'another before streaming',
      (response) => (response.setHeader('Vary', 'Accept'), response.write('a'), response.end()),
      'Accept, Cookie',
    ],
  ])('is added to what the application says: %s', async (_what, vary, expected) => {
    const app = await harness.open();
    app.on('/read', async ({ session, response }) => {
      void session['cart'];
      await vary(response);
      if (!response.writableEnded) response.end();
      return undefined;
    });
    const { headers } = await app.browser().get('/read');
    expect(headers.get('vary')).toBe(expected);
  });

  test('is on a redirect and on an error', async () => {
    const app = await harness.open();
    app.on('/redirect', ({ session, response }) => void (session.identity ?? response.redirect('/login')));
    app.on('/error', ({ session }) => {
      throw new Error(String(session['cart']));
    });
    expect((await app.browser().get('/redirect')).headers.get('vary')).toMatch(/^(Accept, )?Cookie$/);
    expect((await app.browser().get('/error')).headers.get('vary')).toBe('Cookie');
  });
});
