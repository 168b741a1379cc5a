import { describe, expect, it } from '@jest/globals';
import { refusal, understood } from './understood.ts';

const form = { 'content-type': 'application/x-www-form-urlencoded' };

describe('a parameter that could slip past the judge', () => {
  it.each([
    ['that R4 does not define', 'patient_id=2'],
    ['that R4 defines for another type', 'birthdate=1990'],
    ['in another case', 'Patient=2'],
    ['with a modifier that does not exist', 'patient:any=2'],
    ['with a modifier of another kind', 'patient:exact=2'],
    ['with two modifiers', 'patient:Patient:missing=true'],
    ['with brackets', 'patient[]=2'],
    ['with an index', 'patient[0]=2'],
    ['with a space ahead', '%20patient=2'],
    ['with NUL', 'patient%00=2'],
    ['with an escape left in its name', 'patient%2558missing=true'],
    ['without a value', 'patient='],
    ['without an equals sign', 'patient'],
    ['without a name', '=2'],
    ['after a semicolon', 'code=1;patient=2'],
    ['after an ampersand escaped twice', 'code=1%2526patient=2'],
    ['after an escaped newline', 'code=1%0apatient=2'],
    ['after a number sign', 'code=1#&patient=2'],
    ['as a matrix', 'code=1%253Bpatient=2'],
    ['named for the method', '_method=DELETE'],
    ['named for a format twice', '_format=json&_format=xml'],
    ['of the prototype', '__proto__=1'],
    ['named constructor', 'constructor=1'],
    ['that runs a stored query', '_query=all'],
    ['with a filter language', '_filter=subject%20eq%20Patient/2'],
    ['for a page of someone else', '_getpages=abc'],
    ['for a page with more beside it', '_page=aaaaaaaaaaaaaaaaaaaa&code=1'],
    ['for two pages', '_page=aaaaaaaaaaaaaaaaaaaa&_page=bbbbbbbbbbbbbbbbbbbb'],
    ['for a page with two counts', '_page=aaaaaaaaaaaaaaaaaaaa&_count=1&_count=2'],
    ['for a count twice', '_count=1&_count=1000'],
    ['for a summary twice', '_summary=count&_summary=false'],
    ['for elements twice', '_elements=id&_elements=subject'],
    ['for a sort twice', '_sort=date&_sort=code'],
    ['for a count below zero', '_count=-1'],
    ['for a count that is no number', '_count=1e9'],
    ['for a total that does not exist', '_total=exact'],
    ['that sorts by what is not there', '_sort=patient.name'],
    ['that includes what is no reference', '_include=Observation:code'],
    ['that includes an unknown target', '_include=Observation:subject:Nosuch'],
    ['that includes a target out of reach', '_include=Observation:patient:Practitioner'],
    ['that includes everything that points here', '_revinclude=*'],
    ['with a chain through what is no reference', 'code.text=x'],
    ['with a chain to a type out of reach', 'patient:Practitioner.name=x'],
    ['with a chain to an unknown parameter', 'patient.nosuch=x'],
    ['with an empty hop', 'patient..name=x'],
    ['with a chain without end', `${'patient.link.'.repeat(10)}name=x`],
    ['with a reverse chain on an unknown type', '_has:Nosuch:patient:code=x'],
    ['with a reverse chain that does not point here', '_has:Patient:organization:name=x'],
    ['with half a reverse chain', '_has:AuditEvent:entity=x'],
    ['with an unknown escape', 'code=a%5Cb'],
    ['with a lone surrogate', 'code=%ED%A0%80'],
    ['with broken UTF-8', 'code=%C3'],
  ])('is refused: one %s', (_, query) => {
    expect(refusal(`GET /Observation?${query}`)).toBe('query-ambiguous');
  });

  it('is refused in a form as in a URL', () => {
    expect(refusal('POST /Observation/_search', { headers: form, body: 'code=1&nosuch=2' })).toBe('query-ambiguous');
    expect(refusal('POST /Observation/_search', { headers: form, body: 'code=1;patient=2' })).toBe('query-ambiguous');
    expect(refusal('POST /Observation/_search?_count=1', { headers: form, body: '_count=2' })).toBe('query-ambiguous');
    expect(refusal('POST /Observation/_search', { headers: form, body: new Uint8Array([0x63, 0x3d, 0xff]) })).toBe(
      'query-ambiguous',
    );
  });

  it('counts with those in the URL when it comes in the form', () => {
    const search = understood('POST /Observation/_search?patient=1', { headers: form, body: 'patient=2' });
    expect(search.kind === 'search' ? search.query.criteria.map(({ value }) => value) : []).toEqual(['1', '2']);
  });

  it('is refused on a call that takes none', () => {
    for (const line of [
      'GET /Patient/1?name=x',
      'GET /Patient/1?_include=Patient:link',
      'GET /Patient/1/_history/1?_count=1',
      'GET /metadata?x=y',
      'DELETE /Patient/1?_cascade=delete',
      'DELETE /Patient/1?name=x',
    ])
      expect(refusal(line)).toBe('query-ambiguous');
  });

  it('is named to the caller without its value', () => {
    expect(() => understood('GET /Observation?code=1&nosuch=secret')).toThrow(/"expression":\["nosuch"\]/);
    expect(() => understood('GET /Observation?code=1&nosuch=secret')).not.toThrow(/"secret"/);
  });
});
