import type { RawRequest } from '../../src/domain/fhir/classify.ts';

const json = 'application/fhir+json';
const encoder = new TextEncoder();

const get = (target: string): RawRequest => ({ method: 'GET', target, headers: {}, body: undefined });
const send = (method: string, target: string, body: unknown, type = json): RawRequest => ({
  method,
  target,
  headers: { 'content-type': type },
  body: encoder.encode(typeof body === 'string' ? body : JSON.stringify(body)),
});

const patient = { resourceType: 'Patient', id: '1', name: [{ family: 'a' }] };
const observation = {
  resourceType: 'Observation',
  subject: { reference: 'Patient?identifier=http://s|1' },
  valueQuantity: { value: 1 },
};

/** Calls from which the fuzzer starts, and inputs that once broke a promise: kept, and replayed by the tests. */
export const classifySeeds: readonly RawRequest[] = [
  get('/metadata'),
  get('/Patient/1'),
  get('/Patient/1/_history/2'),
  get('/Patient/1/_history?_count=5&_since=2020-01-01'),
  get('/Patient?name=a&birthdate=ge1990-01-01&_sort=-birthdate&_count=10'),
  get('/Observation?patient=Patient/1&code=http://loinc.org|8480-6,8462-4&date=ge2020-01-01T00:00:00%2B02:00'),
  get('/Observation?code-value-quantity=http://loinc.org|8480-6$gt140&value-quantity=gt5.4|http://u|mg'),
  get(
    '/Observation?subject:Patient.name:exact=a%5C,b&_include=Observation:subject:Patient&_revinclude=Provenance:target',
  ),
  get('/Patient?_has:Observation:patient:_has:AuditEvent:entity:agent=x'),
  get('/Encounter?patient._has:Group:member:_id=102'),
  get('/?_type=Patient,Observation&_id=1&_elements=id&_summary=count'),
  get('/Patient/1/*?_type=Condition'),
  get('/Patient/1/$everything?start=2020&_type=Observation'),
  get('/Observation/$lastn?patient=1&max=2'),
  get('/$export?_type=Patient'),
  send('POST', '/Patient/_search?name=a', 'birthdate=1990&_count=2', 'application/x-www-form-urlencoded'),
  send('POST', '/Patient', patient),
  send('PUT', '/Patient/1', patient),
  send('PUT', '/Patient?identifier=a|b', patient),
  send('POST', '/Observation', observation),
  send('PATCH', '/Patient/1', [{ op: 'replace', path: '/active', value: true }], 'application/json-patch+json'),
  send('POST', '/Patient/$match', { resourceType: 'Parameters', parameter: [{ name: 'resource', resource: patient }] }),
  { method: 'DELETE', target: '/Patient?identifier=1', headers: { 'if-match': 'W/"1"' }, body: undefined },
  send('POST', '/', {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      { fullUrl: 'urn:uuid:1', resource: patient, request: { method: 'PUT', url: 'Patient/1', ifMatch: 'W/"1"' } },
      { resource: observation, request: { method: 'POST', url: 'Observation', ifNoneExist: 'identifier=1' } },
      { request: { method: 'GET', url: 'Patient?name=a&_format=json' } },
      { request: { method: 'DELETE', url: 'Patient/2' } },
    ],
  }),
];
