import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compileConsent } from '../../../src/domain/consent/compile.ts';
import { decide } from '../../../src/domain/consent/decide.ts';
import type { GrantDraft } from '../../../src/domain/consent/draft.ts';
import { readConsent } from '../../../src/domain/consent/fhir-consent.ts';
import { fhirContent } from '../../../src/domain/consent/fhir-content.ts';
import { decideForPatient } from '../../../src/domain/consent/fhir-decide.ts';
import type { FhirObject } from '../../../src/domain/consent/fhir-values.ts';
import type { GranteeKey, GrantId } from '../../../src/domain/consent/grant.ts';
import { closedPolicy } from '../../../src/domain/consent/policy.ts';
import { fhirReference } from '../../../src/domain/consent/reference.ts';
import { consentOfGrant } from '../../../src/domain/consent/to-fhir.ts';
import type { PurposeOfUse } from '../../../src/domain/identity/principal.ts';
import { actionBit, at, classBit, labelBit, now, purposeBit, subject, viewOf } from './world.ts';

const options = {
  bases: ['https://ehr.example.org/fhir'],
  possible: (type: string) => (type === 'Immunization' ? classBit('immunizations') : 0),
};
const compile = (consent: FhirObject) => {
  const reading = readConsent(consent);
  if (reading.kind !== 'statement') throw new Error(`not readable: ${JSON.stringify(reading)}`);
  return compileConsent(reading.statement, options);
};
const r4 = (provision: FhirObject): FhirObject => ({
  resourceType: 'Consent',
  id: 'c1',
  status: 'active',
  patient: { reference: 'Patient/anna' },
  provision,
});
const clinic = [{ reference: { reference: 'Organization/clinic' } }];
const drafts = (consent: FhirObject): readonly GrantDraft[] => {
  const compiled = compile(consent);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.reasons));
  return compiled.drafts;
};
const refusals = (consent: FhirObject): readonly string[] => {
  const compiled = compile(consent);
  return compiled.ok ? [] : compiled.reasons.map(({ text }) => text);
};

