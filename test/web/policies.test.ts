import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { axe, screenshot, startWeb, type WebRig } from './harness.ts';

// A story with a real chain, a real browser and several people is long where others work too.
jest.setTimeout(300_000);

let web: WebRig;
beforeAll(async () => {
  web = await startWeb();
}, 180_000);
afterAll(() => web.close());

const pick = async (page: Page, title: string): Promise<void> => {
  await page.getByRole('textbox', { name: 'Policy or file' }).click();
  await page.getByRole('option', { name: title }).click();
};
const editor = (page: Page) => page.locator('.cm-content');
const seen = (page: Page) => page.getByRole('region', { name: 'After' });
const action = (page: Page, name: string) => page.getByLabel(`Action: ${name}`, { exact: true });

describe('the page of policies', () => {
  it('takes a change from an edit to force and back: previewed, stopped by a red test, proposed, approved by a second officer', async () => {
    const first = await web.get('/Patient/patient-ada', 'clinician');
    expect(first.body).toHaveProperty('maritalStatus');
    const { page, complaints, close } = await web.openConsole('privacy-officer', { path: 'policies' });
    await pick(page, 'Clinician (clinician.yaml)');
    await page.getByText('The draft loads and its tests are green.').waitFor();
    await seen(page).getByText('Byrne').first().waitFor();

    // The form and the text are the same file; the comment at its top stays.
    await action(page, 'Names of people').selectOption('remove');
    await editor(page).getByText('id: clinician-names').waitFor();
    expect(await editor(page).textContent()).toContain('# People who treat the patient see the record.');
    await page
      .getByRole('button', { name: /clinician-names \(clinician\.yaml:\d+\)/ })
      .first()
      .waitFor();
    await page.getByText('The draft cannot take effect.').waitFor();
    await expectGone(seen(page), 'Byrne');
    await page.getByLabel('Why', { exact: true }).fill('names are not needed');
    expect(await page.getByRole('button', { name: 'Propose' }).isDisabled()).toBe(true);
    await screenshot(page, 'policies-red-test');

    await action(page, 'Names of people').selectOption('');
    await page.getByText('The draft loads and its tests are green.').waitFor();
    await seen(page).getByText('Byrne').first().waitFor();

    // Another rule, in the YAML, and its preview.
    await editor(page).click();
    await page.keyboard.press('Control+End');
    await page.keyboard.insertText(
      '  - id: clinician-marital\n    paths: [Patient.maritalStatus]\n    method: remove\n',
    );
    await page
      .getByRole('button', { name: /clinician-marital \(clinician\.yaml:\d+\)/ })
      .first()
      .waitFor();
    await page.getByLabel('Name of the test').fill('Nobody asks who is married');
    await page.getByRole('button', { name: 'Keep as a test' }).click();
    await page.getByText(/It stands in tests\//).waitFor();
    await page.getByText('The draft loads and its tests are green.').waitFor();
    await page.getByRole('button', { name: 'What would change?' }).click();
    await page
      .getByText(/Clinician \(TREAT\) loses Patient\.maritalStatus/)
      .first()
      .waitFor();
    await page.getByText('One other officer must approve it.').waitFor();
    await screenshot(page, 'policies-edit');
    expect(await axe(page)).toEqual([]);
    await page.getByLabel('Why', { exact: true }).fill('not needed for care');
    await page.getByRole('button', { name: 'Propose' }).click();
    await page.getByText('You proposed it: somebody else approves it.').waitFor();
    expect(complaints).toEqual([]);
    await close();

    const second = await web.openConsole('second-officer', { path: 'policies?tab=changes' });
    await second.page.getByRole('heading', { name: 'not needed for care' }).waitFor();
    await second.page.getByLabel('What you say to it').fill('agreed');
    await screenshot(second.page, 'policies-changes');
    expect(await axe(second.page)).toEqual([]);
    await second.page.getByRole('button', { name: 'Approve' }).click();
    await second.page.getByText('took effect').waitFor();
    expect((await web.get('/Patient/patient-ada', 'clinician')).body).not.toHaveProperty('maritalStatus');

    await second.page.getByRole('tab', { name: 'History' }).click();
    await second.page.getByLabel('Why an earlier version comes back').fill('it was needed after all');
    await screenshot(second.page, 'policies-history');
    await second.page.getByRole('button', { name: 'Put version 1 back' }).click();
    await second.page.getByText('rollback to version 1: it was needed after all').waitFor();
    expect((await web.get('/Patient/patient-ada', 'clinician')).body).toEqual(first.body);
    expect(await axe(second.page)).toEqual([]);
    expect(second.complaints).toEqual([]);
    await second.close();
  });

  it('marks a fault at its line with the nearest name, and offers names while one types', async () => {
    const { page, complaints, close } = await web.openConsole('privacy-officer', { path: 'policies' });
    await pick(page, 'Clinician (clinician.yaml)');
    await editor(page).click();
    await page.keyboard.press('Control+End');
    await page.keyboard.insertText('  - id: x\n    classes: [SNS]\n    method: ');
    await page.keyboard.type('remo');
    // Not by Enter: the editor takes that for a new line until the list has stood for a moment.
    await page.locator('.cm-tooltip-autocomplete').getByText('remove').click();
    await page
      .getByText(/There is no element class `SNS`. Did you mean `SSN`\?/)
      .first()
      .waitFor();
    await page.locator('.cm-lint-marker-error').first().waitFor();
    expect(complaints).toEqual([]);
    await close();
  });

  it('replays the decisions of the ledger against the draft', async () => {
    await web.get('/Patient/patient-ada', 'clinician');
    const { page, close } = await web.openConsole('privacy-officer', { path: 'policies' });
    await pick(page, 'Clinician (clinician.yaml)');
    await action(page, 'Phone, fax, e-mail').selectOption('remove');
    await page.getByRole('tab', { name: 'Replay' }).click();
    await page.getByRole('button', { name: 'Replay' }).click();
    await page
      .getByText(/Patient\.telecom\.\w+: keep becomes remove/)
      .first()
      .waitFor();
    await screenshot(page, 'policies-replay');
    expect(await axe(page)).toEqual([]);
    await close();
  });

  it('tells how well the patients of a file could be told apart, and sends them nowhere', async () => {
    const { page, complaints, close } = await web.openConsole('privacy-officer', { path: 'policies' });
    const sent: string[] = [];
    page.on('request', (request) => sent.push(`${request.method()} ${request.postData() ?? ''}`));
    await page.getByRole('tab', { name: 'Re-identification' }).click();
    await page.getByRole('combobox', { name: 'As seen by' }).selectOption('safe-harbor');
    const patients = Array.from({ length: 12 }, (_, n) =>
      JSON.stringify({ resourceType: 'Patient', id: `p${n}`, gender: 'female', birthDate: `1980-01-${10 + n}` }),
    );
    const file = (text: string) => ({
      name: 'patients.ndjson',
      mimeType: 'application/json',
      buffer: Buffer.from(text),
    });
    await page.locator('input[type=file]').setInputFiles(file('{"resourceType":"Observation"}'));
    await page.getByText('The file holds no Patient resources in JSON.').waitFor();
    await page.locator('input[type=file]').setInputFiles(file(patients.join('\n')));
    const alone = page.getByRole('row', { name: /^People whom nobody else resembles/ });
    await alone.waitFor();
    expect((await alone.getByRole('cell').allTextContents()).slice(-2)).toEqual(['100%', '0%']);
    await page.getByRole('img', { name: /^After masking: people by/ }).waitFor();
    expect(sent.filter((each) => each.includes('birthDate'))).toEqual([]);
    await screenshot(page, 'policies-reidentification');
    expect(await axe(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await close();
  });

  it.each(['light', 'dark'] as const)('has nothing that axe finds in %s, in any tab', async (scheme) => {
    const { page, complaints, close } = await web.openConsole('privacy-officer', { path: 'policies', scheme });
    await page.getByText('The draft loads and its tests are green.').waitFor();
    await pick(page, 'Clinician (clinician.yaml)');
    await seen(page).waitFor();
    await screenshot(page, `policies-${scheme}`);
    expect(await axe(page)).toEqual([]);
    await page.getByRole('tab', { name: 'Roles compared' }).click();
    await page.getByRole('cell', { name: 'date-shift' }).first().waitFor();
    await screenshot(page, `policies-matrix-${scheme}`);
    expect(await axe(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await close();
  });

  it('lets an auditor look and change nothing', async () => {
    const { page, close } = await web.openConsole('auditor', { path: 'policies' });
    await page.getByText('The draft loads and its tests are green.').waitFor();
    expect(await action(page, 'Names of people').isDisabled()).toBe(true);
    expect(await page.getByRole('button', { name: 'Keep as a test' }).count()).toBe(0);
    await page.getByRole('tab', { name: 'History' }).click();
    await page.getByText('rollback to version 1').first().waitFor();
    expect(await page.getByRole('button', { name: /Put version/ }).count()).toBe(0);
    await close();
  });

  it('shows hostile text of policies as text', async () => {
    const hostile = '<img src=x onerror=alert(1)><script>alert(2)</script>';
    const file = join(web.state, 'policies', 'clinician.yaml');
    const text = readFileSync(file, 'utf8');
    const changed = new Promise<void>((resolve) => web.demo.gateway.policies.onChange(() => resolve()));
    writeFileSync(
      file,
      text
        .replace('title: Clinician', `title: ${JSON.stringify(hostile)}`)
        .replace(/because: .*/, `because: ${JSON.stringify(hostile)}`),
    );
    await changed;
    const { page, complaints, close } = await web.openConsole('privacy-officer', { path: 'policies' });
    let dialogs = 0;
    page.on('dialog', (dialog) => {
      dialogs += 1;
      void dialog.dismiss();
    });
    await pick(page, hostile);
    await page
      .getByRole('button', { name: /clinician-ssn \(clinician\.yaml:\d+\)/ })
      .first()
      .waitFor();
    await page.getByRole('cell').getByText(hostile).first().waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect([dialogs, complaints]).toEqual([0, []]);
    await close();
    writeFileSync(file, text);
  });
});

const expectGone = async (where: ReturnType<typeof seen>, text: string): Promise<void> => {
  await where.getByText(text).first().waitFor({ state: 'detached' });
};
