import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chromium, type Browser, type Page } from 'playwright-core';
import { startRedis, type RedisServer } from '../../test/support/start-redis.js';
import { findChromium } from './find-chromium.js';
import { startSample, type RunningSample } from './start-sample.js';

const executablePath = findChromium();
const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

if (executablePath === undefined)
  process.stderr.write('SKIPPED: the tests of the page in a browser. There is no Chromium on the PATH; set CHROMIUM_PATH.\n');

(executablePath === undefined ? describe.skip : describe)('the page in a browser', () => {
  let redis: RedisServer;
  let sample: RunningSample;
  let chrome: Browser;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    sample = await startSample({ REDIS_URL: redis.url });
    chrome = await chromium.launch({ executablePath: executablePath!, headless: true, args: FLAGS.split(' ') });
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

    await signIn('ada', 'wrong');
    await alert('Wrong user name or password.');

    await signIn('ada', 'lovelace');
    await page.getByText('Signed in as ada').waitFor();
    expect(await page.getByRole('list', { name: 'Roles' }).getByRole('listitem').allTextContents()).toEqual(['user', 'admin']);
    expect(await page.getByRole('alert').allTextContents()).toEqual(['', '']);
    await addToCart('cup', 1);
    await page.getByRole('cell', { name: 'cup' }).waitFor();
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
    expect(await page.getByRole('alert').allTextContents()).toEqual(['', '']);
  });

  test('nothing sticks out of the screen of a phone', async () => {
    await open({ width: 390, height: 844 });
    await addToCart('x'.repeat(64), 999);
    await page.getByRole('region', { name: 'Your session in Redis' }).waitFor();
    expect(await page.locator('html').evaluate((html) => html.scrollWidth)).toBe(390);
  });

  async function open(viewport = { width: 1200, height: 800 }): Promise<void> {
    const context = await chrome.newContext({ viewport });
    context.setDefaultTimeout(20_000);
    page = await context.newPage();
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      // Chromium itself reports each 401, which is no problem here.
      if (message.type() === 'error' && !message.text().includes('401')) problems.push(message.text());
    });
    await page.goto(sample.origin);
  }

  async function signIn(name: string, password: string): Promise<void> {
    await page.getByLabel('User name').fill(name);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  async function addToCart(item: string, quantity: number): Promise<void> {
    await page.getByLabel('Item').fill(item);
    await page.getByLabel('Quantity').fill(String(quantity));
    await page.getByRole('button', { name: 'Add to cart' }).click();
  }

  const alert = (text: string): Promise<void> => page.getByRole('alert').filter({ hasText: text }).waitFor();
  const cells = (): Promise<string[]> => page.getByRole('table').getByRole('cell').allTextContents();
});
