import { describe, expect, it } from '@jest/globals';
import { classify } from '../../../src/domain/fhir/classify.ts';
import { criteriaTargets } from '../../../src/domain/fhir/criteria.ts';
import type { FhirInteraction } from '../../../src/domain/fhir/interaction.ts';
import { toUpstream } from '../../../src/domain/fhir/request.ts';

const encoder = new TextEncoder();

const send = (type: string, entry: unknown, options = {}) =>
  classify(
    {
      method: 'POST',
      target: '/',
      headers: { 'content-type': 'application/fhir+json' },
      body: encoder.encode(JSON.stringify({ resourceType: 'Bundle', type, entry })),
    },
    options,
  );

const bundle = (
  type: string,
  entry: unknown,
  options = {},
): Extract<FhirInteraction, { kind: 'batch' | 'transaction' }> => {
  const outcome = send(type, entry, options);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.problem));
  if (outcome.interaction.kind !== 'batch' && outcome.interaction.kind !== 'transaction') throw new Error('no bundle');
  return outcome.interaction;
};

const forwarded = (interaction: FhirInteraction): { readonly entry?: readonly unknown[] } =>
  JSON.parse(new TextDecoder().decode(toUpstream(interaction).body)) as { entry?: unknown[] };

const good = { request: { method: 'GET', url: 'Patient/p1' } };
const bad = { request: { method: 'GET', url: 'Patient?nosuch=1' } };

describe('a batch', () => {
  it('refuses one entry alone where that is answered, and forwards the others', () => {
    const batch = bundle('batch', [bad, good, bad, good], { partialBatch: true });
    expect(batch.entries.map(({ index }) => index)).toEqual([1, 3]);
    expect(batch.refused?.map(({ index, problem }) => [index, problem.code])).toEqual([
      [0, 'query-ambiguous'],
      [2, 'query-ambiguous'],
    ]);
    expect(forwarded(batch).entry).toEqual([good, good]);
  });

  it('refuses the whole of a transaction for one entry', () => {
    expect(send('transaction', [good, bad], { partialBatch: true })).toMatchObject({ ok: false });
  });

  it('rewrites each request to its normal form and drops what else was said there', () => {
    const batch = bundle(
      'batch',
      [
        { request: { url: '/Patient?name=a%62c&_format=json', method: 'GET', id: 'x' } },
        { request: { url: 'Patient/_search?name=a', method: 'POST' } },
        { request: { url: 'https://gate.example/fhir/Patient/p1', method: 'GET' } },
      ],
      { bases: ['https://gate.example/fhir'] },
    );
    expect(forwarded(batch).entry).toEqual([
      { request: { method: 'GET', url: 'Patient?name=abc' } },
      { request: { method: 'GET', url: 'Patient?name=a' } },
      { request: { method: 'GET', url: 'Patient/p1' } },
    ]);
  });

  it('reads a JSON Patch in a Binary', () => {
    const patch = (data: string, contentType = 'application/json-patch+json') => [
      { resource: { resourceType: 'Binary', contentType, data }, request: { method: 'PATCH', url: 'Patient/p1' } },
    ];
    const data = btoa('[{"op":"remove","path":"/active"}]');
    expect(bundle('batch', patch(data)).entries[0]?.interaction).toMatchObject({ kind: 'patch', format: 'json-patch' });
    expect(send('batch', patch(data, 'text/plain'))).toMatchObject({ ok: false });
    expect(send('batch', patch('%%%'))).toMatchObject({ ok: false });
    expect(send('batch', patch(btoa('{}')))).toMatchObject({ ok: false });
  });

  it('refuses two entries under one name, to which a reference could mean either', () => {
    const named = {
      fullUrl: 'urn:uuid:1',
      resource: { resourceType: 'Patient' },
      request: { method: 'POST', url: 'Patient' },
    };
    expect(send('transaction', [named, named])).toMatchObject({ ok: false });
  });

  it.each([['javascript:x'], ['urn:uuid:'], ['Patient/1'], ['http://x/Patient?a=b']])(
    'refuses the fullUrl %s',
    (fullUrl) => {
      expect(send('transaction', [{ ...good, fullUrl }])).toMatchObject({ ok: false });
    },
  );

  it.each([
    ['of another resource', { ...good, fullUrl: 'https://gate.example/fhir/Patient/p2' }],
    [
      'for what is yet to be made',
      {
        fullUrl: 'https://gate.example/fhir/Patient/p2',
        resource: { resourceType: 'Patient' },
        request: { method: 'POST', url: 'Patient' },
      },
    ],
  ])('refuses an address as fullUrl %s', (_, entry) => {
    expect(send('transaction', [entry])).toMatchObject({ ok: false, problem: { code: 'query-ambiguous' } });
    expect(send('transaction', [{ ...good, fullUrl: 'https://gate.example/fhir/Patient/p1' }])).toMatchObject({
      ok: true,
    });
  });

  it('holds no more entries than the limit', () => {
    expect(send('batch', [good, good, good], { entries: 2 })).toMatchObject({ problem: { code: 'body-too-large' } });
  });
});

describe('a conditional reference', () => {
  const observation = (reference: string) => [
    {
      resource: { resourceType: 'Observation', subject: { reference } },
      request: { method: 'POST', url: 'Observation' },
    },
  ];

  it('is a search like any other, and judged as one', () => {
    const transaction = bundle('transaction', observation('Patient?identifier=http://s|1'));
    expect(criteriaTargets(transaction)).toEqual([
      { type: 'Patient', code: 'identifier', name: 'identifier', kind: 'filter', detail: { systems: ['http://s'] } },
    ]);
  });

  it.each([
    'Patient?nosuch=1',
    'Patient?',
    'Nosuch?identifier=1',
    'http://x/Patient?identifier=1',
    'Patient?identifier=1&_include=Patient:link',
  ])('refuses %s, on which nobody can judge', (reference) => {
    expect(send('transaction', observation(reference))).toMatchObject({ problem: { code: 'query-ambiguous' } });
  });

  it('is found behind an escape', () => {
    const body = '{"resourceType":"Observation","subject":{"r\\u0065ference":"Patient\\u003fnosuch=1"}}';
    const outcome = classify({
      method: 'POST',
      target: '/Observation',
      headers: { 'content-type': 'application/fhir+json' },
      body: encoder.encode(body),
    });
    expect(outcome).toMatchObject({ ok: false, problem: { code: 'query-ambiguous' } });
  });
});
