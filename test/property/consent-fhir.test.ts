import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { classifier } from '../../src/domain/consent/classifier.ts';
import { readDocuments } from '../../src/domain/consent/consent-documents.ts';
import { answerRequests } from '../../src/domain/consent/decide-fhir.ts';

interface Case {
  readonly consents: readonly unknown[];
  readonly request: unknown;
}

const folder = new URL('../domain/consent/cases/', import.meta.url);
const cases = readdirSync(folder).flatMap(
  (file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as readonly Case[],
);
const sets = classifier([], '');
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const decision = (consents: readonly unknown[], request: unknown): string => {
  const [first] = answerRequests(readDocuments([bytes(consents)]), bytes(request), sets, 0).answers;
  return first?.ok === true ? first.decision.decision : 'refused';
};

/** Paths to every node of a JSON value. */
const paths = (value: unknown, path: readonly (string | number)[] = []): readonly (readonly (string | number)[])[] => {
  if (Array.isArray(value)) return [path, ...value.flatMap((one, index) => paths(one, [...path, index]))];
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, inner]) => paths(inner, [...path, name]))];
};

const replaced = (value: unknown, path: readonly (string | number)[], by: unknown): unknown => {
  const [step, ...rest] = path;
  if (step === undefined) return by;
  if (Array.isArray(value)) return value.map((one, index) => (index === step ? replaced(one, rest, by) : one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, name === step ? replaced(inner, rest, by) : inner]),
  );
};

const junkValues: readonly unknown[] = [
  null,
  true,
  7,
  '',
  'x',
  [],
  {},
  [null],
  ['x'],
  { x: 1 },
  [[]],
  { coding: [] },
  { reference: 3 },
];
const junk = fc.constantFrom(...junkValues);
const inside = cases.map((one) => ({
  one,
  consents: paths(one.consents).filter((path) => path.length > 1),
  request: paths(one.request),
}));
const damage = fc.record({ at: fc.nat(inside.length - 1), node: fc.nat(10_000), by: junk });
const criteria = new Set(['actor', 'purpose', 'action', 'class', 'securityLabel', 'dataPeriod', 'period', 'data']);

describe('FHIR Consents of any shape', () => {
  it('are always answered, whatever one part of them is replaced by', () => {
    fc.assert(
      fc.property(damage, ({ at, node, by }) => {
        const { one, consents } = inside[at] ?? { consents: [] };
        const path = consents[node % Math.max(consents.length, 1)];
        if (one === undefined || path === undefined) return;
        const after = decision(replaced(one.consents, path, by) as readonly unknown[], one.request);
        expect(['permit', 'deny', 'no-consent']).toContain(after);
      }),
      { numRuns: 1500 },
    );
  });

  // Every node by every piece of junk: drawn at random, the one that opened was met once in many runs.
  it('never open what was closed when a criterion is damaged', () => {
    let closed = 0;
    for (const { one, consents } of inside) {
      if (decision(one.consents, one.request) === 'permit') continue;
      for (const path of consents.filter((steps) => steps.some((step) => criteria.has(String(step))))) {
        for (const by of junkValues) {
          // A criterion of a refusal that now names something else may leave this request open, if it is well formed.
          if (by === 'x') continue;
          expect(decision(replaced(one.consents, path, by) as readonly unknown[], one.request)).not.toBe('permit');
          closed += 1;
        }
      }
    }
    expect(closed).toBeGreaterThan(1000);
  });

  it('are answered for requests of any shape', () => {
    fc.assert(
      fc.property(damage, ({ at, node, by }) => {
        const { one, request } = inside[at] ?? { request: [] };
        const path = request[node % Math.max(request.length, 1)];
        if (one === undefined || path === undefined) return;
        const answers = ['permit', 'deny', 'no-consent', 'refused'];
        expect(answers).toContain(decision(one.consents, replaced(one.request, path, by)));
      }),
      { numRuns: 1000 },
    );
  });

  it('deny as soon as one of this patient’s cannot be read', () => {
    const broken = {
      resourceType: 'Consent',
      id: 'broken',
      status: 'active',
      patient: { reference: 'Patient/p1' },
      provision: 'x',
    };
    fc.assert(
      fc.property(fc.constantFrom(...cases), (one) => {
        expect(decision([...one.consents, broken], one.request)).toBe('deny');
      }),
    );
  });
});
