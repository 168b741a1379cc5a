import { describe, expect, it } from '@jest/globals';
import { refusal } from './understood.ts';

const ambiguous = [
  ['climbs with dots', '/Patient/../metadata'],
  ['climbs with dots at the end', '/Patient/1/..'],
  ['stays with a dot', '/./Patient/1'],
  ['climbs with escaped dots', '/Patient/%2e%2e/Observation/1'],
  ['climbs with one escaped dot', '/Patient/.%2e/Observation/1'],
  ['climbs with dots escaped twice', '/Patient/%252e%252e/Observation/1'],
  ['hides a slash', '/Patient%2F1'],
  ['hides a slash in lower case', '/Patient/1%2f_history'],
  ['hides a slash twice', '/Patient/1%252f_history'],
  ['hides a question mark', '/Patient/1%3F_id=2'],
  ['hides a fragment', '/Patient/1%23'],
  ['has a fragment', '/Patient/1#/Observation'],
  ['has a path parameter', '/Patient/1;x=/Observation'],
  ['hides a path parameter', '/Patient/1%3Bx'],
  ['repeats a slash', '/Patient//1'],
  ['begins with two slashes', '//Patient/1'],
  ['ends with two slashes', '/Patient/1//'],
  ['has a backslash', '/Patient\\1'],
  ['hides a backslash', '/Patient/..%5cObservation'],
  ['has an absolute form', 'http://elsewhere/Patient/1'],
  ['has no slash ahead', 'Patient/1'],
  ['holds NUL', '/Patient/1%00'],
  ['holds a newline', '/Patient/1%0aX'],
  ['holds a carriage return', '/Patient/1%0d%0aX-Y:1'],
  ['holds a space', '/Patient/1%20'],
  ['holds a tab', '/Patient/%091'],
  ['holds letters beyond ASCII', '/Patient/١'],
  ['holds escaped letters beyond ASCII', '/Patient/%D9%A1'],
  ['holds an overlong escape', '/Patient/%c0%ae%c0%ae/1'],
  ['holds half an escape', '/Patient/1%'],
  ['holds a bad escape', '/Patient/1%g1'],
  ['holds a quote', '/Patient/1%27'],
  ['holds an at sign', '/Patient/1%40evil'],
] as const;

const unknown = [
  ['spells the type in lower case', '/patient/1'],
  ['spells the type in capitals', '/PATIENT/1'],
  ['begins the type with another', '/PatientX/1'],
  ['adds to a read', '/Patient/1/2'],
  ['adds to a version', '/Patient/1/_history/1/x'],
  ['asks another compartment than R4 has', '/Observation/1/Patient'],
  ['has an id that is too long', `/Patient/${'a'.repeat(65)}`],
  ['has an id with an underscore', '/Patient/a_b'],
  ['asks for Parameters', '/Parameters/1'],
  ['asks for an abstract type', '/DomainResource/1'],
  ['asks for a word of the prototype', '/constructor/1'],
  ['asks for __proto__', '/__proto__/1'],
] as const;

describe('a path that two servers could read differently', () => {
  it.each(ambiguous)('is refused when it %s', (_, path) => {
    expect(refusal(`GET ${path}`)).toBe('query-ambiguous');
  });

  it.each(unknown)('is not served when it %s', (_, path) => {
    expect(refusal(`GET ${path}`)).toBe('interaction-unsupported');
  });

  it.each([
    ['/Patient/%31', '/Patient/1'],
    ['/%50atient/1', '/Patient/1'],
    ['/Patient/1/', '/Patient/1'],
    ['/Patient/1/%24everything', '/Patient/1/$everything'],
    ['/Patient/...', '/Patient/...'],
  ])('goes on in its plain form: %s', (sent, plain) => {
    expect(refusal(`GET ${sent}`)).toBe(`forwarded GET ${plain}`);
  });
});
