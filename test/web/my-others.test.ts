import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { consentSigning } from '../../src/adapters/chain/consent-signing.ts';
import type { TypedData } from '../../src/domain/consent/typed-data.ts';
import { startWeb, type WebRig } from './harness.ts';

let web: WebRig;
beforeAll(async () => {
  web = await startWeb();
}, 120_000);
afterAll(() => web.close());

const api = async (
  token: string,
  path: string,
  body?: object,
): Promise<{ status: number; body: Record<string, never[]> }> => {
  const response = await fetch(web.url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, never[]> };
};

const asPatient = (id: string) =>
  web.token('patient', {
    user: id,
    patient: id,
    fhirUser: `Patient/${id}`,
    scope: 'openid fhirUser launch/patient patient/*.cruds',
  });

describe('a guardian with a wallet', () => {
  /** EIP-1193 as an extension puts it into the page; the key stays outside. */
  const wallet = (key: Uint8Array, asked: string[]) => async (page: Page) => {
    await page.exposeFunction('walletSigns', async (json: string) => {
      const { types, ...data } = JSON.parse(json) as TypedData;
      asked.push(data.primaryType);
      const { EIP712Domain: _domain, ...own } = types;
      return (await consentSigning.sign(key, { ...data, types: own })).signature;
    });
    await page.addInitScript(`
      window.ethereum = { request: async ({ method, params }) =>
        method === 'eth_requestAccounts' ? [${JSON.stringify(consentSigning.accountOf(key))}]
        : method === 'eth_signTypedData_v4' ? walletSigns(params[1])
        : Promise.reject(new Error('unknown')) };`);
  };

  it('sees the choices of the person they act for, allows and takes back with their own signature', async () => {
    const key = new Uint8Array(randomBytes(32));
    const mateo = await asPatient('patient-mateo');
    await api(mateo, '/api/v1/consents/key', {});
    const delegated = await api(mateo, '/api/v1/consents/delegates', {
      delegate: consentSigning.accountOf(key),
      rights: ['grant', 'withdraw'],
      until: '2099-01-01T00:00:00Z',
    });
    expect(delegated).toMatchObject({ status: 200, body: { settled: { state: 'on-chain' } } });

    const asked: string[] = [];
    const { page, complaints, close } = await web.openMy('guardian', { path: 'choices', prepare: wallet(key, asked) });
    await page.getByText('You decide for the person you act for.').waitFor();
    await page.getByRole('button', { name: 'Allow somebody' }).click();
    await page.getByRole('textbox', { name: 'Who?' }).fill('Lindqvist');
    await page.getByRole('option', { name: 'Dr Elin Lindqvist' }).click();
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await page.getByText(/^Done\. It holds since/).waitFor();
    const card = page.getByRole('article', { name: 'Dr Elin Lindqvist' }).first();
    await card.getByRole('button', { name: 'Take back' }).click();
    await card.getByRole('button', { name: 'Yes, take back now' }).click();
    await page.getByText(/^Taken back\./).waitFor();
    expect(asked).toEqual(['Grant', 'Revoke']);
    expect(complaints).toEqual([]);
    await close();
  });

  it('who is no delegate changes nothing, whatever their wallet signs', async () => {
    const stranger = new Uint8Array(randomBytes(32));
    const { page, close } = await web.openMy('guardian', { path: 'choices', prepare: wallet(stranger, []) });
    await page.getByRole('button', { name: 'Allow somebody' }).click();
    await page.getByRole('textbox', { name: 'Who?' }).fill('Lindqvist');
    await page.getByRole('option', { name: 'Dr Elin Lindqvist' }).click();
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await page.getByText('The signature is not that of the patient or of a delegate who may do this.').waitFor();
    await close();
  });

  it('stands for nobody else: another patient’s choices and proofs stay closed', async () => {
    const alma = await web.token('guardian', { scope: 'openid fhirUser launch/patient patient/*.cruds' });
    expect((await api(alma, '/api/v1/consents?patient=patient-ada')).status).toBe(403);
    expect((await api(alma, '/api/v1/consents/signing?patient=patient-ada')).status).toBe(403);
    expect((await api(alma, '/api/v1/me')).body).toMatchObject({ patient: 'patient-mateo', guardian: true });
  });
});

describe('hostile names, notes and programs', () => {
  const hostile = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';

  it('are shown as the text they are, in every patient page', async () => {
    const put = (resource: { readonly resourceType: string; readonly id: string }) =>
      fetch(`${web.demo.fhir.url}/${resource.resourceType}/${resource.id}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/fhir+json' },
        body: JSON.stringify(resource),
      });
    const practitioner = { resourceType: 'Practitioner', id: 'practitioner-hostile', name: [{ family: hostile }] };
    expect((await put(practitioner)).ok).toBe(true);
    const condition = {
      resourceType: 'Condition',
      id: 'condition-hostile',
      code: { text: hostile },
      subject: { reference: 'Patient/patient-ada' },
    };
    expect((await put(condition)).ok).toBe(true);
    const grant = { grantee: { kind: 'person', reference: 'Practitioner/practitioner-hostile' }, purposes: ['TREAT'] };
    expect((await api(await asPatient('patient-ada'), '/api/v1/consents', { grants: [grant] })).status).toBe(201);
    const token = await web.token('clinician', {
      user: hostile,
      fhirUser: 'Practitioner/practitioner-hostile',
      client: hostile,
    });
    const read = async () =>
      (await fetch(`${web.url}/fhir/Patient/patient-ada`, { headers: { authorization: `Bearer ${token}` } })).status;
    // The grant is on chain; the gateway reads it with its next poll.
    for (let tries = 0; tries < 100 && (await read()) !== 200; ) tries++;

    const { page, complaints, close } = await web.openMy('patient');
    await page.getByRole('heading', { name: hostile }).waitFor();
    await page.getByText(`With the program “${hostile}”.`).first().waitFor();
    await page.goto(`${web.url}/my/choices`);
    await page.getByRole('article', { name: hostile }).waitFor();
    await page.goto(`${web.url}/my/data`);
    await page.getByRole('button', { name: /Diagnoses/ }).click();
    await page.getByText(hostile).first().waitFor();
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(complaints).toEqual([]);
    await close();
  });
});
