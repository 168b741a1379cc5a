import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { emptyParts } from '../../src/domain/risk/engine.ts';
import { writeModel } from '../../src/domain/risk/model.ts';
import { axe, type OpenOptions, screenshot, startWeb, type WebRig } from './harness.ts';

let web: WebRig;
beforeAll(async () => {
  web = await startWeb();
  const everybody = (await fetch(`${web.demo.fhir.url}/Patient?_count=100&_elements=id`).then((response) =>
    response.json(),
  )) as { entry: { resource: { id: string } }[] };
  for (const { resource } of everybody.entry) await web.get(`/Observation?patient=${resource.id}`, 'suspicious');
}, 150_000);
afterAll(() => web.close());

const open = (path: string, persona = 'privacy-officer', options: OpenOptions = {}) =>
  web.openConsole(persona, { path, ...options });
const strand = (page: Page) => page.getByRole('link', { name: /practitioner-strand/ }).first();

describe('the risk page', () => {
  it('leads a reviewer from the queue to a case and its facts, and takes their confirmation', async () => {
    const { page, complaints, close } = await open('risk');
    await strand(page).waitFor();
    await screenshot(page, 'risk-queue');
    await strand(page).click();
    await page.getByRole('heading', { name: 'Why this was raised' }).waitFor();
    const day = page.getByRole('region', { name: 'The whole day' });
    expect(await day.innerText()).toContain('risk-blocked');
    expect(await page.getByRole('img', { name: /^Map of the person/ }).count()).toBe(1);
    await screenshot(page, 'risk-case');

    const confirm = page.getByRole('button', { name: 'Confirm misuse' });
    expect(await confirm.isDisabled()).toBe(true);
    const reason = 'one record after another <img src=x onerror="window.hacked=1">';
    await page.getByLabel('Reason').fill(reason);
    await confirm.click();
    await page.getByText(/^confirmed by adler/).waitFor();
    await page.getByText(reason).first().waitFor();
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(await page.locator('main img').count()).toBe(0);
    await page.getByRole('link', { name: 'All cases' }).click();
    await page.getByText('confirmed', { exact: true }).click();
    await strand(page).waitFor();
    expect(complaints).toEqual([]);
    await close();
  });

  it('says in words why a decision is not taken', async () => {
    const { page, close } = await open('risk?state=confirmed');
    await strand(page).click();
    await page.getByLabel('Reason').fill('I have changed my mind');
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await page
      .getByRole('alert')
      .getByText(/You have decided this case already/)
      .waitFor();
    await close();
  });

  it('tries thresholds on the days behind', async () => {
    const { page, complaints, close } = await open('risk/thresholds');
    const slider = page.getByRole('slider', { name: 'Threshold' });
    await slider.focus();
    await page.keyboard.press('Home');
    await page.getByText('Alert from a score of 2%').waitFor();
    // A level line has no height, and counts as hidden.
    await page.locator('.recharts-line path').first().waitFor({ state: 'attached' });
    const caught = page.locator('div', { hasText: /^1confirmed cases caught$/ });
    await caught.first().waitFor();
    await screenshot(page, 'risk-thresholds');
    expect(complaints).toEqual([]);
    await close();
  });

  it('lets a model run beside, and says from when two people may promote it', async () => {
    const { page, complaints, close } = await open('risk/model');
    const model = writeModel({
      ...emptyParts,
      seed: 5,
      card: { trainedOn: 'x', window: 'y', metrics: [], limits: [] },
    });
    await page.setInputFiles('input[type=file]', {
      name: 'model.json',
      mimeType: 'application/json',
      buffer: Buffer.from(model),
    });
    await page.getByText(/runs beside the model in use; it may be promoted after 14 days/).waitFor();
    await page.getByText(/It can be promoted from/).waitFor();
    await page.getByRole('button', { name: 'Approve promotion' }).click();
    await page.getByText(/The change is recorded in the ledger under your name/).waitFor();
    expect(await axe(page)).toEqual([]);
    await page.getByRole('button', { name: 'Approve promotion' }).click();
    await page.getByText(/must run beside the one in use for 14 days/).waitFor();
    await screenshot(page, 'risk-model');
    expect(complaints).toEqual([]);
    await close();
  });

  it('is not there for an auditor', async () => {
    const { page, close } = await open('risk', 'auditor');
    await page.getByText('There is no such page').waitFor();
    await close();
  });

  it.each(['light', 'dark'] as const)('has nothing that axe finds in %s, on any of its parts', async (scheme) => {
    const { page, complaints, close } = await open('risk?state=confirmed', 'privacy-officer', { scheme });
    await strand(page).waitFor();
    expect(await axe(page)).toEqual([]);
    await strand(page).click();
    await page.getByRole('heading', { name: 'Why this was raised' }).waitFor();
    expect(await axe(page)).toEqual([]);
    for (const [tab, heading] of [
      ['Thresholds', 'Alerts a day by threshold'],
      ['Model', 'Model card'],
      ['Threat feeds', 'Vulnerabilities under attack'],
    ] as const) {
      await page.getByRole('tab', { name: tab, exact: true }).click();
      await page.getByRole('heading', { name: heading }).waitFor();
      expect(await axe(page)).toEqual([]);
      if (scheme === 'dark') await screenshot(page, `risk-${tab.toLowerCase().replace(' ', '-')}-dark`);
    }
    expect(complaints).toEqual([]);
    await close();
  });

  it('fits a phone and speaks German', async () => {
    const { page, close } = await open('risk?state=all', 'privacy-officer', { phone: true, language: 'de' });
    await strand(page).click();
    await page.getByRole('heading', { name: 'Warum das auffiel' }).waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await close();
  });
});
