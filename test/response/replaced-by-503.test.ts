import { describe, expect, test } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../src/index.js';
import { useBlockableApps } from '../support/blockable-app.js';
import type { Answerer } from '../support/plain-app.js';
import { headerOf } from '../support/raw-client.js';

const OUTAGE = new SessionStoreUnavailableError('timeout');
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const change: Answerer = ({ session }, response) => ((session['visits'] = 1), response.end('done'));
const unsent: Answerer = (request, response) => ((response.statusCode = 1_000), change(request, response));
const page = (title: string, text: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title}</title>
</head>
<body>
<h1>${title}</h1>
<p>${text}</p>
</body>
</html>
`;

describe('the answer in the place of one whose session cannot be stored', () => {
  const open = useBlockableApps();

  test('is a page for a browser, with nothing of the request in it', async () => {
    const app = await open(change, { before: (_, response, next) => (response.setHeader('Vary', 'Origin'), next()) });
    app.store.failure = OUTAGE;
    const answer = await app.answer('GET', { accept: BROWSER, 'x-evil': '<script>' });
    expect(answer).toMatchObject({ status: 503, body: page('Service Unavailable', 'The session store is unavailable. Try again.') });
    expect(headerOf(answer, 'content-type')).toEqual(['text/html; charset=utf-8']);
    expect(headerOf(answer, 'retry-after')).toEqual(['1']);
    expect(headerOf(answer, 'vary')).toEqual(['Origin, Accept']);
  });

  test.each([undefined, '*/*', 'application/json, text/plain, */*', 'image/png'])(
    'is JSON for a client that accepts %s',
    async (accept) => {
      const app = await open(change);
      app.store.failure = OUTAGE;
      const answer = await app.answer('GET', accept === undefined ? {} : { accept });
      expect(JSON.parse(answer.body)).toEqual({
        statusCode: 503,
        error: 'Service Unavailable',
        message: 'The session store is unavailable. Try again.',
        code: 'SESSION_STORE_UNAVAILABLE',
      });
      expect(headerOf(answer, 'content-type')).toEqual(['application/json; charset=utf-8']);
      expect(headerOf(answer, 'vary')).toEqual(['Accept']);
    },
  );

  test('is a page too when the fault is the application’s', async () => {
    const app = await open(({ session }, response) => ((session['bad'] = 1n), response.end()));
    expect(await app.answer('GET', { accept: BROWSER })).toMatchObject({
      status: 500,
      body: page('Internal Server Error', 'The session could not be stored.'),
    });
  });

  test('is a page too where Node refuses to send what was to be sent', async () => {
    const app = await open(unsent);
    expect(await app.answer('GET', { accept: BROWSER })).toMatchObject({
      status: 500,
      body: page('Internal Server Error', 'Internal server error'),
    });
  });

  test('has no body for HEAD', async () => {
    const app = await open(change);
    app.store.failure = OUTAGE;
    expect(await app.answer('HEAD', { accept: BROWSER })).toMatchObject({ status: 503, body: '' });
  });
});
