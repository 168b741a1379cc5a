import { describe, expect, it } from '@jest/globals';
import { toUpstream } from '../../src/domain/fhir/request.ts';
import { refusal, understood } from './understood.ts';

const patient = { resourceType: 'Patient', id: 'p1' };

describe('a header that would change what the call is', () => {
  it.each(['x-http-method-override', 'x-http-method', 'x-method-override'])('is refused: %s', (name) => {
    expect(refusal('POST /Patient', { body: patient, headers: { [name]: 'DELETE' } })).toBe('query-ambiguous');
    expect(refusal('GET /Patient/p1', { headers: { [name]: 'DELETE' } })).toBe('query-ambiguous');
  });

  it('is not passed on, whatever it is', () => {
    const read = understood('GET /Patient/p1', {
      headers: {
        authorization: 'Bearer x',
        cookie: 'a=b',
        'x-forwarded-for': '127.0.0.1',
        'x-original-url': '/admin',
        'x-rewrite-url': '/admin',
        'x-cascade': 'delete',
        'x-upsert-extended': 'true',
        'x-consent': 'bypass',
        host: 'elsewhere',
        te: 'trailers',
        'transfer-encoding': 'chunked',
      },
    });
    expect(Object.keys(toUpstream(read).headers).sort()).toEqual(['accept', 'prefer']);
  });

  it('never makes the upstream lenient', () => {
    for (const prefer of [
      'handling=lenient',
      'HANDLING=lenient',
      'return=minimal, handling=lenient',
      'handling="lenient"',
    ]) {
      const { headers } = toUpstream(understood('GET /Patient?name=a', { headers: { prefer } }));
      expect(headers.prefer).toBe('handling=strict');
    }
  });

  it('starts nothing in the background but an export', () => {
    const headers = { prefer: 'respond-async' };
    expect(toUpstream(understood('GET /Patient?name=a', { headers })).headers.prefer).toBe('handling=strict');
    expect(toUpstream(understood('GET /$export', { headers })).headers.prefer).toBe('respond-async, handling=strict');
  });

  it.each([
    ['XML by Accept', { accept: 'application/fhir+xml' }, ''],
    ['HTML by Accept', { accept: 'text/html' }, ''],
    ['another version of FHIR', { accept: 'application/fhir+json; fhirVersion=3.0' }, ''],
    ['JSON with no weight', { accept: 'application/json;q=0, text/html' }, ''],
    ['XML by _format', {}, '?_format=xml'],
    ['Turtle by _format', {}, '?_format=text/turtle'],
  ])('does not get %s', (_, headers, query) => {
    expect(refusal(`GET /Patient/p1${query}`, { headers })).toBe('format-unsupported');
  });

  it.each([
    ['XML', { 'content-type': 'application/fhir+xml' }],
    ['no type', { 'content-type': undefined }],
    ['two types', { 'content-type': ['application/fhir+json', 'text/plain'] }],
    ['another charset', { 'content-type': 'application/fhir+json; charset=utf-16' }],
    ['another version of FHIR', { 'content-type': 'application/fhir+json; fhirVersion=3.0' }],
    ['a packed body', { 'content-encoding': 'gzip' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['a patch', { 'content-type': 'application/json-patch+json' }],
  ])('is refused as a body with %s', (_, headers) => {
    expect(refusal('PUT /Patient/p1', { body: patient, headers })).toBe('media-unsupported');
  });
});
