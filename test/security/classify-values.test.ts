import { describe, expect, it } from '@jest/globals';
import { refusal } from './understood.ts';

describe('a value that could be read as someone else', () => {
  it.each([
    ['an id with a path behind it', 'patient=1/../2'],
    ['a type with a path behind it', 'patient=Patient/1/../../Patient/2'],
    ['an unknown type', 'patient=Patients/1'],
    ['a type in lower case', 'patient=patient/1'],
    ['an empty id', 'patient=Patient/'],
    ['a slash ahead', 'patient=/Patient/1'],
    ['two slashes', 'patient=Patient//1'],
    ['a version without an id', 'patient=Patient/_history/1'],
    ['a query', 'patient=Patient/1?x=y'],
    ['a fragment', 'patient=Patient/1%23x'],
    ['an id with a space', 'patient=1%202'],
    ['an id with a wildcard', 'patient=*'],
    ['an id with a percent sign', 'patient=1%25'],
    ['an id with a pipe', 'patient=http://x|1|2|3 4'],
    ['an empty alternative', 'patient=1,,2'],
    ['an alternative at the end', 'patient=1,'],
    ['an id of another script', 'patient=%D9%A1'],
  ])('is refused as a reference: %s', (_, query) => {
    expect(refusal(`GET /Observation?${query}`)).toBe('query-ambiguous');
  });

  it.each([
    ['a date of words', 'date=yesterday'],
    ['a prefix alone', 'date=ge'],
    ['an unknown prefix', 'date=xx2020'],
    ['two prefixes', 'date=gege2020'],
    ['a month without its zero', 'date=2020-1'],
    ['a quantity of words', 'value-quantity=many'],
    ['a quantity with half a unit', 'value-quantity=5|mg'],
    ['a number with a comma', 'value-quantity=5,x'],
    ['a token with three parts', 'code=a|b|c'],
    ['a token of nothing', 'code=|'],
    ['a composite with one part', 'code-value-quantity=8480-6'],
    ['a composite with three parts', 'code-value-quantity=8480-6$1$2'],
    ['a missing that is no boolean', 'code:missing=maybe'],
    ['a type that does not exist', 'subject:Nosuch=1'],
  ])('is refused where nobody knows what it means: %s', (_, query) => {
    expect(refusal(`GET /Observation?${query}`)).toBe('query-ambiguous');
  });
});
