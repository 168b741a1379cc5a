import { describe, expect, it } from '@jest/globals';
import { classify } from '../../../src/domain/fhir/classify.ts';
import type { FhirInteraction } from '../../../src/domain/fhir/interaction.ts';
import type { ProblemCode } from '../../../src/domain/problem.ts';

interface Sent {
  readonly headers?: Record<string, string | string[]>;
  readonly body?: unknown;
}

const call = (line: string, { headers = {}, body }: Sent = {}) => {
  const [method = '', target = ''] = line.split(' ', 2);
  const bytes =
    body === undefined ? undefined : new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body));
  const media = bytes === undefined ? {} : { 'content-type': 'application/fhir+json' };
  return classify({ method, target, headers: { ...media, ...headers }, body: bytes });
};

const understood = (line: string, sent?: Sent): FhirInteraction => {
  const outcome = call(line, sent);
  if (!outcome.ok) throw new Error(`${line}: ${JSON.stringify(outcome.problem)}`);
  return outcome.interaction;
};

const refused = (line: string, sent?: Sent): ProblemCode | undefined => {
  const outcome = call(line, sent);
  return outcome.ok ? undefined : outcome.problem.code;
};

const patient = { resourceType: 'Patient', id: 'p1' };

describe('classify', () => {
  it.each([
    ['GET /metadata', { kind: 'capabilities' }],
    ['GET /Patient/p1', { kind: 'read', type: 'Patient', id: 'p1', head: false }],
    ['HEAD /Patient/p1', { kind: 'read', type: 'Patient', id: 'p1', head: true }],
    ['GET /Patient/p1/', { kind: 'read', type: 'Patient', id: 'p1' }],
    ['GET /Patient/p1/_history/2', { kind: 'vread', type: 'Patient', id: 'p1', versionId: '2' }],
    ['GET /Patient/p1/_history?_count=5', { kind: 'history', type: 'Patient', id: 'p1', query: { count: 5 } }],
    ['GET /Patient/_history?_since=2024-01-01', { kind: 'history', type: 'Patient' }],
    ['GET /_history', { kind: 'history' }],
    ['GET /Observation?patient=p1', { kind: 'search', type: 'Observation' }],
    ['GET /?_type=Patient,Observation&_id=1', { kind: 'search' }],
    ['POST /Observation/_search?code=8480-6', { kind: 'search', type: 'Observation', form: true }],
    [
      'GET /Patient/p1/Observation?code=8480-6',
      { kind: 'search', type: 'Observation', compartment: { type: 'Patient', id: 'p1' } },
    ],
    ['GET /Patient/p1/*', { kind: 'search', compartment: { type: 'Patient', id: 'p1' } }],
    ['DELETE /Patient/p1', { kind: 'delete', type: 'Patient', id: 'p1' }],
    [
      'DELETE /Patient?identifier=a|b',
      { kind: 'delete', type: 'Patient', query: { criteria: [{ code: 'identifier' }] } },
    ],
    ['GET /Patient/p1/$everything?start=2020', { kind: 'operation', name: 'everything', type: 'Patient', id: 'p1' }],
    ['GET /Patient/p1/%24everything', { kind: 'operation', name: 'everything' }],
    ['GET /Observation/$lastn?patient=p1&category=vital-signs&max=3', { kind: 'operation', name: 'lastn' }],
    ['GET /$export?_type=Patient', { kind: 'operation', name: 'export' }],
    ['GET /Group/g1/$export', { kind: 'operation', name: 'export', type: 'Group', id: 'g1' }],
  ])('understands %s', (line, expected) => {
    expect(understood(line)).toMatchObject(expected);
  });

  it('reads writes with a body that fits the URL', () => {
    expect(understood('POST /Patient', { body: patient })).toMatchObject({ kind: 'create', type: 'Patient' });
    expect(understood('PUT /Patient/p1', { body: patient })).toMatchObject({ kind: 'update', id: 'p1' });
    expect(understood('PUT /Patient?identifier=a|b', { body: patient })).toMatchObject({ kind: 'update', query: {} });
    expect(refused('PUT /Patient/p2', { body: patient })).toBe('body-invalid');
    expect(refused('PUT /Patient/p1', { body: { resourceType: 'Patient' } })).toBe('body-invalid');
    expect(refused('POST /Observation', { body: patient })).toBe('body-invalid');
    expect(refused('POST /Patient')).toBe('body-invalid');
    expect(refused('POST /Patient', { body: '{"resourceType":"Patient","resourceType":"Patient"}' })).toBe(
      'body-invalid',
    );
    expect(refused('POST /Patient', { body: patient, headers: { 'content-type': 'application/fhir+xml' } })).toBe(
      'media-unsupported',
    );
    expect(refused('DELETE /Patient/p1', { body: patient })).toBe('query-ambiguous');
    expect(refused('GET /Patient/p1', { body: patient })).toBe('query-ambiguous');
  });

  it('reads both kinds of patch', () => {
    const json = { 'content-type': 'application/json-patch+json' };
    const patch = [{ op: 'replace', path: '/active', value: true }];
    expect(understood('PATCH /Patient/p1', { body: patch, headers: json })).toMatchObject({ format: 'json-patch' });
    expect(
      refused('PATCH /Patient/p1', { body: [{ op: 'replace', path: 'active', value: true }], headers: json }),
    ).toBe('body-invalid');
    expect(refused('PATCH /Patient/p1', { body: patient })).toBe('body-invalid');
    expect(understood('PATCH /Patient/p1', { body: { resourceType: 'Parameters', parameter: [] } })).toMatchObject({
      format: 'fhirpath-patch',
    });
  });

  it('merges the query and the form of POST _search, and counts them together', () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const both = understood('POST /Patient/_search?name=a', { body: 'birthdate=1990-01-01', headers });
    expect(both).toMatchObject({ query: { criteria: [{ code: 'name' }, { code: 'birthdate' }] } });
    expect(refused('POST /Patient/_search?_count=1', { body: '_count=2', headers })).toBe('query-ambiguous');
    expect(refused('POST /Patient/_search', { body: patient })).toBe('media-unsupported');
  });

  it.each([
    'PUT /Patient',
    'DELETE /Patient',
    'PATCH /Patient',
    'POST /Patient/p1',
    'PUT /',
    'DELETE /',
    'TRACE /Patient/p1',
    'OPTIONS /Patient',
    'get /Patient/p1',
    'GET /patient/p1',
    'GET /Parameters/1',
    'GET /Unknown/1',
    'GET /',
    'GET /Patient/p1/_history/1/2',
    'DELETE /Patient/p1/_history',
    'GET /Observation/o1/Patient',
    'GET /Patient/p1/$unknown',
    'POST /Patient/$everything/x',
    'GET /Patient/$match',
    'GET /$everything',
    'GET /$graphql',
    'GET /Patient/p1/$validate',
    'POST /metadata',
    'GET /Patient/_search',
  ])('does not serve %s', (line) => {
    expect(refused(line)).toMatch(/^(?:interaction-unsupported|body-invalid)$/);
  });

  it.each([
    'GET //Patient/p1',
    'GET /Patient//p1',
    'GET /Patient/../Patient/p1',
    'GET /Patient/./p1',
    'GET /Patient/%2e%2e/p1',
    'GET /Patient/%2E',
    'GET /Patient%2Fp1',
    'GET /Patient/p1%2F_history',
    'GET /Patient/%252e%252e/admin',
    'GET /Patient/1;x=/Observation',
    'GET /Patient/1%3F_id=2',
    'GET /Patient/p1#x',
    'GET /Patient/p%00',
    'GET /Patient/p%',
    'GET /Patient/p%zz',
    'GET /Patient/é',
    'GET /Patient/%C3%A9',
    'GET \\Patient',
    'GET Patient/p1',
    'GET http://x/Patient/p1',
    'GET /Patient?name=%',
    'GET /Patient?name=%zz',
    'GET /Patient?name=%00',
    'GET /Patient?name=%ff',
    'GET /Patient?name=é',
    'GET /Patient?name',
    'GET /Patient?name=',
    'GET /Patient?=x',
    'GET /Patient?name=a;patient=b',
    'GET /Patient?name=a%2526patient%253Db',
    'GET /Patient?_count=1&_count=2',
    'GET /Patient?_sort=name&_sort=birthdate',
    'GET /Patient?_summary=count&_summary=true',
    'GET /Patient?unknown=1',
    'GET /Patient?NAME=x',
    'GET /Patient?%6eame%3Aexactly=x',
    'GET /Patient?name:nosuch=x',
    'GET /Patient?_query=x',
    'GET /Patient?_filter=name eq x',
    'GET /Patient?_method=DELETE',
    'GET /Patient/p1?name=x',
    'GET /Patient/p1/_history/1?_count=1',
    'DELETE /Patient/p1?_cascade=delete',
    'GET /metadata?mode=terminology',
    'GET /Patient?_include=Patient:nosuch',
    'GET /Patient?_include=Patient:name',
    'GET /Patient?_revinclude=*',
    'GET /Patient?_sort=nosuch',
    'GET /Patient?birthdate=lt',
    'GET /Patient?birthdate=tomorrow',
    'GET /Observation?value-quantity=abc',
    'GET /Observation?patient=Patient/1/../2',
    'GET /Observation?patient=a/b/c',
    'GET /?_type=Nosuch',
    'GET /?name=x',
    'GET /Patient?general-practitioner:Patient=1',
    'GET /Patient?name=a\\b',
  ])('refuses %s, which can be read in more than one way', (line) => {
    expect(refused(line)).toBe('query-ambiguous');
  });

  it('names the parameter that it does not know, and nothing else of the caller', () => {
    const outcome = call('GET /Patient?name=ok&nosuch=secret');
    expect(outcome).toEqual({ ok: false, problem: { code: 'query-ambiguous', expression: ['nosuch'] } });
  });

  it('refuses what changes the method or the format', () => {
    expect(refused('POST /Patient', { body: patient, headers: { 'x-http-method-override': 'DELETE' } })).toBe(
      'query-ambiguous',
    );
    expect(refused('GET /Patient/p1', { headers: { accept: 'application/fhir+xml' } })).toBe('format-unsupported');
    expect(refused('GET /Patient/p1?_format=xml')).toBe('format-unsupported');
    expect(refused('GET /Patient/p1?_format=json&_format=xml')).toBe('query-ambiguous');
    expect(
      understood('GET /Patient/p1?_format=application/fhir+json&_pretty=true', {
        headers: { accept: 'text/html, */*;q=0.1' },
      }),
    ).toMatchObject({ kind: 'read' });
  });

  it('keeps preconditions where they mean something and refuses them where they would be lost', () => {
    expect(understood('PUT /Patient/p1', { body: patient, headers: { 'if-match': 'W/"3"' } })).toMatchObject({
      headers: { ifMatch: 'W/"3"' },
    });
    expect(understood('GET /Patient/p1', { headers: { 'if-none-match': 'W/"3"' } })).toMatchObject({
      headers: { ifNoneMatch: 'W/"3"' },
    });
    expect(
      understood('POST /Patient', { body: patient, headers: { 'if-none-exist': 'identifier=a|b' } }),
    ).toMatchObject({ headers: { ifNoneExist: { criteria: [{ code: 'identifier', values: ['a|b'] }] } } });
    expect(refused('POST /Patient', { body: patient, headers: { 'if-none-exist': 'nosuch=a' } })).toBe(
      'query-ambiguous',
    );
    expect(refused('POST /Patient', { body: patient, headers: { 'if-match': 'W/"3"' } })).toBe('query-ambiguous');
    expect(refused('PUT /Patient/p1', { body: patient, headers: { 'if-none-exist': 'identifier=a' } })).toBe(
      'query-ambiguous',
    );
    expect(refused('PUT /Patient/p1', { body: patient, headers: { 'if-match': ['"1"', '"2"'] } })).toBe(
      'query-ambiguous',
    );
  });

  it('judges each entry of a batch as if it were sent alone', () => {
    const entry = [
      { request: { method: 'GET', url: 'Patient/p1' } },
      { request: { method: 'GET', url: '/Observation?patient=p1' } },
      { fullUrl: 'urn:uuid:1', resource: patient, request: { method: 'PUT', url: 'Patient/p1', ifMatch: 'W/"1"' } },
      {
        resource: { resourceType: 'Patient' },
        request: { method: 'POST', url: 'Patient', ifNoneExist: 'identifier=a|b' },
      },
      { request: { method: 'DELETE', url: 'Patient/p2' } },
    ];
    const outcome = understood('POST /', { body: { resourceType: 'Bundle', type: 'batch', entry } });
    expect(outcome.kind === 'batch' ? outcome.entries.map(({ interaction }) => interaction.kind) : []).toEqual([
      'read',
      'search',
      'update',
      'create',
      'delete',
    ]);
  });

  it.each([
    ['another URL scheme', { request: { method: 'GET', url: 'http://elsewhere/Patient/1' } }],
    ['a dot segment', { request: { method: 'GET', url: 'Patient/../Observation' } }],
    ['an unknown parameter', { request: { method: 'GET', url: 'Patient?nosuch=1' } }],
    ['a nested batch', { resource: { resourceType: 'Bundle', type: 'batch' }, request: { method: 'POST', url: '/' } }],
    ['a resource of another type', { resource: patient, request: { method: 'POST', url: 'Observation' } }],
    ['a body on a read', { resource: patient, request: { method: 'GET', url: 'Patient/p1' } }],
    ['an unknown member', { request: { method: 'GET', url: 'Patient/p1', headers: {} } }],
    ['no request', { resource: patient }],
    ['an export', { request: { method: 'GET', url: '$export' } }],
  ])('refuses a transaction with %s and says which entry', (_, entry) => {
    const good = { request: { method: 'GET', url: 'Patient/p1' } };
    const outcome = call('POST /', { body: { resourceType: 'Bundle', type: 'transaction', entry: [good, entry] } });
    expect(outcome.ok ? undefined : outcome.problem.expression?.[0]).toBe('Bundle.entry[1]');
  });
});
