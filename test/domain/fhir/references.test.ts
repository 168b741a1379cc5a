import { describe, expect, it } from '@jest/globals';
import { parseReference } from '../../../src/domain/fhir/references.ts';

const bases = {
  upstreamBase: 'http://ehr.example/fhir',
  gatewayBase: 'https://gateway.example/fhir',
  upstreamAliases: ['http://10.0.0.7:8080/r4'],
};

describe('a reference', () => {
  it.each([
    ['Patient/p1', { kind: 'local', type: 'Patient', id: 'p1' }],
    ['Patient/p1/_history/2', { kind: 'local', type: 'Patient', id: 'p1', version: '2' }],
    ['http://ehr.example/fhir/Patient/p1', { kind: 'local', type: 'Patient', id: 'p1' }],
    ['HTTP://EHR.example:80/fhir/Patient/p1', { kind: 'local', type: 'Patient', id: 'p1' }],
    [
      'https://gateway.example/fhir/Patient/p1/_history/a.b',
      { kind: 'local', type: 'Patient', id: 'p1', version: 'a.b' },
    ],
    ['http://10.0.0.7:8080/r4/Device/d-1', { kind: 'local', type: 'Device', id: 'd-1' }],
    ['#', { kind: 'contained', id: '' }],
    ['#pat', { kind: 'contained', id: 'pat' }],
    ['urn:uuid:8f1', { kind: 'urn', url: 'urn:uuid:8f1' }],
    ['URN:oid:1.2', { kind: 'urn', url: 'URN:oid:1.2' }],
    [
      'http://other.example/fhir/Patient/p1',
      { kind: 'foreign', url: 'http://other.example/fhir/Patient/p1', type: 'Patient' },
    ],
    [
      'http://ehr.example/fhir2/Patient/p1',
      { kind: 'foreign', url: 'http://ehr.example/fhir2/Patient/p1', type: 'Patient' },
    ],
    [
      'http://ehr.example.evil/fhir/Patient/p1',
      { kind: 'foreign', url: 'http://ehr.example.evil/fhir/Patient/p1', type: 'Patient' },
    ],
    [
      'https://ehr.example/fhir/Patient/p1',
      { kind: 'foreign', url: 'https://ehr.example/fhir/Patient/p1', type: 'Patient' },
    ],
    ['http://other.example/about', { kind: 'foreign', url: 'http://other.example/about' }],
    ['Patient?identifier=urn:x|1', { kind: 'conditional', type: 'Patient', query: 'identifier=urn:x|1' }],
  ])('%s', (text, expected) => {
    expect(parseReference(text, bases)).toEqual(expected);
  });

  it.each([
    [''],
    ['Patient'],
    ['Patient/'],
    ['/Patient/p1'],
    ['./Patient/p1'],
    ['Patient/../Patient/p1'],
    ['Patient/..'],
    ['Patient//p1'],
    ['Patient/p1/'],
    ['Patient/p1?x=y'],
    ['Patient/p1#x'],
    ['Patient/p1/_history'],
    ['Patient/p1/_history/'],
    ['Patient/p1/_history/2/3'],
    ['Patient/p%31'],
    ['Patient%2Fp1'],
    [`Patient/${'x'.repeat(65)}`],
    ['Patient/p 1'],
    ['Patient/p\u0000'],
    ['patient/p1'],
    ['PATIENT/p1'],
    ['Patienten/p1'],
    ['Nonsense/1'],
    ['Patient/p1,Patient/p2'],
    ['javascript:alert(1)'],
    ['file:///etc/passwd'],
    ['http://ehr.example/fhir'],
    ['http://ehr.example/fhir/../fhir/Patient/p1'],
    ['http://ehr.example/fhir?_id=1'],
    ['http://ehr.example/fhir/Patient/p1/$everything'],
  ])('%j is unreadable', (text) => {
    expect(parseReference(text, bases)).toEqual({ kind: 'unreadable' });
  });
});
