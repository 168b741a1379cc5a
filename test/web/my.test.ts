import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nodeHashing } from '../../src/adapters/store/node-hash.ts';
import { noteVerifierOf } from '../../src/adapters/store/note-keys.ts';
import { verifyCopy } from '../../src/domain/ledger/copy.ts';
import { parseVerifierKey } from '../../src/domain/ledger/note.ts';
import { verifyProofFile } from '../../src/domain/ledger/receipt.ts';
import { axe, screenshot, startWeb, type WebRig } from './harness.ts';

let web: WebRig;
beforeAll(async () => {
  web = await startWeb();
  await web.get('/Patient/patient-ada', 'clinician').expect(200);
  await web.get('/Observation?patient=patient-ada&category=laboratory', 'clinician').expect(200);
  await web.get('/Patient/patient-ada', 'front-desk').expect(200);
  await web.get('/Patient/patient-ada', 'patient').expect(200);
}, 120_000);
afterAll(() => web.close());

describe('who saw my record', () => {
  it('tells in sentences, by day and person, who looked, what for and what was hidden, but not oneself', async () => {
    const { page, complaints, close } = await web.openMy('patient');
    await page.getByRole('heading', { name: 'Dr Amara Okafor' }).waitFor();
    const text = (await page.textContent('main')) ?? '';
    expect(text).toContain('Dr Amara Okafor looked at your personal details to treat you.');
    expect(text).toContain('Dr Amara Okafor looked at your measurements and test results to treat you.');
    expect(text).toMatch(/looked at your personal details to run the hospital/);
    expect(text).toMatch(/details were hidden: [^.]*Social security numbers[^.]*\. You had allowed it\./);
    expect(text).toContain('With the program “ward-app”.');
    expect(text).not.toContain('“Consentry”');
    expect(text).not.toContain('You looked at');
    await page.getByRole('switch', { name: 'Show what I looked at myself' }).check({ force: true });
    await page.getByText('You looked at your personal details because you asked for it.').waitFor();
    await screenshot(page, 'my-record');
    expect(complaints).toEqual([]);
    await close();
  });

  it('gives a proof of an access that holds without the gateway, and for nobody else', async () => {
    const { page, close } = await web.openMy('patient');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Proof' }).first().click(),
    ]);
    const file = readFileSync(await download.path(), 'utf8');
    const { ledger } = web.demo.gateway;
    const key = parseVerifierKey(nodeHashing, ledger.verifierKey);
    const verdict = verifyProofFile(nodeHashing, file, key === undefined ? [] : [noteVerifierOf(key)]);
    if (!verdict.ok) throw new Error(verdict.text);
    const shown = new Map(verdict.openings.map(({ name, text }) => [name, text]));
    expect([...shown.keys()].sort()).toEqual(['actor', 'outcome', 'purpose', 'resource', 'subject']);
    expect(shown.get('subject')).toBe('{"patient":"patient-ada"}');
    expect(verifyProofFile(nodeHashing, file.replace('practitioner', 'practitionex'), [])).toMatchObject({ ok: false });
    const path = `${web.url}/api/v1/disclosures/${verdict.index}/proof`;
    const status = async (token: string | undefined) =>
      (await fetch(path, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await status(await web.token('patient', { patient: 'patient-ben', fhirUser: 'Patient/patient-ben' }))).toBe(
      404,
    );
    expect(await status(await web.token('clinician'))).toBe(403);
    expect(await status(await web.token('privacy-officer'))).toBe(403);
    expect(await status(undefined)).toBe(401);
    await close();
  });

  it('writes the question about an access', async () => {
    const { page, close } = await web.openMy('patient', { path: 'record', phone: true });
    await page.getByRole('button', { name: 'Ask about this' }).first().click();
    const words = await page.getByRole('textbox', { name: 'Ask about this access' }).inputValue();
    expect(words).toMatch(/I have a question about an access to my health record/);
    expect(await page.getByRole('link', { name: 'Write an e-mail' }).getAttribute('href')).toMatch(
      /^mailto:\?subject=/,
    );
    expect(await axe(page)).toEqual([]);
    await close();
  });
});

