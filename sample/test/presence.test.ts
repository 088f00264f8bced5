import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startRedis, type RedisServer } from '../../test/support/start-redis.js';
import { until } from '../../test/support/until.js';
import { alerts, describeInBrowser, launchChromium, openPage, openTab, signIn } from './in-browser.js';
import { signedInLongAgo } from './signed-in-long-ago.js';
import { inRedis, startSample, type RunningSample } from './start-sample.js';

const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0';
/** In ms. More than the page waits for the cookie of a new secret. */
const A_WHILE = 2_000;

describeInBrowser('the page, live', () => {
  let redis: RedisServer;
  let sample: RunningSample;
  let chrome: Browser;
  const problems: string[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    sample = await startSample(inRedis(redis));
    chrome = await launchChromium();
  });

  afterEach(async () => {
    for (const context of chrome.contexts()) await context.close();
    await redis.client().flushall();
    expect(problems).toEqual([]);
  });

  afterAll(async () => {
    await chrome?.close();
    await redis?.stop();
  });

  test('shows who is there as they come and go', async () => {
    const grace = await signedIn('grace', 'hopper');
    await here(grace, 'grace');
    const [ada, again] = [await signedIn('ada', 'lovelace'), await signedIn('grace', 'hopper')];
    for (const page of [grace, ada, again]) await here(page, 'ada, grace');
    await again.close();
    await ada.getByRole('button', { name: 'Sign out' }).click();
    await here(grace, 'grace');
    await ada.getByLabel('User name').waitFor();
    // Its own end is no news to it.
    expect(await ada.locator('#notice').textContent()).toBe('');
  });

  test('says why its session was ended from another browser, without a click', async () => {
    const there = await signedIn('grace', 'hopper', FIREFOX);
    const other = await openTab(there.context(), sample.origin, problems);
    const elsewhere = await signedIn('grace', 'hopper');
    for (const page of [there, other, elsewhere]) await here(page, 'grace');
    await elsewhere.getByRole('button', { name: 'End session: Firefox on Windows' }).click();
    for (const tab of [there, other]) {
      await status(tab, 'This session was ended from another device.');
      await tab.locator('#username:focus').waitFor();
      expect(await alerts(tab)).toEqual([]);
    }
    await here(elsewhere, 'grace');
    await signIn(there, 'grace', 'hopper');
    await here(there, 'grace');
    expect(await there.getByText('This session was ended').count()).toBe(0);
  });

  test('says so too of an administrator, of a changed password, and of a sign-out in another tab', async () => {
    const user = await signedIn('grace', 'hopper');
    const admin = await signedIn('ada', 'lovelace');
    await here(user, 'ada, grace');
    await admin.getByRole('button', { name: 'End all sessions of this user' }).click();
    await status(user, 'An administrator ended this session.');

    const another = await signedIn('ada', 'lovelace');
    await here(another, 'ada');
    await admin.getByText('Change password').first().click();
    await admin.getByLabel('Current password').fill('lovelace');
    await admin.getByLabel('New password').fill('engines-and-notes');
    await admin.getByRole('button', { name: 'Change password' }).click();
    await status(another, 'Your password was changed on another device');

    await status(admin, 'Your password is changed');
    const tab = await openTab(admin.context(), sample.origin, problems);
    await here(tab, 'ada');
    await admin.getByRole('button', { name: 'Sign out' }).click();
    await status(tab, 'Your session has ended.');
  });

  test('goes on in every tab after its user has confirmed who they are', async () => {
    const there = await signedIn('grace', 'hopper', FIREFOX);
    const page = await signedIn('grace', 'hopper');
    const tab = await openTab(page.context(), sample.origin, problems);
    for (const one of [page, tab, there]) await here(one, 'grace');
    await signedInLongAgo(redis.client(), await handleOf(page));
    await page.getByRole('button', { name: 'End session: Firefox on Windows' }).click();
    await page.getByRole('dialog', { name: 'Is it still you?' }).getByLabel('Your password').fill('hopper');
    await page.keyboard.press('Enter');
    await status(page, 'Ended: Firefox on Windows.');
    await here(tab, '');
    const names = () => Promise.all([page, tab].map((one) => one.locator('#here').textContent()));
    await until(async () => {
      await page.clock.fastForward(A_WHILE);
      return (await names()).every((text) => text === 'grace');
    }, 'both have a socket again');
    expect(await tab.locator('#notice').textContent()).toBe('');
  });

  async function signedIn(name: string, password: string, userAgent = ''): Promise<Page> {
    const page = await openPage(chrome, sample.origin, { problems, userAgent });
    await signIn(page, name, password);
    await page.getByText(`Signed in as ${name}`).waitFor();
    return page;
  }

  async function handleOf(page: Page): Promise<string> {
    const command = await page.getByRole('region', { name: 'Your session in Redis' }).innerText();
    return /sess:(\S+)/.exec(command)?.[1] ?? '';
  }

  const here = (page: Page, names: string): Promise<void> =>
    page
      .locator('#here')
      .filter({ hasText: new RegExp(`^${names}$`) })
      .waitFor({ state: 'attached' });
  const status = (page: Page, text: string): Promise<void> => page.getByRole('status').filter({ hasText: text }).waitFor();
});
