import { expect, test } from '@jest/globals';
import { renderErrorResponse } from '../../src/http/response/error-response.js';

test('the page of an answer shows its message as text', () => {
  const { body } = renderErrorResponse({ statusCode: 409, message: `<b>"Tom" & 'Jerry'</b>`, code: undefined, headers: {} }, 'text/html');
  expect(body).toContain('<p>&lt;b&gt;&quot;Tom&quot; &amp; &#39;Jerry&#39;&lt;/b&gt;</p>');
});
