import { describe, expect, it } from '@jest/globals';
import { refusal, understood } from './understood.ts';

const patient = { resourceType: 'Patient', id: 'p1' };
const json = { 'content-type': 'application/json-patch+json' };

describe('a write', () => {
  it.each([
    ['of another type than the URL', 'POST /Observation', patient],
    ['of another id than the URL', 'PUT /Patient/p2', patient],
    ['without an id', 'PUT /Patient/p1', { resourceType: 'Patient' }],
    ['with an id that is no string', 'PUT /Patient/1', { resourceType: 'Patient', id: 1 }],
    ['without a type', 'PUT /Patient/p1', { id: 'p1' }],
    ['of a list', 'PUT /Patient/p1', [patient]],
    ['of nothing', 'PUT /Patient/p1', 'null'],
    ['of two documents', 'PUT /Patient/p1', '{"resourceType":"Patient","id":"p1"}{}'],
    ['of a type named twice', 'PUT /Patient/p1', '{"resourceType":"Patient","id":"p1","resourceType":"Observation"}'],
    ['of an id named twice', 'PUT /Patient/p1', '{"resourceType":"Patient","id":"p1","id":"p2"}'],
    [
      'of an id named again behind an escape',
      'PUT /Patient/p1',
      '{"resourceType":"Patient","id":"p1","i\\u0064":"p2"}',
    ],
    [
      'of a subject named twice',
      'POST /Observation',
      '{"resourceType":"Observation","subject":{"reference":"Patient/1","reference":"Patient/2"}}',
    ],
    ['with a byte order mark', 'PUT /Patient/p1', '\ufeff{"resourceType":"Patient","id":"p1"}'],
    ['with a comment', 'PUT /Patient/p1', '{"resourceType":"Patient","id":"p1"/**/}'],
    ['with a trailing comma', 'PUT /Patient/p1', '{"resourceType":"Patient","id":"p1",}'],
    ['with NaN', 'PUT /Patient/p1', '{"resourceType":"Patient","id":"p1","x":NaN}'],
    ['with a lone surrogate', 'PUT /Patient/p1', '{"resourceType":"Patient","id":"p1","x":"\\ud800"}'],
    ['without a body', 'POST /Patient', undefined],
  ])('is refused %s', (_, line, body) => {
    expect(refusal(line, { body })).toBe('body-invalid');
  });

  it('with broken UTF-8 is refused', () => {
    const body = new Uint8Array([
      ...new TextEncoder().encode('{"resourceType":"Patient","id":"p1","x":"'),
      0xff,
      0x22,
      0x7d,
    ]);
    expect(refusal('PUT /Patient/p1', { body })).toBe('body-invalid');
  });

  it.each([
    ['deletes a whole type', 'DELETE /Patient'],
    ['deletes by no criterion', 'DELETE /Patient?'],
    ['deletes the system', 'DELETE /'],
    ['deletes a history', 'DELETE /Patient/p1/_history'],
    ['deletes a version', 'DELETE /Patient/p1/_history/1'],
  ])('is not served when it %s', (_, line) => {
    expect(refusal(line)).toBe('interaction-unsupported');
  });

  it.each([
    ['by an unknown parameter', 'DELETE /Patient?nosuch=1'],
    ['with a result parameter', 'DELETE /Patient?identifier=1&_count=1'],
    ['with an include', 'DELETE /Patient?identifier=1&_include=Patient:link'],
    ['by a criterion without a value', 'DELETE /Patient?identifier='],
    ['with a body', 'DELETE /Patient/p1'],
  ])('by condition is refused %s', (name, line) => {
    expect(refusal(line, name === 'with a body' ? { body: patient } : {})).toBe('query-ambiguous');
  });

  it('keeps its guard or is refused', () => {
    const body = patient;
    expect(understood('PUT /Patient/p1', { body, headers: { 'if-match': 'W/"1"' } })).toMatchObject({
      headers: { ifMatch: 'W/"1"' },
    });
    expect(understood('PUT /Patient/p1', { body, headers: { 'if-none-match': '*' } })).toMatchObject({
      headers: { ifNoneMatch: '*' },
    });
    for (const headers of [
      { 'if-match': '1' },
      { 'if-match': '"a"b"' },
      { 'if-match': ['"1"', '"2"'] },
      { 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' },
      { 'if-none-exist': 'identifier=1' },
    ])
      expect(refusal('PUT /Patient/p1', { body, headers })).toBe('query-ambiguous');
    for (const headers of [
      { 'if-match': '"1"' },
      { 'if-none-match': '*' },
      { 'if-none-exist': '' },
      { 'if-none-exist': 'nosuch=1' },
      { 'if-none-exist': 'Observation?identifier=1' },
    ])
      expect(refusal('POST /Patient', { body, headers })).toMatch(/query-ambiguous|interaction-unsupported/);
  });

  it.each([
    ['is no list', {}],
    ['is empty', []],
    ['has an unknown operation', [{ op: 'merge', path: '/a', value: 1 }]],
    ['has a path without a slash', [{ op: 'remove', path: 'a' }]],
    ['has a path with a bad escape', [{ op: 'remove', path: '/a~2' }]],
    ['has no value', [{ op: 'add', path: '/a' }]],
    ['copies from nowhere', [{ op: 'copy', path: '/a' }]],
    ['holds something else', [1]],
  ])('as a JSON Patch is refused when it %s', (_, body) => {
    expect(refusal('PATCH /Patient/p1', { body, headers: json })).toBe('body-invalid');
  });

  it('as a patch cannot bring in a reference that runs a search', () => {
    const to = (value: string) => [{ op: 'replace', path: '/subject/reference', value }];
    expect(refusal('PATCH /Observation/1', { body: to('Patient?nosuch=1'), headers: json })).toBe('query-ambiguous');
    expect(refusal('PATCH /Observation/1', { body: to('https://gate/fhir/Patient?name=a'), headers: json })).toBe(
      'query-ambiguous',
    );
    expect(refusal('PATCH /Observation/1', { body: to('Patient?name=a'), headers: json })).toBe('query-ambiguous');
    expect(refusal('PATCH /Observation/1', { body: to('Is the Patient? yes'), headers: json })).toMatch(/^forwarded/);
  });

  it('as a merge patch is refused', () => {
    const headers = { 'content-type': 'application/merge-patch+json' };
    expect(refusal('PATCH /Patient/p1', { body: { active: true }, headers })).toBe('media-unsupported');
  });
});
