import { describe, expect, it } from '@jest/globals';
import { defaultLimits } from '../../src/domain/json/fault.ts';
import { bundleOf, refusal } from './understood.ts';

/** Each must be refused, and without the cost that it was made to cause. */
const quickly = (line: string, sent: Parameters<typeof refusal>[1] = {}): string => {
  const from = performance.now();
  const outcome = refusal(line, sent);
  expect(performance.now() - from).toBeLessThan(500);
  return outcome;
};

describe('a call made to cost', () => {
  it.each([
    ['a long target', `/Patient?name=${'a'.repeat(20_000)}`],
    ['many parameters', `/Patient?${'name=a&'.repeat(1000)}`],
    ['many alternatives', `/Patient?name=${'a,'.repeat(4000)}a`],
    ['many hops', `/Patient?${'link.'.repeat(500)}name=a`],
    ['many reverse hops', `/Patient?${'_has:Patient:link:'.repeat(200)}name=a`],
    ['many elements', `/Patient?_elements=${'a,'.repeat(2000)}a`],
    ['many sorts of nothing', `/Patient?_sort=${'nosuch,'.repeat(1000)}name`],
    ['many types', `/?_type=${'Nosuch,'.repeat(1000)}Patient`],
    ['many segments', `/Patient${'/1'.repeat(4000)}`],
    ['many backslashes', `/Patient?name=${'\\'.repeat(8001)}`],
    ['a long number', `/Observation?value-quantity=${'1'.repeat(8000)}`],
    ['a long fraction', `/Observation?value-quantity=1.${'1'.repeat(8000)}`],
  ])('is refused quickly: %s', (_, target) => {
    expect(quickly(`GET ${target}`)).toMatch(/^(?:query-ambiguous|interaction-unsupported)$/);
  });

  it('is refused quickly: a long Accept', () => {
    expect(quickly('GET /Patient/1', { headers: { accept: `${'text/html;q=0.1,'.repeat(4000)}text/html` } })).toBe(
      'format-unsupported',
    );
  });

  it('is refused quickly: a long If-Match', () => {
    const headers = { 'if-match': `${'"1", '.repeat(4000)}"1"` };
    expect(quickly('DELETE /Patient/1', { headers })).toBe('query-ambiguous');
  });

  it('is refused when a body is too large, too deep or has too many entries', () => {
    const json = { ...defaultLimits, bytes: 1000, depth: 10, entries: 100 };
    const put = (inner: string) =>
      quickly('PUT /Patient/1', { body: `{"resourceType":"Patient","id":"1","x":${inner}}`, options: { json } });
    expect(put(`"${'a'.repeat(1000)}"`)).toBe('body-too-large');
    expect(put(`${'['.repeat(20)}${']'.repeat(20)}`)).toBe('body-too-large');
    expect(put(`[${'1,'.repeat(150)}1]`)).toBe('body-too-large');
    const many = bundleOf(
      'batch',
      ...Array.from({ length: 30 }, () => ({ request: { method: 'GET', url: 'Patient/1' } })),
    );
    expect(quickly('POST /', { body: many, options: { entries: 20 } })).toBe('body-too-large');
  });
});
