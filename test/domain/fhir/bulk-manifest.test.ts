import { describe, expect, it } from '@jest/globals';
import { readManifest, writeManifest } from '../../../src/domain/fhir/bulk-manifest.ts';
import { classify } from '../../../src/domain/fhir/classify.ts';
import { scan } from '../../../src/domain/json/scan.ts';

const read = (value: unknown) => {
  const scanned = scan(new TextEncoder().encode(JSON.stringify(value)));
  return scanned.ok ? readManifest(scanned.tape) : undefined;
};

const upstream = {
  transactionTime: '2026-01-01T00:00:00Z',
  request: 'http://internal/fhir/$export',
  requiresAccessToken: false,
  output: [
    { type: 'Patient', url: 'http://internal/files/1.ndjson', count: 3 },
    { type: 'Observation', url: 'http://internal/files/2.ndjson' },
  ],
  deleted: [{ type: 'Bundle', url: 'http://internal/files/3.ndjson' }],
  error: [{ type: 'OperationOutcome', url: 'http://internal/files/4.ndjson' }],
};

describe('a manifest of a bulk export', () => {
  it('names only files that the caller gets, under addresses of the gateway', () => {
    const manifest = read(upstream);
    if (manifest === undefined) throw new Error('not read');
    const written = writeManifest(manifest, 'https://gate/fhir/$export', ({ type }) =>
      type === 'Patient' ? 'https://gate/sealed' : undefined,
    );
    expect(JSON.parse(written)).toEqual({
      transactionTime: '2026-01-01T00:00:00Z',
      request: 'https://gate/fhir/$export',
      requiresAccessToken: true,
      output: [{ type: 'Patient', url: 'https://gate/sealed' }],
      error: [],
    });
  });

  it.each([
    ['no list of files', { transactionTime: 'x' }],
    ['a file of no type', { ...upstream, output: [{ url: 'x' }] }],
    ['a file of an unknown type', { ...upstream, output: [{ type: 'Nosuch', url: 'x' }] }],
    ['a file without an address', { ...upstream, output: [{ type: 'Patient' }] }],
    ['no time', { output: [] }],
  ])('is not read with %s', (_, value) => {
    expect(read(value)).toBeUndefined();
  });
});

describe('a job of a bulk export', () => {
  const token = 'a'.repeat(40);
  const sent = (method: string, target: string) => classify({ method, target, headers: {}, body: undefined });

  it('is asked after and given up by its token alone', () => {
    expect(sent('GET', `/$export?_page=${token}`)).toMatchObject({
      interaction: { query: { page: token }, job: 'ask' },
    });
    expect(sent('DELETE', `/$export?_page=${token}`)).toMatchObject({
      interaction: { query: { page: token }, job: 'cancel' },
    });
    expect(sent('GET', `/$export?_page=${token}&_type=Patient`)).toMatchObject({ ok: false });
    const ndjson = { accept: 'application/fhir+ndjson' };
    expect(classify({ method: 'GET', target: `/$export?_page=${token}`, headers: ndjson, body: undefined }).ok).toBe(
      true,
    );
    expect(classify({ method: 'GET', target: '/Patient/1', headers: ndjson, body: undefined }).ok).toBe(false);
    expect(sent('DELETE', '/$export')).toMatchObject({ ok: false });
    expect(sent('GET', `/Patient/1/$everything?_page=${token}`)).toMatchObject({ ok: false });
  });
});
