import { classify, type RawRequest } from '../src/domain/fhir/classify.ts';
import { criteriaTargets } from '../src/domain/fhir/criteria.ts';
import { toUpstream, type UpstreamRequest } from '../src/domain/fhir/request.ts';
import { permits } from '../src/domain/identity/authorise.ts';
import { parseScopes } from '../src/domain/identity/scope.ts';
import { classifySeeds } from '../test/property/classify-seeds.ts';
import type { Fuzz } from './fuzz.ts';

/** Pieces that have meant something to some server. */
const pieces = [
  '/',
  '//',
  '\\',
  '.',
  '..',
  '%2e',
  '%2f',
  '%252f',
  '%00',
  '%0d%0a',
  '%',
  '?',
  '&',
  '=',
  '#',
  ';',
  ':',
  '+',
  '%20',
  '|',
  '$',
  ',',
  '%5C',
  '*',
  'Patient',
  'Observation',
  '_history',
  '_search',
  '_has:',
  'Observation:patient:',
  'patient',
  'subject',
  '.name',
  ':exact',
  ':Patient',
  '_include=',
  '_count=1',
  '_format=xml',
  '_type=',
  '$everything',
  '$export',
  'metadata',
  '__proto__',
  'constructor',
  'é',
  '\u0000',
  '\u{1f600}',
  '"',
  '{',
  '}',
  '[',
  ']',
  '\\u0000',
  '1e999',
  '"resourceType":"Patient"',
  '"id":"1"',
  '"reference":"Patient?name=x"',
  'urn:uuid:',
  'http://x/',
  'a'.repeat(300),
];
const headerNames = [
  'accept',
  'content-type',
  'if-match',
  'if-none-match',
  'if-none-exist',
  'if-modified-since',
  'prefer',
  'x-http-method-override',
  'content-encoding',
];
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'get', ''];

/** Deterministic from its seed (mulberry32), so that a find can be made again. */
const generator = (seed: number) => {
  let state = seed >>> 0;
  return (below: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
};

type Next = (below: number) => number;

const pick = <Item>(next: Next, items: readonly Item[]): Item => items[next(items.length)] as Item;

const mutated = (text: string, next: Next): string => {
  let result = text;
  for (let times = 1 + next(4); times > 0; times -= 1) {
    const at = next(result.length + 1);
    const cut = next(3) === 0 ? next(8) : 0;
    const put = next(4) === 0 ? result.slice(next(result.length + 1)).slice(0, 20) : pick(next, pieces);
    result = result.slice(0, at) + (next(5) === 0 ? '' : put) + result.slice(at + cut);
  }
  return result;
};

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const mutate = (seed: RawRequest, next: Next): RawRequest => {
  const headers: Record<string, string> = { ...(seed.headers as Record<string, string>) };
  if (next(3) === 0)
    headers[pick(next, headerNames)] = mutated(
      pick(next, ['', 'application/fhir+json', 'W/"1"', 'identifier=a|b', 'return=minimal']),
      next,
    );
  const changeBody = seed.body !== undefined && next(2) === 0;
  return {
    method: next(10) === 0 ? pick(next, methods) : seed.method,
    target: changeBody && next(2) === 0 ? seed.target : mutated(seed.target, next),
    headers,
    body: changeBody ? encoder.encode(mutated(decoder.decode(seed.body), next)) : seed.body,
  };
};

/** What may leave the gateway: a plain path without steps, and a query without anything that parts it elsewhere. */
const plainPath = /^\/(?:[A-Za-z0-9._$*-]+(?:\/[A-Za-z0-9._$*-]+)*)?(?:\?[!"$-:<-~]*)?$/;

const sameRequest = (a: UpstreamRequest, b: UpstreamRequest): boolean =>
  a.method === b.method &&
  a.path === b.path &&
  JSON.stringify(a.headers) === JSON.stringify(b.headers) &&
  Buffer.compare(a.body ?? new Uint8Array(), b.body ?? new Uint8Array()) === 0;

const holder = { scopes: parseScopes('user/*.cruds') };

/** Undefined when all that is promised holds, else what does not. */
const broken = (raw: RawRequest): string | undefined => {
  const outcome = classify(raw);
  if (!outcome.ok) return undefined;
  criteriaTargets(outcome.interaction);
  permits(holder, outcome.interaction);
  const sent = toUpstream(outcome.interaction);
  if (!plainPath.test(sent.path)) return 'the forwarded path is not plain';
  if (/(?:^|\/)\.\.?(?:\/|$)/.test(sent.path.split('?')[0] ?? '')) return 'the forwarded path climbs';
  const again = classify({ method: sent.method, target: sent.path, headers: sent.headers, body: sent.body });
  if (!again.ok) return 'what is forwarded is refused';
  return sameRequest(sent, toUpstream(again.interaction)) ? undefined : 'what is forwarded is read as something else';
};

const SLOW_MS = 250;

const fastest = (raw: RawRequest): number => {
  let least = Number.POSITIVE_INFINITY;
  for (let times = 0; times < 5; times += 1) {
    const from = performance.now();
    broken(raw);
    least = Math.min(least, performance.now() - from);
  }
  return least;
};

export const fuzz: Fuzz = ({ seconds, seed, found, progress }) => {
  const next = generator(seed);
  const until = performance.now() + seconds * 1000;
  let runs = 0;
  let understood = 0;
  let slowest = 0;
  const pool: RawRequest[] = [...classifySeeds];
  while (performance.now() < until) {
    const raw = mutate(pick(next, pool), next);
    const from = performance.now();
    let fault: string | undefined;
    try {
      fault = broken(raw);
      const took = performance.now() - from;
      slowest = Math.max(slowest, took);
      // On a busy machine a pause is nobody's fault: slow is what stays slow.
      if (took > SLOW_MS && fastest(raw) > SLOW_MS) fault ??= 'slow';
      if (classify(raw).ok) {
        understood += 1;
        // What is understood is worth changing further.
        if (pool.length < 5000 && raw.target.length < 400) pool.push(raw);
      }
    } catch (error) {
      fault = error instanceof Error ? `thrown: ${error.message}` : 'thrown';
    }
    if (fault !== undefined)
      found(fault, JSON.stringify({ ...raw, body: raw.body === undefined ? undefined : decoder.decode(raw.body) }));
    runs += 1;
    if (runs % 5000 === 0) progress(runs);
  }
  return { runs, understood, slowestMs: Math.round(slowest) };
};
