import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { axe, logInAs, screenshot, startWeb, type WebRig } from './harness.ts';

let web: WebRig;
beforeAll(async () => {
  web = await startWeb();
}, 120_000);
afterAll(() => web.close());

describe('the frame of the console', () => {
  it('logs an officer in at the issuer and shows the first page, with nothing that the browser complains about', async () => {
    const { page, complaints, close } = await web.openConsole('privacy-officer');
    expect(await page.textContent('main h1')).toBe('Overview');
    expect(await page.locator('nav').innerText()).toContain('Overview');
    expect(page.url()).toBe(`${web.url}/console/`);
    await screenshot(page, 'overview');
    expect(complaints).toEqual([]);
    await close();
  });

  it.each(['light', 'dark'] as const)('has nothing that axe finds in %s', async (scheme) => {
    const { page, close } = await web.openConsole('privacy-officer', { scheme });
    await page.getByRole('heading', { level: 1 }).waitFor();
    expect(await axe(page)).toEqual([]);
    await page.getByRole('button', { name: /^Account/ }).click();
    await page.getByRole('radiogroup', { name: 'Language' }).waitFor();
    expect(await axe(page)).toEqual([]);
    await close();
  });

  it.each(['light', 'dark'] as const)('shows the API to developers at phone width in %s', async (scheme) => {
    const { page, complaints, close } = await web.openPage('/api/docs', { scheme, phone: true });
    expect(await page.textContent('h1')).toBe('Consentry gateway API');
    await page.getByText('/api/v1/decisions', { exact: true }).click();
    await page.getByText('Below the FHIR base, with the query.').waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    expect(await axe(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await close();
  });

  it('keeps the token in memory alone', async () => {
    const { page, close } = await web.openConsole('auditor');
    const kept = await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])');
    expect(kept).not.toMatch(/eyJ/);
    await close();
  });

  it('logs in again after a reload without asking, by the session at the issuer', async () => {
    const { page, close } = await web.openConsole('auditor', { path: 'overview' });
    await page.reload();
    await page.waitForSelector('main h1');
    expect(page.url()).toBe(`${web.url}/console/overview`);
    await close();
  });

  it('logs out here and at the issuer: the next visit asks who it is', async () => {
    const { page, close } = await web.openConsole('privacy-officer');
    await page.getByRole('button', { name: /^Account/ }).click();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByText('You are logged out.').waitFor();
    await page.goto(`${web.url}/console/`);
    await logInAs(page, 'auditor');
    await page.getByRole('button', { name: 'Account: Ines Duarte, auditor at Riverside' }).waitFor();
    await close();
  });

  it('speaks German when the browser does, and again English when it is told to', async () => {
    const { page, close } = await web.openConsole('privacy-officer', { language: 'de' });
    expect(await page.textContent('main h1')).toBe('Überblick');
    expect(await page.getAttribute('html', 'lang')).toBe('de');
    await page.getByRole('button', { name: /^Konto/ }).click();
    await page.getByText('English').click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await close();
  });

  it('lets the keyboard skip to the content', async () => {
    const { page, close } = await web.openConsole('privacy-officer');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('location.hash')).toBe('#main');
    await close();
  });

  it('works at phone width: the menu opens and leads on', async () => {
    const { page, close } = await web.openConsole('privacy-officer', { phone: true });
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    expect(await axe(page)).toEqual([]);
    await close();
  });
});

describe('what the frame keeps closed', () => {
  it('shows no page to a role that opens none, whatever the address says', async () => {
    for (const path of ['', 'overview']) {
      const { page, close } = await web.openConsole('clinician', { path });
      expect(await page.textContent('main')).toContain('Your role opens no page here.');
      expect(await page.locator('main h1').count()).toBe(0);
      await close();
    }
  });

  it('takes no code that this tab did not ask for', async () => {
    const context = await web.browser.newContext();
    const page = await context.newPage();
    await page.goto(`${web.url}/console/?code=stolen&state=stolen`);
    await page.getByText('This log-in was not started here').waitFor();
    expect(page.url()).toBe(`${web.url}/console/`);
    await context.close();
  });

  it('takes no code that was given to another browser: nobody can be logged in as somebody else', async () => {
    const attacker = await web.browser.newContext();
    const theirs = await attacker.newPage();
    await theirs.goto(`${web.url}/console/`);
    const sent = theirs.waitForRequest(/\/console\/\?code=/);
    await logInAs(theirs, 'privacy-officer');
    const planted = (await sent).url();

    const context = await web.browser.newContext();
    const page = await context.newPage();
    await page.goto(`${web.url}/console/`);
    await page.waitForSelector('button[value=allow]');
    await page.goto(planted);
    await page.getByText('This log-in was not started here').waitFor();
    await attacker.close();
    await context.close();
  });

  it('tells a refused log-in in words', async () => {
    const context = await web.browser.newContext();
    const page = await context.newPage();
    await page.goto(`${web.url}/console/`);
    await page.click('button[value=deny]');
    await page.getByText('The log-in was refused or cancelled.').waitFor();
    await context.close();
  });
});