describe('a FHIR Consent as grants', () => {
  it('becomes one grant for each actor, with every limit', () => {
    const consent = r4({
      type: 'permit',
      actor: [{ reference: { reference: 'Practitioner/p1' } }, ...clinic],
      purpose: [{ code: 'TREAT' }],
      action: [{ coding: [{ code: 'access' }] }],
      class: [{ system: 'urn:consentry:data-class', code: 'labs' }],
      securityLabel: [{ code: 'N' }, { code: 'HIV' }],
      period: { start: '2026-01-01', end: '2026-12-31' },
      dataPeriod: { start: '2020-01-01' },
    });
    expect(drafts(consent)).toEqual(
      [
        { granteeKind: 'person', grantee: 'Practitioner/p1' },
        { granteeKind: 'organisation', grantee: 'Organization/clinic' },
      ].map((grantee) => ({
        ...grantee,
        effect: 'permit',
        actions: actionBit('read') | actionBit('search') | actionBit('operation'),
        purposes: purposeBit('TREAT') | purposeBit('ETREAT') | purposeBit('BTG'),
        classes: classBit('labs'),
        labels: labelBit('HIV'),
        conditions: 0,
        from: at('2026-01-01T00:00:00Z'),
        until: at('2027-01-01T00:00:00Z'),
        dataFrom: at('2020-01-01T00:00:00Z'),
        dataUntil: 0,
      })),
    );
  });

  it('turns a nested refusal into a deny within the limits of the permit', () => {
    const consent = r4({
      type: 'permit',
      actor: clinic,
      purpose: [{ code: 'HRESCH' }],
      provision: [{ type: 'deny', securityLabel: [{ code: 'SUD' }] }],
    });
    expect(drafts(consent).map(({ effect, labels, purposes }) => ({ effect, labels, purposes }))).toEqual([
      { effect: 'permit', labels: 0, purposes: purposeBit('HRESCH') | purposeBit('CLINTRCH') },
      {
        effect: 'deny',
        labels: labelBit('SUD') | labelBit('ETHUD') | labelBit('OPIOIDUD'),
        purposes: purposeBit('HRESCH') | purposeBit('CLINTRCH'),
      },
    ]);
  });

  it('takes the permits out of an R5 decision of deny: that is what holds anyway', () => {
    const consent = {
      resourceType: 'Consent',
      status: 'active',
      subject: { reference: 'Patient/anna' },
      decision: 'deny',
      provision: [{ actor: clinic, provision: [{ purpose: [{ code: 'HRESCH' }] }] }],
    };
    expect(drafts(consent).map(({ effect }) => effect)).toEqual(['permit', 'deny']);
  });

  it.each([
    ['anyone', { type: 'permit' }, 'anyone'],
    ['single codes', { type: 'permit', actor: clinic, code: [{ coding: [{ code: 'x' }] }] }, 'Single codes'],
    [
      'single records',
      { type: 'permit', actor: clinic, data: [{ meaning: 'instance', reference: { reference: 'Observation/1' } }] },
      'single records',
    ],
    ['a type', { type: 'permit', actor: clinic, class: [{ code: 'Observation' }] }, 'urn:consentry:data-class'],
    ['an unknown purpose', { type: 'permit', actor: clinic, purpose: [{ code: 'FUN' }] }, '`FUN`'],
    ['labelled data alone', { type: 'permit', actor: clinic, securityLabel: [{ code: 'HIV' }] }, 'confidentiality N'],
    ['a group', { type: 'permit', actor: [{ reference: { reference: 'Group/g' } }] }, 'Group'],
    [
      'another server',
      { type: 'permit', actor: [{ reference: { reference: 'https://x.example/Practitioner/p' } }] },
      'this server',
    ],
    [
      'an exception to a refusal',
      { type: 'permit', actor: clinic, provision: [{ type: 'deny', provision: [{ type: 'permit' }] }] },
      'no exceptions',
    ],
    ['a general refusal', { type: 'deny' }, 'nothing'],
  ])('is refused for %s, and says why', (_, provision, words) => {
    expect(refusals(r4(provision)).join(' ')).toContain(words);
  });

  it('comes back from its grants unchanged', () => {
    const scope = fc.record({
      effect: fc.constantFrom('permit' as const, 'deny' as const),
      granteeKind: fc.constantFrom(
        'person' as const,
        'organisation' as const,
        'role' as const,
        'app' as const,
        'study' as const,
      ),
      actions: fc.nat(255),
      purposes: fc.constantFrom(0, purposeBit('ETREAT') | purposeBit('BTG'), purposeBit('CLINTRCH')),
      classes: fc.nat(2 ** 25 - 1),
      labels: fc.constantFrom(0, labelBit('HIV'), labelBit('HIV') | labelBit('SEX')),
      from: fc.nat(2_000_000_000),
      until: fc.nat(2_000_000_000),
    });
    const names = {
      person: 'Practitioner/p',
      organisation: 'Organization/o',
      role: 'nurse',
      app: 'client',
      study: 'ResearchStudy/s',
    };
    fc.assert(
      fc.property(scope, (one) => {
        fc.pre(one.until === 0 || one.until > one.from + 1);
        const draft = {
          ...one,
          conditions: 0,
          dataFrom: 0,
          dataUntil: 0,
          grantee: names[one.granteeKind],
        } as GrantDraft;
        const proof = {
          chainId: 1,
          contract: '0x',
          grant: `0x${'1'.repeat(64)}` as GrantId,
          terms: '0x',
          head: viewOf([]).head,
        };
        const fhir = consentOfGrant({ ...draft, granteeKey: '0x' }, 'anna', 'active', proof);
        expect(drafts(JSON.parse(JSON.stringify(fhir)) as FhirObject)).toEqual([draft]);
      }),
    );
  });
});

