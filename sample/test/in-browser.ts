import { describe } from '@jest/globals';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { findChromium } from './find-chromium.js';

const executablePath = findChromium();
const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

if (executablePath === undefined)
  process.stderr.write('SKIPPED: the tests of the page in a browser. There is no Chromium on the PATH; set CHROMIUM_PATH.\n');

/** `describe`, where there is a browser. */
export const describeInBrowser = executablePath === undefined ? describe.skip : describe;

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: executablePath!, headless: true, args: FLAGS.split(' ') });
}

/**
 * A page in a browser profile of its own: cookies are not shared. Its clock stands still, so what it does by itself after a while happens when a test
 * moves that clock. What goes wrong in it is added to `problems`.
 * Without sockets it learns of nothing before it asks.
 */
export async function openPage(
  chrome: Browser,
  url: string,
  { problems = [] as string[], viewport = { width: 1200, height: 800 }, userAgent = '', hasSockets = true } = {},
): Promise<Page> {
  const context = await chrome.newContext({ viewport, ...(userAgent === '' ? {} : { userAgent }) });
  context.setDefaultTimeout(20_000);
  const now = Date.now();
  await context.clock.install({ time: now });
  await context.clock.pauseAt(now);
  if (!hasSockets) await context.route('**/socket.io/?*', (route) => route.abort());
  return openTab(context, url, problems);
}

/** One more page in the same browser profile. */
export async function openTab(context: BrowserContext, url: string, problems: string[]): Promise<Page> {
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    // Chromium itself reports each answer that is an error, which is no problem here.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) problems.push(message.text());
  });
  await page.goto(url);
  return page;
}

export async function signIn(page: Page, name: string, password: string): Promise<void> {
  await page.getByLabel('User name').fill(name);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** What a screen reader would be told at once. */
export async function alerts(page: Page): Promise<string[]> {
  return (await page.getByRole('alert').allTextContents()).filter((text) => text !== '');
}
