import { resourcesIn, withhold } from '../src/domain/fhir/bundle.ts';
import { bundleReferences } from '../src/domain/fhir/bundle-references.ts';
import { anchorLinks } from '../src/domain/fhir/links.ts';
import { subjectsOf } from '../src/domain/fhir/subjects.ts';
import { losslessCanonical } from '../src/domain/json/canonical.ts';
import { toValue } from '../src/domain/json/cursor.ts';
import { scan } from '../src/domain/json/scan.ts';
import { applySplices } from '../src/domain/json/splice.ts';
import type { Tape } from '../src/domain/json/tape.ts';
import { jsonSeeds } from '../test/property/json-seeds.ts';
import type { Fuzz } from './fuzz.ts';

/** Bytes that have meant something to some JSON reader, and pieces of FHIR that move what is owned and linked. */
const pieces: readonly string[] = [
  ...['"', '\\', '\\"', '\\u', '\\u0000', '\\ud800', '\\udc00', '\\ud83d\\ude00', '\\/', '{', '}', '[', ']', ':', ','],
  ...['0', '-', '-0', '1.', '1e', '1e+', '1e999', '01', '.5', '0.10', 'true', 'false', 'null', 'nul', 'NaN', ' ', '\n'],
  ...['\t', '\r', '\u0000', '\u001f', '\u007f', '\u00a0', '\u2028', '\ufeff', 'é', '日', '\u{1f600}', '/*', '//', "'"],
  ...['"__proto__":1', '"id":"a"', '"resourceType":"Patient"', '"resourceType":"Bundle"', '"subject":', '"contained":'],
  ...['"reference":"Patient/b"', '"reference":"http://ehr.example/fhir/Patient/b"', '"reference":"#x"', '"entry":['],
  ...[
    '"fullUrl":"urn:uuid:1"',
    '"url":"http://ehr.example/fhir/Binary/1"',
    '"total":1',
    '"type":"Patient"',
    'Patient/',
  ],
];
const brokenBytes: readonly (readonly number[])[] = [
  ...[[0x80], [0xc0, 0xaf], [0xe0, 0x80, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff], [0xe2, 0x82]],
];

const bases = { upstreamBase: 'http://ehr.example/fhir', gatewayBase: 'https://gateway.example/fhir' };

/** What JSON.parse accepts and the scan refuses, as it says it does. */
const stated: ReadonlySet<string> = new Set(['duplicate-key', 'surrogate', 'depth', 'byte-order-mark']);

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

const parsed = (bytes: Uint8Array): { readonly value: unknown } | undefined => {
  try {
    return { value: JSON.parse(decoder.decode(bytes)) };
  } catch {
    return undefined;
  }
};

/** As text with sorted members; a key that repeats has been refused before. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

type Next = (below: number) => number;

/** Deterministic from its seed (xorshift32), so that a find can be made again. */
const generator = (seed: number): Next => {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
};

const pick = <Item>(next: Next, items: readonly Item[]): Item => items[next(items.length)] as Item;

const mutated = (bytes: Uint8Array, next: Next): Uint8Array => {
  let result: Uint8Array = bytes;
  for (let times = 1 + next(5); times > 0; times -= 1) {
    const at = next(result.length + 1);
    const cut = next(3) === 0 ? next(12) : 0;
    const choice = next(12);
    const from = next(result.length + 1);
    const put =
      choice === 0
        ? Uint8Array.from(pick(next, brokenBytes))
        : choice < 3
          ? result.slice(from, from + next(60))
          : choice === 3
            ? Uint8Array.of(next(256))
            : encoder.encode(pick(next, pieces));
    const tail = result.subarray(Math.min(result.length, at + cut));
    const joined = new Uint8Array(at + put.length + tail.length);
    joined.set(result.subarray(0, at));
    joined.set(put, at);
    joined.set(tail, at + put.length);
    result = joined;
  }
  return result.length > 20_000 ? result.slice(0, 20_000) : result;
};

/** What is wrong with how these bytes are read, or undefined. */
const judged = (bytes: Uint8Array, next: Next): string | undefined => {
  const outcome = scan(bytes);
  const oracle = parsed(bytes);
  if (!outcome.ok) {
    if (outcome.fault.offset < 0 || outcome.fault.offset > bytes.length) return 'a fault outside the document';
    return oracle !== undefined && !stated.has(outcome.fault.code)
      ? `refused what is JSON: ${outcome.fault.code}`
      : undefined;
  }
  if (oracle === undefined) return 'accepted what is not JSON';
  const { tape } = outcome;
  if (sorted(toValue(tape, 0)) !== sorted(oracle.value)) return 'another value than JSON.parse gives';
  if (sorted(JSON.parse(losslessCanonical(tape))) !== sorted(oracle.value)) return 'another value in canonical form';
  return fhirJudged(tape, next);
};

const fhirJudged = (tape: Tape, next: Next): string | undefined => {
  const answer = resourcesIn(tape);
  const resolve = answer.bundles[0] === undefined ? undefined : bundleReferences(tape, answer.bundles[0], bases);
  for (const site of answer.sites) {
    const subjects = subjectsOf(tape, site.node, bases, resolve);
    if (subjects.kind === 'unknown') continue;
    const ids: readonly string[] = subjects.kind === 'patients' ? subjects.ids : [];
    const text = JSON.stringify(toValue(tape, site.node));
    for (const [, id = ''] of text.matchAll(/"reference":"Patient\/([A-Za-z0-9.-]{1,64})"/g)) {
      if (!ids.includes(id) && id !== '.' && id !== '..') return 'a named patient does not count';
    }
  }
  const gone = new Set(answer.sites.filter((site) => site.hold !== undefined && next(2) === 0));
  if (!scan(applySplices(tape.bytes, withhold(answer, gone))).ok) return 'withholding leaves no JSON';
  if (!scan(applySplices(tape.bytes, anchorLinks(tape, 0, bases))).ok) return 'moving links leaves no JSON';
  return undefined;
};

const timed = (work: () => unknown): number => {
  const began = performance.now();
  work();
  return performance.now() - began;
};

export const fuzz: Fuzz = ({ seconds, seed, found, progress }) => {
  const next = generator(seed);
  const pool: Uint8Array[] = jsonSeeds.map((text) => encoder.encode(text));
  const ends = performance.now() + seconds * 1000;
  let runs = 0;
  let accepted = 0;
  let slowest = 0;
  while (performance.now() < ends) {
    const input = mutated(pick(next, pool), next);
    const began = performance.now();
    let fault: string | undefined;
    try {
      fault = judged(input, next);
    } catch (error) {
      fault = `threw ${String(error)}`;
    }
    const took = performance.now() - began;
    slowest = Math.max(slowest, took);
    // Twice, for the machine may have been busy with something else.
    if (took > 500 && timed(() => judged(input, next)) > 500) fault ??= 'took half a second and more';
    if (fault !== undefined) found(fault, JSON.stringify(new TextDecoder('latin1').decode(input)));
    runs += 1;
    if (scan(input).ok) {
      accepted += 1;
      // What is still JSON is worth going on from; the seeds are never replaced.
      if (pool.length < 2000) pool.push(input);
      else pool[jsonSeeds.length + next(pool.length - jsonSeeds.length)] = input;
    }
    if (runs % 1000 === 0) progress(runs);
  }
  return { runs, accepted, slowestMs: Math.round(slowest) };
};
