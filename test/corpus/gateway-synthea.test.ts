import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Bundle, BundleEntry } from '@medplum/fhirtypes';
import { addressOfKey, controllerOfSigner, signGrant } from '../../src/adapters/chain/sign.ts';
import { filesToLoad, readFhirFile } from '../../src/adapters/upstream/load-files.ts';
import type { EpochSeconds, GranteeKind } from '../../src/domain/consent/grant.ts';
import { consentDomain } from '../../src/domain/consent/typed-data.ts';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import { pseudonymIn, type Rig, startRig } from '../flow/rig.ts';
import { corpusFolder } from './files.ts';

/** Every Synthea patient goes in through the gateway as a hospital's own system would send it, and is read by each persona. */
let rig: Rig;
let token: string;
beforeAll(async () => {
  rig = await startRig();
  token = await rig.token('clinician', {
    roles: ['system'],
    purpose: 'TREAT',
    scope: 'system/*.cruds',
    client: 'hospital-interface',
    user: 'interface',
    fhirUser: 'Practitioner/interface',
  });
}, 60_000);
afterAll(() => rig.close());

const send = async (bundle: object): Promise<{ readonly status: number; readonly text: string }> => {
  const response = await fetch(rig.demo.gateway.fhirBase, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' },
    body: JSON.stringify(bundle),
  });
  return { status: response.status, text: await response.text() };
};

/** As a transaction that creates: ids are the server's to give. */
const creating = (entries: readonly BundleEntry[]): Bundle => ({
  resourceType: 'Bundle',
  type: 'transaction',
  entry: entries.flatMap(({ fullUrl, resource, request }) =>
    resource === undefined
      ? []
      : [
          {
            ...(fullUrl?.startsWith('urn:') === true ? { fullUrl } : {}),
            resource,
            request: request ?? { method: 'POST' as const, url: resource.resourceType },
          },
        ],
  ),
});

const patients: PatientId[] = [];
let sent = 0;

describe('the Synthea corpus through the gateway', () => {
  it('goes in file by file, each a transaction', async () => {
    const refused: string[] = [];
    for (const file of await filesToLoad(join(corpusFolder(), 'synthea'))) {
      const content = await readFhirFile(file);
      if (content === undefined || content.bundle === undefined) continue;
      const bundle = creating(content.bundle.entry ?? []);
      const answer = await send(bundle);
      if (answer.status !== 200) {
        refused.push(
          `${answer.status} ${/"code":"([a-z-]+)"\}\]/.exec(answer.text)?.[1]} ${/"expression":[^\]]*/.exec(answer.text)?.[0]}`,
        );
        continue;
      }
      const { entry = [] } = JSON.parse(answer.text) as Bundle;
      expect(entry).toHaveLength(bundle.entry?.length ?? -1);
      sent += entry.length;
      for (const { response } of entry) {
        const id = /Patient\/([A-Za-z0-9.-]+)/.exec(response?.location ?? '')?.[1];
        if (id !== undefined) patients.push(id as PatientId);
      }
    }
    expect(refused).toEqual([]);
    expect(patients.length).toBeGreaterThan(40);
    process.stderr.write(`Synthea through the gateway: ${sent} resources of ${patients.length} patients\n`);
  });

  it('is closed to everybody until the patients sign', async () => {
    for (const patient of patients.slice(0, 10))
      for (const persona of ['clinician', 'billing', 'researcher'])
        await rig.get(`/Patient/${patient}`, persona).expect(403);
  });

  it('is open to each persona as far as its mask goes once they have', async () => {
    await sign();
    for (const patient of patients) {
      const record = rig.demo.fhir.repository.store.newest('Patient', patient)?.resource;
      const { name = [], birthDate = '-' } = record as { name?: { family?: string }[]; birthDate?: string };
      const ssn = /\d{3}-\d{2}-\d{4}/.exec(JSON.stringify(record))?.[0] ?? 'no-ssn';
      const read = async (persona: string) => {
        const id = persona === 'researcher' ? pseudonymIn(rig.state, patient) : patient;
        return (await rig.get(`/Patient/${id}`, persona).expect(200)).text;
      };
      const clinician = await read('clinician');
      expect(clinician).toContain(JSON.stringify(name[0]?.family).slice(1, -1));
      expect(clinician).not.toContain(ssn);
      expect(await read('billing')).not.toContain(ssn);
      const researcher = await read('researcher');
      for (const secret of [name[0]?.family ?? '-', birthDate, ssn, patient]) expect(researcher).not.toContain(secret);
      const found = await rig.get(`/Observation?patient=${patient}&_count=50`, 'clinician').expect(200);
      for (const { resource } of (found.body.entry ?? []) as { resource: { subject: { reference: string } } }[])
        expect(resource.subject.reference).toBe(`Patient/${patient}`);
    }
  });
});

const grantees: readonly (readonly [GranteeKind, string])[] = [
  ['person', 'Practitioner/practitioner-okafor'],
  ['organisation', 'Organization/organization-riverside'],
  ['study', 'ResearchStudy/study-heart-outcomes'],
];

async function sign(): Promise<void> {
  const { vault, relayer, replica } = rig.demo.gateway;
  if (relayer === undefined) throw new Error('no relayer');
  const domain = consentDomain(rig.demo.chain.chainId, rig.demo.deployment.consentRegistry);
  const now = Math.floor(Date.now() / 1000);
  const settled: Promise<unknown>[] = [];
  const keys = new Map<
    PatientId,
    { readonly subject: Awaited<ReturnType<typeof vault.register>>; readonly key: string }
  >();
  for (const patient of patients) {
    const subject = await vault.register(patient);
    const key = `0x${Buffer.from(vault.controllerKeyOf(patient) ?? []).toString('hex')}`;
    keys.set(patient, { subject, key });
    settled.push((await relayer.register(subject, controllerOfSigner(addressOfKey(key)))).settled);
  }
  await Promise.all(settled.splice(0));
  const granted: Parameters<typeof replica.grant>[0][] = [];
  for (const { subject, key } of keys.values())
    for (const [granteeKind, grantee] of grantees) {
      const grant = await signGrant(
        key,
        {
          subject,
          granteeKind,
          grantee: vault.granteeOf(granteeKind, grantee),
          effect: 'permit',
          // Any action, for any purpose.
          actions: 0,
          purposes: 0,
          classes: 0,
          labels: 0,
          conditions: 0,
          from: (now - 60) as EpochSeconds,
          until: (now + 86_400) as EpochSeconds,
          dataFrom: 0 as EpochSeconds,
          dataUntil: 0 as EpochSeconds,
          terms: `0x${'0'.repeat(64)}`,
          nonce: String(granted.length + 1),
        },
        domain,
        now + 3600,
      );
      granted.push(grant.id);
      settled.push((await relayer.grant(grant)).settled);
    }
  for (const outcome of await Promise.all(settled)) expect(outcome).toMatchObject({ ok: true });
  await new Promise<void>((resolve) => {
    const done = () => granted.every((id) => replica.grant(id) !== undefined);
    const end = replica.onView(() => {
      if (!done()) return;
      end();
      resolve();
    });
    if (done()) {
      end();
      resolve();
    } else replica.nudge();
  });
}
