import { describe, expect, it } from '@jest/globals';
import { classifier } from '../../src/domain/consent/classifier.ts';
import { readDocuments } from '../../src/domain/consent/consent-documents.ts';
import { answerRequests } from '../../src/domain/consent/decide-fhir.ts';

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const sets = classifier([], '');

const consent = {
  resourceType: 'Consent',
  id: 'c1',
  status: 'active',
  scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
  category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
  patient: { reference: 'Patient/p1' },
  dateTime: '2024-01-01',
  policyRule: {
    coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'OPTIN' }],
  },
  provision: {
    actor: [
      {
        role: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'PRCP' }] },
        reference: { reference: 'CareTeam/t1' },
      },
    ],
  },
};

const request = {
  patient: 'Patient/p1',
  actor: ['Practitioner/dr1'],
  roles: ['doctor'],
  organization: 'Organization/org1',
  purpose: 'TREAT',
  action: 'read',
  resource: {
    resourceType: 'Observation',
    id: 'o1',
    status: 'final',
    subject: { reference: 'Patient/p1' },
    code: { coding: [{ system: 'http://loinc.org', code: '4548-4' }] },
    effectiveDateTime: '2024-03-01T10:00:00Z',
  },
  time: '2024-06-15T12:00:00Z',
};

const decided = (team: object): string => {
  const documents = readDocuments([
    bytes([consent, { resourceType: 'CareTeam', id: 't1', status: 'active', ...team }]),
  ]);
  const [first] = answerRequests(documents, bytes(request), sets, 0).answers;
  return first?.ok === true ? first.decision.decision : 'refused';
};

const decidedContained = (team: object): string => {
  const contained = [{ resourceType: 'CareTeam', id: 't1', status: 'active', participant: [member], ...team }];
  const actor = consent.provision.actor.map((one) => ({ ...one, reference: { reference: '#t1' } }));
  const whole = { ...consent, contained, provision: { ...consent.provision, actor } };
  const [first] = answerRequests(readDocuments([bytes(whole)]), bytes(request), sets, 0).answers;
  return first?.ok === true ? first.decision.decision : 'refused';
};

const member = { member: { reference: 'Practitioner/dr1' } };
const noPeriods: readonly unknown[] = [null, true, 7, '', 'x', [], {}, { x: 1 }, { end: null }, { end: 'yesterday' }];

describe('A care team to which a patient permits access', () => {
  it('lets its members in, and nobody after its period', () => {
    expect(decided({ participant: [member] })).toBe('permit');
    expect(decided({ participant: [member], period: { start: '2024-01-01' } })).toBe('permit');
    expect(decided({ participant: [member], period: { end: '2024-01-01' } })).not.toBe('permit');
  });

  it.each(noPeriods.map((period, index) => [index, period]))(
    'lets nobody in when its period is damaged (%i)',
    (_, period) => {
      expect(decided({ participant: [member], period })).not.toBe('permit');
      expect(decided({ participant: [{ ...member, period }] })).not.toBe('permit');
    },
  );

  it('is held to the same when the consent itself contains it', () => {
    expect(decidedContained({})).toBe('permit');
    for (const period of noPeriods) expect(decidedContained({ period })).not.toBe('permit');
  });

  it('lets nobody in when a member cannot be read', () => {
    expect(decided({ participant: [member, null] })).not.toBe('permit');
    expect(decided({ participant: { 0: member } })).not.toBe('permit');
  });
});