describe('grants made from a Consent', () => {
  const actors = ['Organization/clinic', 'Practitioner/meyer', 'Organization/other'];
  const criteria = {
    actor: fc.option(
      fc.constantFrom(...actors).map((reference) => [{ reference: { reference } }]),
      { nil: undefined },
    ),
    purpose: fc.option(fc.constantFrom([{ code: 'TREAT' }], [{ code: 'HRESCH' }, { code: 'ETREAT' }]), {
      nil: undefined,
    }),
    action: fc.option(
      fc.constantFrom('access', 'read', 'correct').map((code) => [{ coding: [{ code }] }]),
      { nil: undefined },
    ),
    class: fc.option(
      fc.constantFrom('labs', 'imaging').map((code) => [{ system: 'urn:consentry:data-class', code }]),
      { nil: undefined },
    ),
    securityLabel: fc.option(
      fc.constantFrom([{ code: 'N' }], [{ code: 'N' }, { code: 'HIV' }], [{ code: 'R' }], [{ code: 'SUD' }]),
      { nil: undefined },
    ),
    period: fc.option(fc.constantFrom({ end: '2026-11-21' }, { start: '2026-11-22' }, { start: '2027' }), {
      nil: undefined,
    }),
    dataPeriod: fc.option(fc.constantFrom({ start: '2025' }, { end: '2024-12-31' }), { nil: undefined }),
  };
  const typed = { type: fc.constantFrom('permit', 'deny') };
  const leaf = fc.record({ ...criteria, ...typed });
  const middle = fc.record({
    ...criteria,
    ...typed,
    provision: fc.option(fc.array(leaf, { minLength: 1, maxLength: 2 }), { nil: undefined }),
  });
  const root = fc.record({
    ...criteria,
    ...typed,
    provision: fc.option(fc.array(middle, { minLength: 1, maxLength: 2 }), { nil: undefined }),
  });
  const ask = fc.record({
    person: fc.constantFrom('Practitioner/meyer', 'Practitioner/li'),
    organisation: fc.constantFrom('Organization/clinic', 'Organization/other'),
    purpose: fc.constantFrom('TREAT', 'ETREAT', 'HRESCH', 'COC'),
    action: fc.constantFrom('read' as const, 'search' as const, 'update' as const),
    classes: fc.constantFrom('labs', 'imaging'),
    label: fc.constantFrom(undefined, 'HIV', 'OPIOIDUD', 'R'),
    dated: fc.constantFrom(undefined, '2024-06-01', '2025-06-01'),
  });

  it('never open what the Consent itself does not permit', () => {
    let opened = 0;
    fc.assert(
      fc.property(root, fc.array(ask, { minLength: 4, maxLength: 4 }), (provision, asks) => {
        const consent = JSON.parse(JSON.stringify(r4(provision))) as FhirObject;
        const compiled = compile(consent);
        if (!compiled.ok) return;
        const key = (name: string): GranteeKey => `0x${name}` as GranteeKey;
        const view = viewOf(
          compiled.drafts.map((draft, index) => ({
            ...draft,
            id: `0x${index}` as GrantId,
            subject: subject('anna'),
            grantee: key(draft.grantee),
            terms: '0x',
            block: 1,
          })),
        );
        for (const one of asks) {
          const span =
            one.dated === undefined
              ? undefined
              : { from: Date.parse(one.dated), until: Date.parse(one.dated) + 86_400_000 };
          const dates =
            span === undefined
              ? {}
              : { dates: { from: at(one.dated ?? ''), to: (at(one.dated ?? '') + 86_399) as typeof now } };
          const facts = {
            classes: classBit(one.classes),
            labels: one.label === undefined ? 0 : labelBit(one.label),
            ...dates,
          };
          const grants = decide(
            view,
            {
              subject: subject('anna'),
              self: false,
              actor: { person: key(one.person), organisation: key(one.organisation), roles: [], careTeams: [] },
              roles: [],
              purpose: one.purpose as PurposeOfUse,
              action: one.action,
              now,
            },
            facts,
            closedPolicy,
          );
          if (grants.effect !== 'permit') continue;
          opened += 1;
          const security = one.label === undefined ? {} : { meta: { security: [{ code: one.label }] } };
          const patient = fhirReference('Patient/anna');
          if (patient === undefined) throw new Error('no reference');
          const own = decideForPatient(
            { consents: [consent], known: new Map(), faults: 0 },
            {
              patient,
              actors: [{ name: one.person }],
              identifiers: [],
              organisations: [{ name: one.organisation }],
              roles: [],
              purposes: [{ code: one.purpose }],
              action: one.action,
              time: now * 1000,
            },
            patient,
            fhirContent({ resource: { resourceType: 'Observation', ...security }, facts, span, known: new Map() }),
          );
          expect(own.decision).toBe('permit');
        }
      }),
      { numRuns: 3000 },
    );
    expect(opened).toBeGreaterThan(5);
  });
});
