import { describe, expect, it } from '@jest/globals';
import { bundleOf, refusal, understood } from './understood.ts';

const patient = { resourceType: 'Patient', id: 'p1' };
const get = (url: string) => ({ request: { method: 'GET', url } });

const holes = [
  ['a batch in it', { resource: bundleOf('batch', get('Patient/p1')), request: { method: 'POST', url: '' } }],
  ['a transaction at the slash', { resource: bundleOf('transaction'), request: { method: 'POST', url: '/' } }],
  ['a URL that climbs', get('Patient/../Observation/1')],
  ['a URL that climbs by escapes', get('Patient/%2e%2e/Observation/1')],
  ['a URL of another server', get('https://elsewhere/Patient/1')],
  ['a URL without a scheme', get('//elsewhere/Patient/1')],
  ['a URL with a fragment', get('Patient/1#2')],
  ['a URL that is a file', get('file:///etc/passwd')],
  ['an unknown parameter', get('Patient?nosuch=1')],
  ['an export', get('$export')],
  ['a capability statement', get('metadata')],
  ['an unknown operation', get('Patient/1/$nosuch')],
  ['an unknown method', { request: { method: 'PURGE', url: 'Patient/1' } }],
  ['a method in lower case', { request: { method: 'get', url: 'Patient/1' } }],
  ['a method that is a list', { request: { method: ['GET'], url: 'Patient/1' } }],
  ['no method', { request: { url: 'Patient/1' } }],
  ['no URL', { request: { method: 'GET' } }],
  ['no request', { resource: patient }],
  ['a body on a read', { resource: patient, ...get('Patient/p1') }],
  ['a body on a delete', { resource: patient, request: { method: 'DELETE', url: 'Patient/p1' } }],
  ['a create without a body', { request: { method: 'POST', url: 'Patient' } }],
  ['a body of another type', { resource: patient, request: { method: 'POST', url: 'Observation' } }],
  ['a body of another id', { resource: patient, request: { method: 'PUT', url: 'Patient/p2' } }],
  ['an unknown member in the entry', { ...get('Patient/p1'), override: true }],
  ['an unknown member in the request', { request: { method: 'GET', url: 'Patient/p1', headers: {} } }],
  ['an answer', { ...get('Patient/p1'), response: { status: '200' } }],
  ['a guard where there is none', { request: { method: 'GET', url: 'Patient/p1', ifMatch: 'W/"1"' } }],
  ['a guard that is no string', { request: { method: 'DELETE', url: 'Patient/p1', ifMatch: 1 } }],
  [
    'a condition on an unknown parameter',
    { resource: patient, request: { method: 'POST', url: 'Patient', ifNoneExist: 'nosuch=1' } },
  ],
  ['an address of another record as its name', { fullUrl: 'https://gate/fhir/Patient/p2', ...get('Patient/p1') }],
  [
    'a reference that runs an unknown search',
    {
      resource: { resourceType: 'Observation', subject: { reference: 'Patient?nosuch=1' } },
      request: { method: 'POST', url: 'Observation' },
    },
  ],
  [
    'a reference that runs a search elsewhere',
    {
      resource: { resourceType: 'Observation', subject: { reference: 'https://gate/fhir/Patient?name=a' } },
      request: { method: 'POST', url: 'Observation' },
    },
  ],
  ['nothing', null],
  ['a text', 'GET Patient/p1'],
] as const;

describe('a transaction that could carry something past the judge', () => {
  it.each(holes)('is refused whole for %s', (_, entry) => {
    expect(refusal('POST /', { body: bundleOf('transaction', get('Patient/p1'), entry) })).toMatch(
      /^(?:query-ambiguous|body-invalid|interaction-unsupported)$/,
    );
  });

  it.each(holes)('has no part of it forwarded as a batch with %s', (_, entry) => {
    const batch = understood('POST /', {
      body: bundleOf('batch', entry, get('Patient/p1')),
      options: { partialBatch: true },
    });
    expect(batch).toMatchObject({ entries: [{ index: 1 }], refused: [{ index: 0 }] });
  });

  it.each([
    ['a message', bundleOf('message')],
    ['a document', bundleOf('document')],
    ['a searchset', bundleOf('searchset', get('Patient/p1'))],
    ['no type', { resourceType: 'Bundle', entry: [] }],
    ['a type named twice', '{"resourceType":"Bundle","type":"batch","type":"transaction","entry":[]}'],
    ['entries named twice', '{"resourceType":"Bundle","type":"batch","entry":[],"entry":[]}'],
    ['entries that are no list', { resourceType: 'Bundle', type: 'batch', entry: {} }],
    ['another resource', patient],
  ])('is refused as %s', (_, body) => {
    expect(refusal('POST /', { body })).toMatch(/^(?:body-invalid|interaction-unsupported)$/);
  });
});
