import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { RelayOutcome } from '../adapters/chain/relayer.ts';
import {
  addressOfKey,
  controllerOfSigner,
  type SignedGrant,
  signGrant,
  signRevocation,
} from '../adapters/chain/sign.ts';
import { type DemoConsent, readDemoConsents } from '../adapters/upstream/demo-fixtures.ts';
import {
  consentActions,
  consentPurposes,
  dataClasses,
  type EpochSeconds,
  grantConditions,
  type SubjectKey,
  securityLabels,
} from '../domain/consent/grant.ts';
import { consentDomain, type GrantTerms } from '../domain/consent/typed-data.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import type { RunningGateway } from './start-gateway.ts';

export type DemoStep = 'chain' | 'fhir' | 'issuer' | 'gateway' | 'consents';

/** Until when a relayer may bring a signed grant to the chain. */
const DEADLINE_SECONDS = 3600;

/** Each patient of the fixtures signs what they consent to, with their own key; the relayer brings it to the chain. Once. */
export async function signDemoConsents(
  gateway: RunningGateway,
  chainId: number,
  contract: string,
  marker: string,
  patients: readonly string[],
): Promise<void> {
  const earlier: SignedBefore[] = existsSync(marker)
    ? (JSON.parse(readFileSync(marker, 'utf8')) as SignedBefore[])
    : [];
  const known = new Set(earlier.map(({ consent }) => consent));
  const consents = demoConsents(patients).filter(({ id }) => !known.has(id));
  if (consents.length === 0) return;
  const { relayer, vault, replica } = gateway;
  if (relayer === undefined) throw new Error('The demo needs a relayer.');
  const domain = consentDomain(chainId, contract);
  const keys = new Map<string, { readonly subject: SubjectKey; readonly key: string }>();
  const registered = [];
  for (const patient of new Set(consents.map((consent) => consent.patient as PatientId))) {
    const subject = await vault.register(patient);
    const controller = vault.controllerKeyOf(patient);
    if (controller === undefined) throw new Error('A patient of the demo has no key.');
    const key = `0x${Buffer.from(controller).toString('hex')}`;
    keys.set(patient, { subject, key });
    registered.push((await relayer.register(subject, controllerOfSigner(addressOfKey(key)))).settled);
  }
  await Promise.all(registered);

  const settled: Promise<RelayOutcome>[] = [];
  const signed: { readonly consent: DemoConsent; readonly grant: SignedGrant }[] = [];
  for (const consent of consents) {
    const holder = keys.get(consent.patient);
    if (holder === undefined) continue;
    const grant = await signGrant(
      holder.key,
      termsOf(consent, holder.subject, gateway),
      domain,
      Math.floor(Date.now() / 1000) + DEADLINE_SECONDS,
    );
    signed.push({ consent, grant });
    settled.push((await relayer.grant(grant)).settled);
  }
  await Promise.all(settled);

  const after: Promise<RelayOutcome>[] = [];
  for (const { consent, grant } of signed) {
    const holder = keys.get(consent.patient);
    if (holder === undefined) continue;
    if (consent.revokedInDemo === true)
      after.push((await relayer.revoke(await signRevocation(holder.key, holder.subject, grant.id, domain))).settled);
    if (consent.attestedInDemo === true) {
      for (const condition of consent.conditions) {
        const until = Math.floor(Date.parse(consent.until) / 1000) as EpochSeconds;
        after.push(
          (await relayer.attest({ grant: grant.id, condition, until, commitment: `0x${'0'.repeat(64)}` })).settled,
        );
      }
    }
  }
  const blocks = (await Promise.all([...settled, ...after])).map((outcome) => (outcome.ok ? (outcome.block ?? 0) : 0));
  const last = Math.max(0, ...blocks);
  await until(replica, () => (replica.view()?.head.number ?? -1) >= last);
  writeFileSync(
    marker,
    `${JSON.stringify(
      [...earlier, ...signed.map(({ consent, grant }) => ({ consent: consent.id, grant: grant.id }))],
      null,
      2,
    )}\n`,
  );
}

interface SignedBefore {
  readonly consent: string;
  readonly grant: string;
}

/** What the patients of the fixtures sign; others that were loaded sign as the first of them does. */
function demoConsents(patients: readonly string[]): readonly DemoConsent[] {
  const written = readDemoConsents();
  const [first] = written;
  const model = written.filter((consent) => consent.patient === first?.patient && consent.conditions.length === 0);
  const named = new Set(written.map((consent) => consent.patient));
  const others = patients.filter((patient) => !named.has(patient));
  return [
    ...written,
    ...others.flatMap((patient) =>
      model.map((consent) => ({ ...consent, patient, id: `${consent.id}-for-${patient}` })),
    ),
  ];
}

/** Resolves with the first view that has it; each view is news from the chain. */
function until(replica: RunningGateway['replica'], there: () => boolean): Promise<void> {
  if (there()) return Promise.resolve();
  return new Promise((resolve) => {
    const end = replica.onView(() => {
      if (!there()) return;
      end();
      resolve();
    });
    replica.nudge();
  });
}

function termsOf(consent: DemoConsent, subject: SubjectKey, gateway: RunningGateway): GrantTerms {
  const { vault } = gateway;
  const salt = vault.saltOf(consent.patient as PatientId, `terms:${consent.id}`);
  return {
    subject,
    granteeKind: consent.granteeKind,
    grantee: vault.granteeOf(consent.granteeKind, consent.grantee),
    effect: consent.effect,
    actions: bits(consentActions, consent.actions),
    purposes: bits(consentPurposes, consent.purposes),
    classes: bits(dataClasses, consent.classes),
    labels: bits(securityLabels, consent.labels),
    conditions: bits(grantConditions, consent.conditions),
    from: seconds(consent.from),
    until: seconds(consent.until),
    dataFrom: 0 as EpochSeconds,
    dataUntil: 0 as EpochSeconds,
    terms: `0x${Buffer.from(salt ?? new Uint8Array(32)).toString('hex')}`,
    nonce: String(BigInt(`0x${Buffer.from(gateway.random.bytes(7)).toString('hex')}`)),
  };
}

const bits = <Name extends string>(names: readonly Name[], chosen: readonly Name[]): number =>
  chosen.reduce((bitmap, name) => bitmap | (2 ** names.indexOf(name)), 0);

const seconds = (instant: string): EpochSeconds => Math.floor(Date.parse(instant) / 1000) as EpochSeconds;
