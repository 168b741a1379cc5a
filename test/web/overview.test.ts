import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { axe, screenshot, startWeb, type WebRig } from './harness.ts';

let web: WebRig;
beforeAll(async () => {
  web = await startWeb();
  await web.get('/Patient/patient-ada', 'clinician').expect(200);
  await web.get('/Patient/patient-noor', 'clinician').expect(403);
  await web.get('/Observation?patient=patient-ada', 'front-desk').expect(403);
}, 120_000);
afterAll(() => web.close());

const bearer = async (persona: string) => ({ authorization: `Bearer ${await web.token(persona)}` });

describe('the overview', () => {
  it('shows calls, decisions by stage and reason, the chain and the ledger as they are', async () => {
    const { page, complaints, close } = await web.openConsole('privacy-officer', { path: 'overview' });
    const row = page.getByRole('row', { name: /^Consent / });
    await row.waitFor();
    expect(await row.textContent()).toContain('consent-not-granted: 1');
    const reason = row.getByRole('link', { name: 'consent-not-granted: 1' });
    expect(await reason.getAttribute('href')).toBe('/console/audit?code=consent-not-granted');
    await page
      .getByRole('row', { name: /No consent on record allows this access/ })
      .first()
      .waitFor();
    expect(await page.getByText(/served$/).textContent()).toMatch(/[1-9]\d* served/);
    // The picture is drawn by the library under the page's own policy; its figures stand in a table too.
    await page.locator('.recharts-bar-rectangle path').first().waitFor();
    await page.getByText('As a table').click();
    const slots = await page
      .getByRole('table', { name: /^Bars of calls/ })
      .getByRole('row')
      .allTextContents();
    expect(slots.length).toBeGreaterThan(1);
    expect(slots[0]).toBe('Ten seconds fromServedRefusedFailed');
    expect(await page.textContent('main')).not.toMatch(/patient-ada|okafor/);
    await screenshot(page, 'overview');
    expect(complaints).toEqual([]);
    await close();
  });

  it.each(['light', 'dark'] as const)('has nothing that axe finds in %s, nor has the system page', async (scheme) => {
    const { page, close } = await web.openConsole('auditor', { path: 'overview', scheme });
    await page.getByRole('row', { name: /^Consent / }).waitFor();
    expect(await axe(page)).toEqual([]);
    await page.getByRole('link', { name: 'System' }).click();
    await page.getByText('listen.port').waitFor();
    expect(await axe(page)).toEqual([]);
    await close();
  });
});

describe('the system page', () => {
  it('shows what runs and the configuration with where each value came from, and no secret', async () => {
    const { page, complaints, close } = await web.openConsole('privacy-officer', { path: 'system' });
    await page.getByLabel('Filter settings').fill('vaultKey');
    const row = page.getByRole('row', { name: /^vaultKey/ });
    expect(await row.textContent()).toBe('vaultKeyenv:DEMO_VAULT_KEYfile');
    const text = (await page.textContent('main')) ?? '';
    for (const secret of Object.values(web.demo.environment)) expect(text).not.toContain(secret);
    expect(text).toContain(web.demo.deployment.consentRegistry);
    await page.getByLabel('Filter settings').fill('');
    await screenshot(page, 'system');
    expect(complaints).toEqual([]);
    await close();
  });

  it('hides at phone width nothing behind the edge', async () => {
    for (const path of ['overview', 'system']) {
      const { page, close } = await web.openConsole('privacy-officer', { path, phone: true });
      await page.locator('main table:visible').first().waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      await close();
    }
  });
});

describe('the API behind them', () => {
  it.each(['/api/v1/overview', '/api/v1/system'])(
    '%s is closed to roles that do not open the page, and to nobody’s token',
    async (path) => {
      for (const persona of ['clinician', 'patient', 'billing', 'researcher'])
        expect((await fetch(web.url + path, { headers: await bearer(persona) })).status).toBe(403);
      expect((await fetch(web.url + path)).status).toBe(401);
      expect((await fetch(web.url + path, { headers: await bearer('auditor') })).status).toBe(200);
    },
  );

  it('shows no page to somebody whose role does not open it, nor its link', async () => {
    const { page, close } = await web.openConsole('clinician', { path: 'system' });
    expect(await page.textContent('main')).toContain('Your role opens no page here.');
    await close();
  });
});
