import type { ConsentActor } from '../../../src/domain/consent/actor.ts';
import { actionBit, classBit, labelBit, purposeBit } from '../../../src/domain/consent/bits.ts';
import type { ConsentQuestion } from '../../../src/domain/consent/decide.ts';
import type {
  Attestation,
  BlockRef,
  ConsentView,
  EpochSeconds,
  Grant,
  GranteeKey,
  GrantId,
  SubjectKey,
} from '../../../src/domain/consent/grant.ts';
import type { ResourceFacts } from '../../../src/domain/consent/match.ts';
import type { PurposeOfUse } from '../../../src/domain/identity/principal.ts';

export const at = (iso: string): EpochSeconds => (Date.parse(iso) / 1000) as EpochSeconds;
export const subject = (name: string): SubjectKey => `0x${name}` as SubjectKey;
export const grantee = (name: string): GranteeKey => `0x${name}` as GranteeKey;
export const now = at('2026-11-22T12:00:00Z');
const never = 0 as EpochSeconds;

export const grant = (more: Partial<Grant> = {}): Grant => ({
  id: '0x01' as GrantId,
  subject: subject('anna'),
  granteeKind: 'organisation',
  grantee: grantee('clinic'),
  effect: 'permit',
  actions: actionBit('read') | actionBit('search'),
  purposes: purposeBit('TREAT'),
  classes: 0,
  labels: 0,
  conditions: 0,
  from: at('2026-01-01T00:00:00Z'),
  until: never,
  dataFrom: never,
  dataUntil: never,
  terms: `0x${'0'.repeat(64)}`,
  block: 1,
  ...more,
});

export const viewOf = (grants: readonly Grant[], attestations: readonly Attestation[] = []): ConsentView => {
  const bySubject = Map.groupBy(grants, (one) => one.subject);
  return {
    contract: '0x00000000000000000000000000000000000000aa',
    chainId: 31337,
    head: { number: 7, hash: `0x${'7'.repeat(64)}`, time: now } satisfies BlockRef,
    grantsOf: (key) => bySubject.get(key) ?? [],
    attested: (id, condition) => attestations.find((one) => one.grant === id && one.condition === condition)?.until,
  };
};

export const clinician: ConsentActor = {
  person: grantee('meyer'),
  organisation: grantee('clinic'),
  roles: [grantee('physician')],
  careTeams: [grantee('team')],
  app: grantee('app'),
};

export const question = (more: Partial<ConsentQuestion> = {}): ConsentQuestion => ({
  subject: subject('anna'),
  self: false,
  actor: clinician,
  roles: ['physician'],
  purpose: 'TREAT' as PurposeOfUse,
  action: 'read',
  now,
  ...more,
});

export const facts = (more: Partial<ResourceFacts> = {}): ResourceFacts => ({
  classes: classBit('labs'),
  labels: 0,
  ...more,
});

export { actionBit, classBit, labelBit, purposeBit };
