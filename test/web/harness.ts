import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { openBrowser } from '../conformance/browser-app.ts';
import { type Rig, startRig } from '../flow/rig.ts';

export interface OpenOptions {
  /** Below /console/ or /my/. */
  readonly path?: string;
  readonly scheme?: 'light' | 'dark';
  readonly language?: 'en' | 'de';
  /** Before the first page is opened: what a browser extension would do. */
  readonly prepare?: (page: Page) => Promise<void>;
  /** At `localhost`: WebAuthn gives no passkeys to a bare IP address. */
  readonly named?: boolean;
  /** Phone width from the start. */
  readonly phone?: boolean;
}

export interface Opened {
  readonly page: Page;
  /** What the browser complained about: scripts that threw, and what the content security policy stopped. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

export interface WebRig extends Rig {
  readonly browser: Browser;
  readonly url: string;
  /** Logs a persona in through the issuer's own page and waits for the heading of the page. */
  openConsole(persona: string, options?: OpenOptions): Promise<Opened>;
  openMy(persona: string, options?: OpenOptions): Promise<Opened>;
  /** A page that nobody logs in to. */
  openPage(path: string, options?: OpenOptions): Promise<Opened>;
}

const desktop = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };

/** The stack of `npm start` with the pages as they are built, and a browser. One for each test file. */
export async function startWeb(): Promise<WebRig> {
  execFileSync(process.execPath, ['scripts/build-web.ts', '--if-stale'], { stdio: 'inherit' });
  const [rig, browser] = await Promise.all([startRig(), openBrowser()]);
  const { url } = rig.demo.gateway;

  const openPage = async (path: string, options: OpenOptions = {}): Promise<Opened> => {
    const context = await browser.newContext({
      viewport: options.phone === true ? phone : desktop,
      colorScheme: options.scheme ?? 'light',
      locale: options.language ?? 'en',
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
        complaints.push(message.text());
    });
    await options.prepare?.(page);
    const at = options.named === true ? url.replace('127.0.0.1', 'localhost') : url;
    await page.goto(at + path);
    return { page, complaints, close: () => context.close() };
  };

  const open = async (place: 'console' | 'my', persona: string, options: OpenOptions = {}): Promise<Opened> => {
    const opened = await openPage(`/${place}/${options.path ?? ''}`, options);
    const { page } = opened;
    await logInAs(page, persona);
    // The page before the log-in has a heading too, with the product's name in it.
    const ready = page.locator('main h1').filter({ hasNotText: /^Consentry: / });
    await ready.or(page.locator('main [role=alert]')).first().waitFor();
    return opened;
  };

  return {
    ...rig,
    browser,
    url,
    openConsole: (persona, options) => open('console', persona, options),
    openPage,
    openMy: (persona, options) => open('my', persona, options),
    async close() {
      await browser.close();
      await rig.close();
    },
  };
}

/** Fills in the log-in page of the sandbox issuer. */
export async function logInAs(page: Page, persona: string): Promise<void> {
  await page.check(`input[value="${persona}"]`);
  await page.click('button[value=allow]');
}

/** Kept for people to look at: test-results/web/NAME-desktop.png and -phone.png. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync('test-results/web', { recursive: true });
  const before = page.viewportSize();
  for (const [width, size] of Object.entries({ desktop, phone })) {
    await page.setViewportSize(size);
    await page.evaluate('scrollTo(0, 0)');
    await page.screenshot({ path: `test-results/web/${name}-${width}.png`, fullPage: true });
  }
  if (before !== null) await page.setViewportSize(before);
}

/** What axe finds on the page as it stands, by rule and element; the rules of WCAG 2.2 A and AA, and best practice. */
export async function axe(page: Page): Promise<readonly string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary?.split('\n')[1] ?? ''}`),
  );
}
