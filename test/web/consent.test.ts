import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { axe, screenshot, startWeb, type WebRig } from './harness.ts';

let web: WebRig;
beforeAll(async () => {
  web = await startWeb();
}, 120_000);
afterAll(() => web?.close());

const api = async (persona: string, method: 'get' | 'post', path: string, body?: object) => {
  const call = supertest(web.url)
    [method](`/api/v1${path}`)
    .set('authorization', `Bearer ${await web.token(persona)}`);
  return body === undefined ? call : call.send(body);
};

describe('the consent page of officers', () => {
  it('finds a patient by part of the id and shows what is allowed and refused, with its state on the chain', async () => {
    const { page, complaints, close } = await web.openConsole('privacy-officer', { path: 'consent' });
    await page.getByRole('heading', { level: 1, name: 'Consent', exact: true }).waitFor();
    await page.getByRole('textbox', { name: 'Patient' }).fill('ivan');
    await page.getByRole('option', { name: 'patient-ivan' }).click();
    const refusal = page.getByRole('article', { name: 'Refused: Practitioner/practitioner-okafor' });
    await refusal.waitFor();
    expect(new URL(page.url()).searchParams.get('patient')).toBe('patient-ivan');
    expect(await page.getByText(/^As of block /).innerText()).toMatch(/As of block [\d,]+, /);
    await refusal.getByRole('button', { name: /^Check on the chain/ }).click();
    await refusal.getByText('Proven: the contract holds it as active.').waitFor();
    await page.getByRole('heading', { name: 'Who may act for the patient' }).waitFor();
    await page.getByText('Nobody but the patient.').waitFor();
    expect(await page.getByRole('table').innerText()).toContain('Granted');
    await screenshot(page, 'consent-patient');
    expect(complaints).toEqual([]);
    await close();
  });

  it('says which conditions of a grant hold', async () => {
    const { page, close } = await web.openConsole('auditor', { path: 'consent?patient=patient-ada' });
    await page.getByText(/^An order to the recipient stands: yes, until/).waitFor();
    await page.goto(`${web.url}/console/consent?patient=patient-emeka`);
    await page.getByText(/^An order to the recipient stands: no\./).waitFor();
    await close();
  });

  it('tries a decision and says why', async () => {
    const { page, complaints, close } = await web.openConsole('privacy-officer', {
      path: 'consent?view=try&patient=patient-yusuf',
    });
    await page.getByRole('textbox', { name: 'Person' }).fill('Practitioner/practitioner-okafor');
    await page.getByRole('button', { name: 'Decide' }).click();
    await page.getByRole('heading', { name: 'Refused by the patient' }).waitFor();
    await page.getByRole('textbox', { name: 'Patient' }).fill('patient-ada');
    await page.getByRole('textbox', { name: /^Resource/ }).fill('{"resourceType":"Observation"');
    expect(await page.getByText('This is no JSON object.').count()).toBe(1);
    await page.getByRole('textbox', { name: /^Resource/ }).fill('{"resourceType":"Observation","status":"final"}');
    await page.getByRole('button', { name: 'Decide' }).click();
    await page.getByRole('heading', { name: 'Let in' }).waitFor();
    await screenshot(page, 'consent-try');
    expect(complaints).toEqual([]);
    await close();
  });

  it('shows emergency access with its reason, and closes the review', async () => {
    const hostile = 'Collapsed in the hall <img src=x onerror=alert(1)>';
    const token = await web.token('clinician', { purpose: 'ETREAT', reason: hostile });
    const opened = await supertest(web.url).get('/fhir/Patient/patient-noor').set('authorization', `Bearer ${token}`);
    expect(opened.status).toBe(200);
    const { page, complaints, close } = await web.openConsole('privacy-officer', { path: 'consent?view=emergency' });
    const review = page.getByRole('article').first();
    await review.getByText(`Reason given: ${hostile}`).waitFor();
    await screenshot(page, 'consent-emergency');
    expect(await axe(page)).toEqual([]);
    await review.getByRole('textbox', { name: /^Remark/ }).fill('Seen with the ward.');
    await review.getByRole('button', { name: 'Justified', exact: true }).click();
    await page.getByText('No emergency access waits for a review.').waitFor();
    await page.getByText('All', { exact: true }).click();
    await page.getByText('Reviewed by adler').waitFor();
    expect(complaints).toEqual([]);
    await close();
  });

  it.each(['light', 'dark'] as const)('has nothing that axe finds in %s', async (scheme) => {
    const { page, close } = await web.openConsole('privacy-officer', {
      scheme,
      path: 'consent?patient=patient-ivan',
    });
    await page.getByRole('article').first().waitFor();
    await page.getByRole('heading', { name: 'Changes' }).waitFor();
    expect(await axe(page)).toEqual([]);
    await page.getByRole('tab', { name: 'Try a decision' }).click();
    await page.getByRole('button', { name: 'Decide' }).click();
    await page.getByText('Not let in: no consent').waitFor();
    expect(await axe(page)).toEqual([]);
    await close();
  });

  it('fits a phone, and speaks German', async () => {
    const { page, close } = await web.openConsole('privacy-officer', {
      phone: true,
      language: 'de',
      path: 'consent?patient=patient-ivan',
    });
    await page.getByRole('article').first().waitFor();
    expect(await page.textContent('main h1')).toBe('Einwilligung');
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await close();
  });
});

describe('the API behind the consent page', () => {
  it('is shut to whom the role does not open the page', async () => {
    for (const persona of ['clinician', 'patient', 'billing']) {
      for (const path of [
        '/consents/patients',
        '/consents/chain',
        `/consents/0x${'1'.repeat(64)}/proof?patient=patient-ada`,
      ])
        expect((await api(persona, 'get', path)).status).toBe(403);
    }
    expect((await supertest(web.url).get('/api/v1/consents/patients')).status).toBe(401);
  });

  it('names patients a page at a time, and proves a revoked grant as revoked', async () => {
    const all = (await api('auditor', 'get', '/consents/patients')).body as { patients: string[]; more: boolean };
    expect(all).toMatchObject({ more: true });
    expect(all.patients).toHaveLength(20);
    const ben = await web.token('patient', { user: 'ben', fhirUser: 'Patient/patient-ben', patient: 'patient-ben' });
    const history = await supertest(web.url).get('/api/v1/consents/history').set('authorization', `Bearer ${ben}`);
    const revoked = (history.body.events as { what: string; grant: string }[]).find(({ what }) => what === 'revoked');
    const proof = await api('auditor', 'get', `/consents/${revoked?.grant}/proof?patient=patient-ben`);
    expect(proof.body).toMatchObject({ state: 'revoked', block: expect.any(Number) });
    const foreign = await api('auditor', 'get', `/consents/${revoked?.grant}/proof?patient=patient-ada`);
    expect(foreign.body).toMatchObject({ state: 'unproven' });
  });
});
