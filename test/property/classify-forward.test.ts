import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { classify } from '../../src/domain/fhir/classify.ts';
import type { FhirInteraction } from '../../src/domain/fhir/interaction.ts';
import { toUpstream } from '../../src/domain/fhir/request.ts';
import { toValue } from '../../src/domain/json/cursor.ts';
import { classifySeeds } from './classify-seeds.ts';

const json = 'application/fhir+json';

/** The interaction with every tape as the value it holds: a tape of the same document elsewhere in a buffer is the same. */
const plain = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  if ('bytes' in value && 'next' in value) return toValue(value as never, 0);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
};

const id = fc.stringMatching(/^[A-Za-z0-9-]{1,12}$/);
const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((value) => !/[\p{Cc}\\]/u.test(value) && value.trim() !== '' && !value.includes('%'));
const pair = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      'name',
      'name:exact',
      'family',
      'address-city',
      'general-practitioner.name',
      '_has:Observation:patient:code:text',
    ),
    text.map((value) => value.replaceAll(/[,|$]/g, '_')),
  ),
  fc.tuple(
    fc.constantFrom('identifier', 'email', '_tag', '_security'),
    fc.tuple(id, id).map(([system, code]) => `http://${system}|${code}`),
  ),
  fc.tuple(fc.constant('birthdate'), fc.constantFrom('1990', 'ge1990-01', 'lt2020-02-03', '2020-01-01T00:00:00Z')),
  fc.tuple(
    fc.constantFrom('_id', 'organization'),
    fc.array(id, { minLength: 1, maxLength: 3 }).map((ids) => ids.join(',')),
  ),
  fc.tuple(
    fc.constantFrom('_include', '_include:iterate'),
    fc.constantFrom('Patient:organization', 'Patient:link:RelatedPerson', 'Patient:*'),
  ),
  fc.tuple(fc.constant('_revinclude'), fc.constantFrom('Observation:subject', 'Provenance:target')),
);
const single = fc.record(
  {
    _sort: fc.constantFrom('name', '-birthdate,_id'),
    _count: fc.nat(100).map(String),
    _summary: fc.constantFrom('count', 'true'),
    _total: fc.constant('accurate'),
    _elements: fc.constantFrom('id', 'name,birthDate'),
  },
  { requiredKeys: [] },
);
const query = fc
  .tuple(fc.array(pair, { maxLength: 5 }), single)
  .map(([pairs, more]) => [...pairs, ...Object.entries(more)]);