describe('my choices', () => {
  it('shows one card for each recipient: what, what for, until when', async () => {
    const { page, complaints, close } = await web.openMy('patient', { path: 'choices' });
    const card = page.getByRole('article', { name: 'Dr Elin Lindqvist' });
    await card.waitFor();
    const text = (await card.textContent()) ?? '';
    expect(text).toContain('personal details and images');
    expect(text).toContain('to treat you');
    expect(text).toContain('once somebody has referred you there');
    expect(text).toContain('Until Jan 1, 2031');
    await screenshot(page, 'my-choices');
    expect(complaints).toEqual([]);
    await close();
  });

  it('grants in two taps, takes back in two taps, and it counts for the next call; the patient sees the refusal', async () => {
    const read = () => web.get('/Observation?patient=patient-ada&category=laboratory', 'specialist');
    expect((await read()).body.entry ?? []).toEqual([]);
    const { page, complaints, close } = await web.openMy('patient', { path: 'choices', phone: true });

    await page.getByRole('button', { name: 'Allow somebody' }).click();
    await page.getByRole('textbox', { name: 'Who?' }).fill('Lindqvist');
    await page.getByRole('option', { name: 'Dr Elin Lindqvist' }).click();
    expect(await axe(page)).toEqual([]);
    await screenshot(page, 'my-grant');
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await page.getByText(/^Done\. It holds since/).waitFor();
    expect((await read()).body.entry.length).toBeGreaterThan(0);

    const card = page
      .getByRole('article', { name: 'Dr Elin Lindqvist' })
      .filter({ hasText: 'everything, but nothing that is specially protected' });
    await card.getByRole('button', { name: 'Take back' }).click();
    await card.getByRole('button', { name: 'Yes, take back now' }).click();
    await page.getByText(/^Taken back\. It has counted since/).waitFor();
    expect((await read()).body.entry ?? []).toEqual([]);
    await card.waitFor({ state: 'detached' });
    await page.getByText('You took back your choice about Dr Elin Lindqvist.').first().waitFor();
    expect(complaints).toEqual([]);
    await close();
  });

  it('refuses by name: the clinician is let in no more, and the patient reads of the attempt', async () => {
    await web.get('/Patient/patient-ada', 'clinician').expect(200);
    const { page, close } = await web.openMy('patient', { path: 'choices' });
    await page.getByRole('button', { name: 'Refuse somebody' }).click();
    await page.getByRole('textbox', { name: 'Who?' }).fill('Okafor');
    await page.getByRole('option', { name: 'Dr Amara Okafor' }).click();
    await page.getByRole('button', { name: 'Refuse', exact: true }).click();
    await page.getByText(/^Done\. It holds since/).waitFor();
    await web.get('/Patient/patient-ada', 'clinician').expect(403);
    await page.getByRole('link', { name: 'Who saw my record' }).first().click();
    await page.getByText('It was refused. Nothing was shown.').first().waitFor();
    await page.goBack();
    const card = page.getByRole('article', { name: 'Dr Amara Okafor' }).filter({ hasText: 'May not see' });
    await card.getByRole('button', { name: 'Take back' }).click();
    await card.getByRole('button', { name: 'Yes, take back now' }).click();
    await page.getByText(/^Taken back\./).waitFor();
    await web.get('/Patient/patient-ada', 'clinician').expect(200);
    await close();
  });

  it('shows less: what is unticked is withheld from then on', async () => {
    const { page, close } = await web.openMy('patient', { path: 'choices' });
    const card = page.getByRole('article', { name: 'Front desk' });
    await card.getByRole('button', { name: 'Show less' }).click();
    await page.getByLabel('insurance').uncheck();
    await page.getByRole('button', { name: 'Show less now' }).click();
    await page.getByText(/^Done\. Less is shown since/).waitFor();
    await card.filter({ hasNotText: 'insurance' }).waitFor();
    await close();
  });

  it('warns before everything for ever', async () => {
    const { page, close } = await web.openMy('patient', { path: 'choices' });
    await page.getByRole('button', { name: 'Allow somebody' }).click();
    expect(await page.getByText('This is everything, for ever.').count()).toBe(0);
    await page.getByLabel('No end').check();
    await page.getByText('This is everything, for ever.').waitFor();
    await close();
  });

  it('opens the record to emergency doctors in advance, closes it even to them after a warning, and opens it again', async () => {
    const token = await web.token('specialist', { purpose: 'ETREAT', reason: 'Found unconscious in the street.' });
    const rescue = async () =>
      (await fetch(`${web.url}/fhir/Patient/patient-ada`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await rescue()).toBe(200);
    const { page, close } = await web.openMy('patient', { path: 'choices', phone: true });
    const way = (name: RegExp) => page.getByRole('radio', { name });
    expect(await way(/with a stated reason/).isChecked()).toBe(true);
    await way(/at once/).check();
    await page.getByRole('article', { name: 'Doctors and nurses' }).waitFor();

    await way(/stays closed/).check();
    await page.getByText('This can cost your life.').waitFor();
    expect(await rescue()).toBe(200);
    expect(await axe(page)).toEqual([]);
    await screenshot(page, 'my-emergency');
    await page.getByRole('button', { name: 'Yes, close it even then' }).click();
    await page.getByText('You closed your record even for emergencies.').waitFor();
    await page.getByRole('article', { name: 'Doctors and nurses' }).waitFor({ state: 'detached' });
    expect(await rescue()).toBe(403);
    // Whom the patient allowed is not touched by it.
    await web.get('/Patient/patient-ada', 'clinician').expect(200);

    await way(/with a stated reason/).check();
    await page.getByText('You opened your record for emergencies again.').waitFor();
    expect(await rescue()).toBe(200);
    await close();
  });
});

describe('how one signs', () => {
  it('moves from the hospital’s key to a passkey, by which one allows and takes back, and back to a new key', async () => {
    const read = () => web.get('/Observation?patient=patient-ada&category=laboratory', 'specialist');
    const keptKeyGrants = async () => {
      const answer = await fetch(`${web.url}/api/v1/consents`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await web.token('patient')}`, 'content-type': 'application/json' },
        body: JSON.stringify({ grants: [{ grantee: { kind: 'role', reference: 'nurse' }, purposes: ['TREAT'] }] }),
      });
      return answer.status;
    };
    const { page, complaints, close } = await web.openMy('patient', { path: 'choices', phone: true, named: true });
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    await page.getByRole('button', { name: 'Sign with a passkey' }).click();
    await page.getByText('If you lose it, nobody can change your choices here').waitFor();
    expect(await axe(page)).toEqual([]);
    await screenshot(page, 'my-passkey');
    await page.getByRole('button', { name: 'Yes, change it' }).click();
    await page.getByText(/^Done\. You have signed in the new way/).waitFor();
    await page.getByText('You sign with a passkey:').waitFor();
    expect(await keptKeyGrants()).toBe(403);

    // Somebody who is not recognised by the device allows nothing.
    const allow = async () => {
      await page.getByRole('button', { name: 'Allow somebody' }).click();
      await page.getByRole('textbox', { name: 'Who?' }).fill('Lindqvist');
      await page.getByRole('option', { name: 'Dr Elin Lindqvist' }).click();
      await page.getByRole('button', { name: 'Allow', exact: true }).click();
    };
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
    await allow();
    await page.getByText('Your passkey was not used. Nothing has changed.').waitFor();
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
    await page.goto(`${web.url.replace('127.0.0.1', 'localhost')}/my/choices`);
    await allow();
    await page.getByText(/^Done\. It holds since/).waitFor();
    expect((await read()).body.entry.length).toBeGreaterThan(0);
    const card = page
      .getByRole('article', { name: 'Dr Elin Lindqvist' })
      .filter({ hasText: 'everything, but nothing that is specially protected' });
    await card.getByRole('button', { name: 'Take back' }).click();
    await card.getByRole('button', { name: 'Yes, take back now' }).click();
    await page.getByText(/^Taken back\. It has counted since/).waitFor();
    expect((await read()).body.entry ?? []).toEqual([]);

    await page.getByRole('button', { name: 'Let my hospital keep a key' }).click();
    await page.getByRole('button', { name: 'Yes, change it' }).click();
    await page.getByText('Your hospital keeps a key for you.').waitFor();
    await page.getByText('Your hospital keeps a new key for you since then.').waitFor();
    expect(await keptKeyGrants()).toBe(201);
    expect(complaints).toEqual([]);
    await close();
  });
});

describe('my data', () => {
  it('shows the own record with what is known of its integrity, and gives it as a file', async () => {
    const { page, complaints, close } = await web.openMy('patient', { path: 'data' });
    await page.getByRole('button', { name: /Diagnoses/ }).click();
    await page.getByText('Unaltered since it was first read here.').first().waitFor();
    await screenshot(page, 'my-data');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download everything' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('my-health-record.json');
    const file = readFileSync(await download.path(), 'utf8');
    const key = parseVerifierKey(nodeHashing, web.demo.gateway.ledger.verifierKey);
    const verifiers = key === undefined ? [] : [noteVerifierOf(key)];
    const verdict = await verifyCopy(JSON.parse(file), (proof) => verifyProofFile(nodeHashing, proof, verifiers));
    if (!verdict.ok) throw new Error(verdict.text);
    expect(verdict.covered.length).toBeGreaterThan(20);
    expect(verdict.covered).toContain('Patient/patient-ada');
    expect(file).toContain('urn:consentry:record-integrity');
    expect(complaints).toEqual([]);
    await close();
  });

  it('leads to sharing images with a specialist after a referral', async () => {
    const { page, close } = await web.openMy('patient', { path: 'data' });
    await page.getByRole('link', { name: 'Show my images to a specialist, after a referral' }).click();
    await page.getByRole('dialog').waitFor();
    expect(await page.getByLabel('images').isChecked()).toBe(true);
    expect(await page.getByLabel('Only once I have been referred there').isChecked()).toBe(true);
    await close();
  });
});

describe('the patient pages', () => {
  it.each([
    ['record', 'light'],
    ['record', 'dark'],
    ['choices', 'light'],
    ['choices', 'dark'],
    ['data', 'light'],
    ['data', 'dark'],
  ] as const)('have nothing that axe finds: %s in %s, at phone width', async (path, scheme) => {
    const { page, close } = await web.openMy('patient', { path, scheme, phone: true });
    await page.waitForLoadState('networkidle');
    if (path === 'data') await page.getByRole('button', { name: /Diagnoses/ }).click();
    expect(await axe(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await close();
  });

  it('are in German too', async () => {
    const { page, close } = await web.openMy('patient', { language: 'de' });
    await page.getByText('hat Ihre Angaben zur Person angesehen, um Sie zu behandeln').first().waitFor();
    await close();
  });

  it('open to nobody without a record of their own', async () => {
    const { page, close } = await web.openMy('clinician');
    expect(await page.textContent('main')).toContain('No health record belongs to this log-in.');
    await close();
  });
});
