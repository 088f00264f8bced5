import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { Barrier } from '../../test/support/barrier.js';
import { startRedis, type RedisServer } from '../../test/support/start-redis.js';
import { alerts, describeInBrowser, launchChromium, openPage, signIn } from './in-browser.js';
import { inRedis, startSample, type RunningSample } from './start-sample.js';

describeInBrowser('the page in a browser', () => {
  let redis: RedisServer;
  let sample: RunningSample;
  let chrome: Browser;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    sample = await startSample(inRedis(redis, 2_000));
    chrome = await launchChromium();
  });

  afterAll(async () => {
    await chrome?.close();
    await redis?.stop();
  });

  test('a visitor fills a cart, signs in, sees both, and signs out', async () => {
    await open();
    await page.getByText(`Sessions live in Redis at redis://127.0.0.1:${redis.port}`).waitFor();
    await addToCart('<b>tea</b>', 2);
    await page.getByRole('cell', { name: '<b>tea</b>' }).waitFor();

    await signIn(page, 'ada', 'wrong');
    await alert('Wrong user name or password.');

    await signIn(page, 'ada', 'lovelace');
    await page.getByText('Signed in as ada').waitFor();
    expect(await page.getByRole('list', { name: 'Roles' }).getByRole('listitem').allTextContents()).toEqual(['user', 'admin']);
    expect(await alerts(page)).toEqual([]);
    await upToDate();
    await addToCart('cup', 1);
    await page.getByRole('cell', { name: 'cup' }).waitFor();
    await upToDate();
    expect(await cells()).toEqual(['<b>tea</b>', '2', 'cup', '1']);

    const key = /HGETALL (\S+)/.exec(await page.getByRole('region', { name: 'Your session in Redis' }).innerText())?.[1];
    expect(await redis.client().hgetall(key!)).toMatchObject({
      identity: expect.stringContaining('"ada"'),
      cart: expect.stringContaining('"cup"'),
    });

    await page.reload();
    await page.getByText('Signed in as ada').waitFor();
    await page.getByRole('cell', { name: 'cup' }).waitFor();

    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('User name').waitFor();
    await page.getByText('Nothing in it yet.').waitFor();
    expect(await redis.client().exists(key!)).toBe(0);
    expect(problems).toEqual([]);
  });

  test('what goes wrong is said in words, and passes', async () => {
    await open();
    await addToCart('tea', 1);
    await page.getByRole('cell', { name: 'tea' }).waitFor();
    redis.pause();
    try {
      await addToCart('cup', 1);
      await alert('The session store cannot be reached. Try again in a moment.');
    } finally {
      redis.resume();
    }
    await addToCart('cup', 1);
    await page.getByRole('cell', { name: 'cup' }).waitFor();
    expect(await alerts(page)).toEqual([]);
  });

  test('what is typed while the page is still brought up to date stays, and so does the focus', async () => {
    await open();
    const barrier = new Barrier(1);
    await page.route('**/page/session', async (route) => {
      await barrier.pass();
      await route.continue();
    });
    await addToCart('tea', 1);
    await page.getByRole('cell', { name: 'tea' }).waitFor();
    await page.getByLabel('Item').fill('cup');
    await page.getByLabel('Quantity').fill('3');
    barrier.open();
    await page.getByRole('button', { name: 'Add to cart', disabled: false }).waitFor();
    await page.getByRole('region', { name: 'Your session in Redis' }).waitFor();
    expect(await page.getByLabel('Item').inputValue()).toBe('cup');
    expect(await page.getByLabel('Quantity').inputValue()).toBe('3');
    expect(await page.locator('#quantity:focus').count()).toBe(1);
  });

  test('nothing sticks out of the screen of a phone', async () => {
    await open({ width: 390, height: 844 });
    await addToCart('x'.repeat(64), 999);
    await page.getByRole('region', { name: 'Your session in Redis' }).waitFor();
    expect(await page.locator('html').evaluate((html) => html.scrollWidth)).toBe(390);
  });

  async function open(viewport = { width: 1200, height: 800 }): Promise<void> {
    page = await openPage(chrome, sample.origin, { problems, viewport });
  }

  async function addToCart(item: string, quantity: number): Promise<void> {
    await page.getByLabel('Item').fill(item);
    await page.getByLabel('Quantity').fill(String(quantity));
    await page.getByRole('button', { name: 'Add to cart' }).click();
  }

  /** Once all that the page asks for after a press is shown: only then its button can be pressed again. */
  const upToDate = (): Promise<void> => page.locator('main:not(:has(form button:disabled))').waitFor();
  const alert = (text: string): Promise<void> => page.getByRole('alert').filter({ hasText: text }).waitFor();
  const cells = (): Promise<string[]> => page.getByRole('table').getByRole('cell').allTextContents();
});
