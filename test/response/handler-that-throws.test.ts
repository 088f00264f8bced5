import { describe, expect, test } from '@jest/globals';
import { useVariant, variants } from '../support/variants.js';

describe.each(variants)('a handler that throws, $name', (variant) => {
  const harness = useVariant(variant);

  test('has what it assigned before stored, as with express-session: who answers the error is not known', async () => {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/assign-and-fail', ({ session }) => {
      session['step'] = 1;
      throw new Error('half-way');
    });
    expect((await browser.get('/assign-and-fail')).status).toBe(500);
    expect((await browser.get('/read')).json).toEqual({ step: 1 });
  });
});
