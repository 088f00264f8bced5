import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startRedis, type RedisServer } from '../../test/support/start-redis.js';
import { alerts, describeInBrowser, launchChromium, openPage, signIn } from './in-browser.js';
import { signedInLongAgo } from './signed-in-long-ago.js';
import { inRedis, startSample, type RunningSample } from './start-sample.js';

const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0';
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1';
const PHONE = { width: 390, height: 844 };

describeInBrowser('two browsers of a user, without sockets', () => {
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

  test('one ends the other, which sees why on its next click', async () => {
    const there = await signedIn('grace', 'hopper', { userAgent: FIREFOX });
    const here = await signedIn('grace', 'hopper', { userAgent: IPHONE, viewport: PHONE });
    expect(await devices(here)).toEqual([
      expect.stringMatching(/^Safari on iPhone This deviceLast seen just now · signed in just now · 127\.0\.0\.1$/),
      expect.stringMatching(/^Firefox on WindowsLast seen just now · .*End session$/),
    ]);
    expect(await here.locator('html').evaluate((html) => html.scrollWidth)).toBe(PHONE.width);

    await here.getByRole('button', { name: 'End session: Firefox on Windows' }).click();
    await status(here, 'Ended: Firefox on Windows.');
    await focus(here, 'devices-title');
    expect(await devices(here)).toHaveLength(1);
    expect(await here.getByRole('button', { name: 'End all other sessions' }).isVisible()).toBe(false);

    await there.getByLabel('Item').fill('tea');
    await there.getByRole('button', { name: 'Add to cart' }).click();
    await status(there, 'This session was ended from another device.');
    await there.getByText('Nothing in it yet.').waitFor();
    await focus(there, 'username');
    expect(await alerts(there)).toEqual([]);

    await signIn(there, 'grace', 'hopper');
    await there.getByText('Signed in as grace').waitFor();
    expect(await there.getByText('This session was ended').count()).toBe(0);
  });

  test('one ends all others, which see why when they come back', async () => {
    const [one, two] = await Promise.all([signedIn('grace', 'hopper'), signedIn('grace', 'hopper')]);
    const here = await signedIn('grace', 'hopper');
    await here.getByRole('button', { name: 'End all other sessions' }).click();
    await status(here, '2 other sessions ended.');
    await one.getByRole('button', { name: 'Sign out' }).click();
    await status(one, 'This session was ended from another device.');
    await two.reload();
    await status(two, 'This session was ended from another device.');
    await two.reload();
    await two.getByLabel('User name').waitFor();
    expect(await two.getByText('This session was ended').count()).toBe(0);
  });

  test.each([
    ['End session: Firefox on Windows', 'Ended: Firefox on Windows.'],
    ['End all other sessions', '1 other session ended.'],
  ])('"%s" asks for the password where the sign-in is long ago', async (button, said) => {
    const there = await signedIn('grace', 'hopper', { userAgent: FIREFOX });
    const here = await signedIn('grace', 'hopper');
    await signedInLongAgo(redis.client(), await handleOf(here));
    await here.getByRole('button', { name: button }).click();
    await here.getByRole('dialog', { name: 'Is it still you?' }).getByLabel('Your password').fill('hopper');
    await here.keyboard.press('Enter');
    await status(here, said);
    await there.reload();
    await status(there, 'This session was ended from another device.');
  });

  test('a session that ended without anybody saying so is said to have ended', async () => {
    const here = await signedIn('grace', 'hopper');
    await redis.client().flushall();
    await here.getByRole('button', { name: 'Add to cart' }).focus();
    await here.getByLabel('Item').fill('tea');
    await here.keyboard.press('Enter');
    await status(here, 'Your session has ended.');
    await focus(here, 'username');
  });

  test('an admin ends the sessions of another user, who is told that it was an admin', async () => {
    const user = await signedIn('grace', 'hopper', { userAgent: FIREFOX });
    const admin = await signedIn('ada', 'lovelace');
    expect(await user.getByRole('heading', { name: 'Where others are signed in' }).count()).toBe(0);
    const section = admin.getByRole('region', { name: 'Where others are signed in' });
    await section.getByText('Firefox on Windows').waitFor();
    expect(await section.getByRole('option').allTextContents()).toEqual(['grace']);
    await section.getByRole('button', { name: 'End all sessions of this user' }).click();
    await status(admin, '1 session ended.');
    await section.getByText('Not signed in anywhere.').waitFor();
    await user.getByRole('button', { name: 'Sign out' }).click();
    await status(user, 'An administrator ended this session.');
  });

  test('a password is changed after the user has confirmed it, and the other is told', async () => {
    const [there, here] = await Promise.all([signedIn('grace', 'hopper'), signedIn('grace', 'hopper')]);
    await signedInLongAgo(redis.client(), await handleOf(here));
    await here.getByText('Change password').first().click();
    await here.getByLabel('Current password').fill('hopper');
    await here.getByLabel('New password').fill('nanoseconds');
    const change = here.getByRole('button', { name: 'Change password' });
    await change.click();

    const dialog = here.getByRole('dialog', { name: 'Is it still you?' });
    await dialog.waitFor();
    await focus(here, 'confirm-password');
    await here.keyboard.press('Escape');
    await alert(here, 'Nothing was changed.');

    await change.click();
    await dialog.getByLabel('Your password').fill('wrong');
    await here.keyboard.press('Enter');
    await alert(here, 'That is not your password.');
    await dialog.getByLabel('Your password').fill('hopper');
    await here.keyboard.press('Enter');
    await status(here, 'Your password is changed, and 1 other session ended.');
    await focus(here, 'password-title');
    expect(await alerts(here)).toEqual([]);

    await there.getByRole('button', { name: 'Sign out' }).click();
    await status(there, 'Your password was changed on another device');
    await signIn(there, 'grace', 'hopper');
    await alert(there, 'Wrong user name or password.');
    await signIn(there, 'grace', 'nanoseconds');
    await there.getByText('Signed in as grace').waitFor();
  });

  async function signedIn(name: string, password: string, options: { userAgent?: string; viewport?: typeof PHONE } = {}): Promise<Page> {
    const page = await openPage(chrome, sample.origin, { problems, hasSockets: false, ...options });
    await signIn(page, name, password);
    await page.getByText('This device').waitFor();
    return page;
  }

  const status = (page: Page, text: string): Promise<void> => page.getByRole('status').filter({ hasText: text }).waitFor();
  const alert = (page: Page, text: string): Promise<void> => page.getByRole('alert').filter({ hasText: text }).waitFor();
  const devices = (page: Page): Promise<string[]> =>
    page.getByRole('region', { name: 'Where you are signed in' }).getByRole('listitem').allTextContents();

  /** Waits until what has that id has the focus. */
  const focus = (page: Page, id: string): Promise<void> => page.locator(`#${id}:focus`).waitFor();

  async function handleOf(page: Page): Promise<string> {
    const command = await page.getByRole('region', { name: 'Your session in Redis' }).innerText();
    return /sess:(\S+)/.exec(command)?.[1] ?? '';
  }
});
