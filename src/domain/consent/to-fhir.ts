import { actionNames, classNames, conditionNames, labelNames, purposeNames } from './bits.ts';
import { granteeSystem } from './compile.ts';
import type { GrantDraft } from './draft.ts';
import { dataClassSystem } from './fhir-content.ts';
import type { FhirObject } from './fhir-values.ts';
import type { BlockRef, GrantId } from './grant.ts';

/** Where a grant stands on chain. */
export interface ChainProof {
  readonly chainId: number;
  readonly contract: string;
  readonly grant: GrantId;
  readonly terms: string;
  /** The block whose state says so. */
  readonly head: BlockRef;
}

export type GrantState = 'active' | 'expired' | 'revoked';

export interface ShownGrant extends Omit<GrantDraft, 'grantee'> {
  /** Absent: only its keyed name is known here. */
  readonly grantee?: string;
  readonly granteeKey: string;
}

const terminology = 'http://terminology.hl7.org/CodeSystem';
const resourceKinds = new Set(['person', 'organisation', 'care-team']);

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();

/** FHIR ends are inclusive, those of a grant are not. */
const period = (from: number, until: number): FhirObject | undefined =>
  from === 0 && until === 0
    ? undefined
    : {
        ...(from === 0 ? {} : { start: iso(from) }),
        ...(until === 0 ? {} : { end: iso(until - 1).replace('.000Z', 'Z') }),
      };

const actorOf = (grant: ShownGrant): FhirObject => {
  const role = { coding: [{ system: `${terminology}/v3-ParticipationType`, code: 'PRCP' }] };
  const { grantee, granteeKey, granteeKind } = grant;
  if (grantee !== undefined && resourceKinds.has(granteeKind)) return { role, reference: { reference: grantee } };
  const identifier =
    grantee === undefined
      ? { system: 'urn:consentry:grantee', value: granteeKey }
      : { system: granteeSystem(granteeKind), value: grantee };
  return { role, reference: { identifier } };
};

const labelsOf = (grant: ShownGrant): readonly FhirObject[] => {
  const labels = labelNames(grant.labels).map((code) =>
    code === 'R' || code === 'V'
      ? { system: `${terminology}/v3-Confidentiality`, code }
      : { system: `${terminology}/v3-ActCode`, code },
  );
  // A permit reaches normal data, and beyond it what it names.
  return grant.effect === 'permit' ? [{ system: `${terminology}/v3-Confidentiality`, code: 'N' }, ...labels] : labels;
};

const filled = (name: string, values: readonly FhirObject[]): FhirObject =>
  values.length === 0 ? {} : { [name]: values };

const proofExtension = (proof: ChainProof): FhirObject => ({
  url: 'urn:consentry:proof',
  extension: [
    { url: 'chainId', valueString: String(proof.chainId) },
    { url: 'contract', valueString: proof.contract },
    { url: 'grant', valueString: proof.grant },
    { url: 'terms', valueString: proof.terms },
    { url: 'block', valueString: String(proof.head.number) },
    { url: 'blockHash', valueString: proof.head.hash },
  ],
});

/** The chain's state of one grant as an R4 Consent. */
export const consentOfGrant = (
  grant: ShownGrant,
  patient: string,
  state: GrantState,
  proof: ChainProof,
): FhirObject => {
  const valid = period(grant.from, grant.until);
  const data = period(grant.dataFrom, grant.dataUntil);
  const conditions = conditionNames(grant.conditions);
  return {
    resourceType: 'Consent',
    id: proof.grant.slice(2),
    extension: [proofExtension(proof)],
    ...(conditions.length === 0
      ? {}
      : { modifierExtension: conditions.map((valueCode) => ({ url: 'urn:consentry:condition', valueCode })) }),
    status: state === 'active' ? 'active' : 'inactive',
    scope: { coding: [{ system: `${terminology}/consentscope`, code: 'patient-privacy' }] },
    category: [{ coding: [{ system: `${terminology}/v3-ActCode`, code: 'IDSCL' }] }],
    patient: { reference: `Patient/${patient}` },
    policy: [{ uri: 'urn:consentry:registry' }],
    provision: {
      type: grant.effect,
      ...(valid === undefined ? {} : { period: valid }),
      actor: [actorOf(grant)],
      ...filled(
        'action',
        actionNames(grant.actions).map((name) => ({ coding: [{ system: 'urn:consentry:action', code: name }] })),
      ),
      ...filled('securityLabel', labelsOf(grant)),
      ...filled(
        'purpose',
        purposeNames(grant.purposes).map((code) => ({ system: `${terminology}/v3-ActReason`, code })),
      ),
      ...filled(
        'class',
        classNames(grant.classes).map((code) => ({ system: dataClassSystem, code })),
      ),
      ...(data === undefined ? {} : { dataPeriod: data }),
    },
  };
};
