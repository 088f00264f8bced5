import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Locator, Page } from 'playwright-core';
import { startRedis, type RedisServer } from '../../test/support/start-redis.js';
import { until } from '../../test/support/until.js';
import { alerts, describeInBrowser, launchChromium, openPage, openTab, signIn } from './in-browser.js';
import { keyOf, LEFT, nearlyOver, nearlyTooOld, over } from './nearly-over.js';
import { signedInLongAgo } from './signed-in-long-ago.js';
import { inRedis, startSample, type RunningSample } from './start-sample.js';

const BETWEEN_LOOKS = 15_000;

describeInBrowser('the page of somebody who does nothing', () => {
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

  test('warns in every tab two minutes before the end, and lets them stay by one press', async () => {
    const { page, handle } = await signedIn();
    const other = await anotherTab(page);
    await looks(page);
    expect(await warning(page).isVisible()).toBe(false);

    await nearlyOver(redis.client(), handle);
    await looks(page);
    await Promise.all([warning(page).waitFor(), warning(other).waitFor()]);
    await page.locator('#stay:focus').waitFor();
    // A further look changes nothing.
    await looks(page);
    expect(await warning(page).isVisible()).toBe(true);
    expect(await left(handle)).toBeLessThanOrEqual(LEFT);

    await page.keyboard.press('Enter');
    await warning(page).waitFor({ state: 'hidden' });
    await until(async () => (await left(handle)) > LEFT, 'the idle timeout starts anew');
    await looks(page);
    await warning(other).waitFor({ state: 'hidden' });
    expect([await page.locator('#notice').textContent(), await alerts(page)]).toEqual(['', []]);
  });

  test('says in every tab that the session has ended, once it has', async () => {
    const { page, handle } = await signedIn();
    const other = await anotherTab(page);
    await nearlyOver(redis.client(), handle);
    await looks(page);
    await Promise.all([warning(page).waitFor(), warning(other).waitFor()]);
    await over(redis.client(), handle);
    await looks(page);
    for (const tab of [page, other]) {
      await status(tab, 'Your session has ended.');
      await tab.locator('#username:focus').waitFor();
      expect(await warning(tab).isVisible()).toBe(false);
    }
    await signIn(page, 'grace', 'hopper');
    await page.getByText('Signed in as grace').waitFor();
  });

  test('says so too when they press too late', async () => {
    const { page, handle } = await warned();
    await over(redis.client(), handle);
    await page.getByRole('button', { name: 'Stay signed in' }).click();
    await status(page, 'Your session has ended.');
    await warning(page).waitFor({ state: 'hidden' });
  });

  test('says without a click that another browser has ended the session, and closes what was open', async () => {
    const { page, handle } = await signedIn();
    await signedInLongAgo(redis.client(), handle);
    await page.getByText('Change password').first().click();
    await page.getByLabel('Current password').fill('hopper');
    await page.getByLabel('New password').fill('nanoseconds');
    await page.getByRole('button', { name: 'Change password' }).click();
    await page.getByRole('dialog', { name: 'Is it still you?' }).waitFor();
    await nearlyOver(redis.client(), handle);
    await looks(page);
    await warning(page).waitFor();

    const elsewhere = sample.browser();
    await elsewhere.post('/auth/login', { username: 'grace', password: 'hopper' });
    await elsewhere.post('/sessions/revoke-others');
    await looks(page);
    await status(page, 'This session was ended from another device.');
    await page.locator('#username:focus').waitFor();
    expect([await page.locator('dialog[open]').count(), await alerts(page)]).toEqual([0, []]);
  });

  test('warns once: who closes the warning does not see it again', async () => {
    const { page } = await warned();
    await page.keyboard.press('Escape');
    await warning(page).waitFor({ state: 'hidden' });
    await looks(page);
    await looks(page);
    expect(await warning(page).isVisible()).toBe(false);
  });

  test('says that the session ends all the same where it has lived for as long as it may', async () => {
    const { page, handle } = await signedIn();
    await nearlyTooOld(redis.client(), handle);
    await looks(page);
    await page.getByRole('button', { name: 'Stay signed in' }).click();
    await warning(page).waitFor({ state: 'hidden' });
    await looks(page);
    await status(page, 'Your session ends soon all the same');
    expect(await warning(page).isVisible()).toBe(false);
  });

  test('takes an outage for no end, and says when staying did not work', async () => {
    const { page } = await warned();
    const outage = { status: 503, json: { statusCode: 503 } };
    await page.route('**/account/*', (route) => route.fulfill(outage));
    await looks(page);
    await page.getByRole('button', { name: 'Stay signed in' }).click();
    await page.getByRole('alert').filter({ hasText: 'The session store cannot be reached.' }).waitFor();
    expect(await warning(page).isVisible()).toBe(true);
    await page.unroute('**/account/*');
    await page.getByRole('button', { name: 'Stay signed in' }).click();
    await warning(page).waitFor({ state: 'hidden' });
  });

  test('looks at once when its tab comes to the front', async () => {
    const { page, handle } = await signedIn();
    await nearlyOver(redis.client(), handle);
    await page.evaluate('document.dispatchEvent(new Event("visibilitychange"))');
    await warning(page).waitFor();
  });

  async function signedIn(): Promise<{ page: Page; handle: string }> {
    const page = await openPage(chrome, sample.origin, { problems, hasSockets: false });
    await signIn(page, 'grace', 'hopper');
    await quiet(page);
    const command = await page.getByRole('region', { name: 'Your session in Redis' }).innerText();
    return { page, handle: /sess:(\S+)/.exec(command)?.[1] ?? '' };
  }

  async function anotherTab(page: Page): Promise<Page> {
    const tab = await openTab(page.context(), sample.origin, problems);
    await quiet(tab);
    return tab;
  }

  /** Until a page shows all that it asks for: a request of its own still under way would keep alive the session that a test lets grow old. */
  async function quiet(page: Page): Promise<void> {
    const places = ['Your session in Redis', 'This device', 'Nothing in it yet.', 'Signed in as grace'];
    await Promise.all(places.map((text) => page.getByText(text).waitFor()));
    await page.locator('main:not(:has(form button:disabled))').waitFor();
    // Twice: after it, on the same connection, whatever of these requests nobody waits for has run.
    for (let n = 0; n < 2; n++) await looks(page);
  }

  async function warned(): Promise<{ page: Page; handle: string }> {
    const { page, handle } = await signedIn();
    await nearlyOver(redis.client(), handle);
    await looks(page);
    await warning(page).waitFor();
    return { page, handle };
  }

  /** Lets the time between two looks pass in all tabs, until this one has its answer. */
  async function looks(page: Page): Promise<void> {
    const answered = page.waitForResponse('**/account/expiry');
    await page.clock.fastForward(BETWEEN_LOOKS);
    await (await answered).finished();
  }

  const warning = (page: Page): Locator => page.getByRole('alertdialog', { name: 'You will be signed out in two minutes' });
  const status = (page: Page, text: string): Promise<void> => page.getByRole('status').filter({ hasText: text }).waitFor();
  const left = (handle: string): Promise<number> => redis.client().pttl(keyOf(handle));
});