const encoded = (pairs: readonly (readonly string[])[]): string =>
  pairs.map(([name = '', value = '']) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');

interface Wire {
  readonly method: string;
  readonly target: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

const headers = fc.record(
  {
    prefer: fc.constantFrom('handling=lenient', 'return=minimal', 'respond-async'),
    accept: fc.constantFrom('*/*', json),
    cookie: fc.string(),
    'x-forwarded-host': fc.string(),
  },
  { requiredKeys: [] },
);

const single_ = fc.oneof(
  fc
    .tuple(query, headers)
    .map(([pairs, sent]): Wire => ({ method: 'GET', target: `/Patient?${encoded(pairs)}`, headers: sent })),
  fc.tuple(query, query).map(
    ([a, b]): Wire => ({
      method: 'POST',
      target: `/Patient/_search?${encoded(a)}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: encoded(b),
    }),
  ),
  fc
    .tuple(fc.constantFrom('GET', 'HEAD', 'DELETE'), id)
    .map(([method, own]): Wire => ({ method, target: `/Patient/${own}`, headers: {} })),
  fc.tuple(id, id).map(
    ([own, version]): Wire => ({
      method: 'GET',
      target: `/Patient/${own}/_history/${version}`,
      headers: { 'if-none-match': 'W/"1"' },
    }),
  ),
  fc.tuple(id, fc.json()).map(
    ([own, value]): Wire => ({
      method: 'PUT',
      target: `/Patient/${own}`,
      headers: { 'content-type': json, 'if-match': 'W/"2"' },
      body: `{"resourceType":"Patient","id":"${own}","x":${value}}`,
    }),
  ),
  fc.tuple(id, fc.json()).map(
    ([own, value]): Wire => ({
      method: 'POST',
      target: '/Patient',
      headers: { 'content-type': json, 'if-none-exist': `Patient?identifier=${own}` },
      body: `{"resourceType":"Patient","x":${value}}`,
    }),
  ),
  id.map(
    (own): Wire => ({ method: 'GET', target: `/Patient/${own}/%24everything?_type=Patient,Observation`, headers: {} }),
  ),
  id.map((own): Wire => ({ method: 'GET', target: `/Patient/${own}/*?_type=Condition`, headers: {} })),
);

const entry = fc.oneof(
  query.map((pairs) => ({ request: { method: 'GET', url: `Patient?${encoded(pairs)}` } })),
  fc.tuple(id, fc.jsonValue()).map(([own, x]) => ({
    fullUrl: `urn:uuid:${own}`,
    resource: { resourceType: 'Patient', x },
    request: { ifNoneExist: `identifier=${own}`, url: '/Patient', method: 'POST' },
  })),
  id.map((own) => ({ request: { url: `Patient/${own}`, method: 'DELETE', ifMatch: 'W/"1"' } })),
  id.map((own) => ({ request: { url: `Patient/${own}`, method: 'GET', ifModifiedSince: '2020-01-01T00:00:00Z' } })),
);
const batch = fc.tuple(fc.constantFrom('batch', 'transaction'), fc.array(entry, { maxLength: 6 })).map(
  ([type, entries]): Wire => ({
    method: 'POST',
    target: '/',
    headers: { 'content-type': json },
    body: JSON.stringify({ resourceType: 'Bundle', type, entry: entries }, undefined, 1),
  }),
);

const encoder = new TextEncoder();
const read = ({ method, target, headers: sent, body }: Wire) =>
  classify({ method, target, headers: sent, body: body === undefined ? undefined : encoder.encode(body) });

const again = (interaction: FhirInteraction): FhirInteraction => {
  const { method, path, headers: sent, body } = toUpstream(interaction);
  const outcome = classify({ method, target: path, headers: sent, body });
  if (!outcome.ok) throw new Error(`the forwarded ${method} is refused: ${outcome.problem.code}`);
  return outcome.interaction;
};

describe('what was judged is what is forwarded', () => {
  it('holds for every call that the fuzzer starts from', () => {
    for (const seed of classifySeeds) {
      const outcome = classify(seed);
      if (!outcome.ok) throw new Error(`${seed.method} ${seed.target}: ${outcome.problem.code}`);
      const sent = toUpstream(outcome.interaction);
      expect(toUpstream(again(outcome.interaction))).toEqual(sent);
    }
  });

  it('reads the rebuilt request back to the same interaction', () => {
    let understood = 0;
    fc.assert(
      fc.property(fc.oneof(single_, batch), (wire) => {
        const outcome = read(wire);
        if (!outcome.ok) return;
        understood += 1;
        const twice = again(outcome.interaction);
        const bundled = twice.kind === 'batch' || twice.kind === 'transaction';
        // Of a Bundle the request parts are rewritten: its entries must be the same, and a second pass change nothing.
        if (bundled && 'entries' in outcome.interaction) {
          expect(plain(twice.entries)).toEqual(plain(outcome.interaction.entries));
          expect(toUpstream(again(twice)).body).toEqual(toUpstream(twice).body);
        } else expect(plain(twice)).toEqual(plain(outcome.interaction));
      }),
      { numRuns: 500 },
    );
    expect(understood).toBeGreaterThan(250);
  });

  it('forwards nothing of the caller but what it understood', () => {
    const outcome = read({
      method: 'GET',
      target: '/Patient?name=a&_format=json&_pretty=true',
      headers: {
        cookie: 'c',
        authorization: 'Bearer t',
        'x-forwarded-host': 'h',
        prefer: 'handling=lenient',
        'x-cascade': 'delete',
      },
    });
    if (!outcome.ok) throw new Error(outcome.problem.code);
    expect(toUpstream(outcome.interaction)).toEqual({
      method: 'GET',
      path: '/Patient?name=a',
      headers: { accept: json, prefer: 'handling=strict' },
    });
  });

  it('keeps every byte of a body', () => {
    const body = '{ "resourceType" : "Observation",\n "valueQuantity":{"value":1.00, "unit":"mg\\u002fdl"} }';
    const outcome = read({ method: 'POST', target: '/Observation', headers: { 'content-type': json }, body });
    if (!outcome.ok) throw new Error(outcome.problem.code);
    expect(new TextDecoder().decode(toUpstream(outcome.interaction).body)).toBe(body);
  });
});
