import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type DemoConsent, readDemoConsents } from '../adapters/upstream/demo-fixtures.ts';
import type { GrantDraft } from '../domain/consent/draft.ts';
import {
  consentActions,
  consentPurposes,
  dataClasses,
  type EpochSeconds,
  type GrantId,
  grantConditions,
  securityLabels,
} from '../domain/consent/grant.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import type { Problem } from '../domain/problem.ts';
import type { DeskCaller, Settled } from '../http/consent-desk-parts.ts';
import type { RunningGateway } from './start-gateway.ts';

export type DemoStep = 'chain' | 'fhir' | 'issuer' | 'gateway' | 'consents';

/** Each patient of the fixtures gives consent at the desk, with the key that the gateway keeps for them. Once. */
export async function signDemoConsents(
  gateway: RunningGateway,
  marker: string,
  patients: readonly string[],
): Promise<void> {
  const earlier: SignedBefore[] = existsSync(marker)
    ? (JSON.parse(readFileSync(marker, 'utf8')) as SignedBefore[])
    : [];
  const known = new Set(earlier.map(({ consent }) => consent));
  const consents = demoConsents(patients).filter(({ id }) => !known.has(id));
  if (consents.length === 0) return;
  const { consents: desk, relayer, replica } = gateway;
  if (relayer === undefined) throw new Error('The demo needs a relayer.');

  const signed: {
    readonly consent: DemoConsent;
    readonly caller: DeskCaller & { readonly patient: PatientId };
    readonly grant: GrantId;
  }[] = [];
  await Promise.all(
    [...Map.groupBy(consents, ({ patient }) => patient)].map(async ([name, wanted]) => {
      const caller = callerOf(name as PatientId);
      const granted = await desk.grant(caller, caller.patient, wanted.map(draftOf));
      if ('code' in granted) throw new Error(`A patient of the demo could not give consent: ${granted.code}.`);
      for (const [index, consent] of wanted.entries()) {
        const grant = granted[index]?.id;
        if (grant !== undefined) signed.push({ consent, caller, grant });
      }
    }),
  );
  await until(replica, () => signed.every(({ grant }) => replica.grant(grant) !== undefined));

  const blocks = await Promise.all(
    signed.flatMap(({ consent, caller, grant }): Promise<number>[] => [
      ...(consent.revokedInDemo === true ? [desk.revoke(caller, caller.patient, grant).then(blockOf)] : []),
      ...(consent.attestedInDemo === true
        ? consent.conditions.map(async (condition) => {
            const attested = await relayer.attest({
              grant,
              condition,
              until: seconds(consent.until),
              commitment: `0x${'0'.repeat(64)}`,
            });
            const outcome = await attested.settled;
            return outcome.ok ? (outcome.block ?? 0) : 0;
          })
        : []),
    ]),
  );
  const last = Math.max(0, ...blocks);
  await until(replica, () => (replica.view()?.head.number ?? -1) >= last);
  const now = [...earlier, ...signed.map(({ consent, grant }) => ({ consent: consent.id, grant }))];
  writeFileSync(marker, `${JSON.stringify(now, null, 2)}\n`);
}

interface SignedBefore {
  readonly consent: string;
  readonly grant: string;
}

const callerOf = (patient: PatientId) => ({
  user: `Patient/${patient}`,
  issuer: 'urn:consentry:demo',
  client: 'demo',
  patient,
  requestId: 'demo',
});

const blockOf = (settled: Settled | Problem): number => ('block' in settled ? (settled.block ?? 0) : 0);

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

const draftOf = (consent: DemoConsent): GrantDraft => ({
  effect: consent.effect,
  granteeKind: consent.granteeKind,
  grantee: consent.grantee,
  actions: bits(consentActions, consent.actions),
  purposes: bits(consentPurposes, consent.purposes),
  classes: bits(dataClasses, consent.classes),
  labels: bits(securityLabels, consent.labels),
  conditions: bits(grantConditions, consent.conditions),
  from: seconds(consent.from),
  until: seconds(consent.until),
  dataFrom: 0 as EpochSeconds,
  dataUntil: 0 as EpochSeconds,
});

const bits = <Name extends string>(names: readonly Name[], chosen: readonly Name[]): number =>
  chosen.reduce((bitmap, name) => bitmap | (2 ** names.indexOf(name)), 0);

const seconds = (instant: string): EpochSeconds => Math.floor(Date.parse(instant) / 1000) as EpochSeconds;
