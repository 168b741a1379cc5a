import { describe, expect, it } from '@jest/globals';
import { knownOperations, operationTable } from '../../src/domain/fhir/operations.ts';
import { refusal } from './understood.ts';

const parameters = (...parameter: readonly unknown[]) => ({ resourceType: 'Parameters', parameter });

describe('an operation', () => {
  it.each([
    ['nobody has named', 'GET /Patient/1/$nosuch'],
    ['of another type', 'GET /Observation/1/$everything'],
    ['of the whole system', 'GET /$everything'],
    ['at another level', 'GET /Patient/1/$match'],
    ['with another method', 'GET /Patient/$match'],
    ['with a deleting method', 'DELETE /Patient/1/$everything'],
    ['with something behind it', 'GET /Patient/1/$everything/2'],
    ['on a version', 'GET /Patient/1/_history/1/$everything'],
    ['with a name of the prototype', 'GET /Patient/1/$constructor'],
    ['that expunges', 'POST /Patient/1/$expunge'],
    ['that merges', 'POST /Patient/$merge'],
    ['that speaks GraphQL to a type', 'GET /Patient/1/$graphql?query=x'],
    ['that speaks GraphQL to the system', 'POST /$graphql'],
    ['that processes messages', 'POST /$process-message'],
    ['that changes tags', 'POST /Patient/1/$meta-add'],
    ['that imports', 'POST /$import'],
    ['that deletes in bulk', 'POST /$bulk-delete'],
    ['that runs a search elsewhere', 'GET /$reindex'],
  ])('%s is not served', (_, line) => {
    expect(refusal(line)).toBe('interaction-unsupported');
  });

  it.each([
    ['an unknown parameter', 'GET /Patient/1/$everything?nosuch=1'],
    ['a parameter twice', 'GET /Patient/1/$everything?start=2020&start=2021'],
    ['a type that does not exist', 'GET /Patient/1/$everything?_type=Nosuch'],
    ['a search parameter where it takes none', 'GET /Patient/1/$everything?name=x'],
    ['a search under cover', 'GET /$export?_typeFilter=Patient%3Fname%3Da'],
    ['a type twice', 'GET /$export?_type=Patient,Patient'],
    ['a write under cover', 'GET /Composition/1/$document?persist=true'],
  ])('with %s is refused', (_, line) => {
    expect(refusal(line)).toBe('query-ambiguous');
  });

  it.each([
    ['an unknown part', parameters({ name: 'nosuch', valueString: 'x' })],
    ['a part without a name', parameters({ valueString: 'x' })],
    ['a resource where it takes none', parameters({ name: 'url', resource: { resourceType: 'Patient' } })],
    ['another resource', { resourceType: 'Patient' }],
    ['parts that are no list', { resourceType: 'Parameters', parameter: {} }],
  ])('with %s in its body is refused', (_, body) => {
    expect(refusal('POST /ValueSet/$expand', { body })).toBe('body-invalid');
    // Where a body is only another form of the query, it is refused as the query would be.
    expect(refusal('POST /Patient/1/$everything', { body })).toMatch(/^(?:body-invalid|query-ambiguous)$/);
  });

  it('with a parameter in both query and body is refused', () => {
    const url = parameters({ name: 'url', valueUri: 'http://x.example/vs' });
    expect(refusal('POST /ValueSet/$expand?url=http://x.example/vs', { body: url })).toBe('body-invalid');
    const start = parameters({ name: 'start', valueDate: '2021-01-01' });
    expect(refusal('POST /Patient/1/$everything?start=2020', { body: start })).toBe('query-ambiguous');
    expect(refusal('POST /Patient/1/$everything?end=2022', { body: start })).toBe(
      'forwarded GET /Patient/1/$everything?end=2022&start=2021-01-01',
    );
  });

  it('is served once configuration says how it finds its patients', () => {
    const configured = operationTable(knownOperations, [
      {
        name: 'care-gaps',
        at: [{ level: 'instance', types: ['Patient'], subjects: { by: 'instance' } }],
        methods: ['GET'],
        acts: 'search',
        parameters: { periodStart: 'instant' },
      },
    ]);
    const options = { operations: configured };
    expect(refusal('GET /Patient/1/$care-gaps?periodStart=2020', { options })).toBe(
      'forwarded GET /Patient/1/$care-gaps?periodStart=2020',
    );
    expect(refusal('POST /Patient/1/$care-gaps', { options })).toBe('interaction-unsupported');
    expect(refusal('GET /Patient/1/$everything', { options })).toBe('forwarded GET /Patient/1/$everything');
  });
});
