import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import { auditEventOf } from '../../src/domain/ledger/audit-event.ts';
import type { LedgerEntry } from '../../src/domain/ledger/entry.ts';
import { entryOf } from '../adapters/store/ledger-fixture.ts';

const folder = join(process.env.CONSENTRY_CORPUS ?? '', 'fhir-definitions', 'balp-profiles');

interface Element {
  readonly id: string;
  readonly path: string;
  readonly min?: number;
  readonly max?: string;
  readonly binding?: { readonly valueSet: string };
  readonly [pattern: `pattern${string}`]: unknown;
}
interface Profile {
  readonly url: string;
  readonly baseDefinition: string;
  readonly differential: { readonly element: readonly Element[] };
}

const profiles = new Map(
  readdirSync(folder)
    .filter((name) => name.startsWith('StructureDefinition'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Profile)
    .map((profile) => [profile.url, profile]),
);

const core = JSON.parse(
  readFileSync(join(folder, '..', 'r4-core', 'StructureDefinition-AuditEvent.json'), 'utf8'),
) as Profile;
// A choice of types has another name in the resource; of lists in lists the sum is counted below, so not how many they are.
const coreElements = core.differential.element
  .filter(({ id, path }) => !id.includes('[x]') && path.split('.').length <= 3)
  .map((element) => (element.path.split('.').length > 2 ? { ...element, max: '*' } : element));

const elementsOf = (url: string): Element[] => {
  const profile = profiles.get(url);
  if (url === core.url) return coreElements;
  return profile === undefined ? [] : [...elementsOf(profile.baseDefinition), ...profile.differential.element];
};

const dataSources = ['AUT', 'INF', 'CST'];

const asList = (value: unknown): readonly unknown[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

/** FHIR pattern matching: everything in the pattern is in the value; lists by containment. */
const matches = (value: unknown, pattern: unknown): boolean => {
  if (Array.isArray(pattern)) return pattern.every((part) => asList(value).some((one) => matches(one, part)));
  if (typeof pattern !== 'object' || pattern === null) return value === pattern;
  return Object.entries(pattern).every(([key, part]) =>
    matches((value as Record<string, unknown> | undefined)?.[key], part),
  );
};

const patternOf = (element: Element): unknown =>
  Object.entries(element).find(([key]) => key.startsWith('pattern'))?.[1];

const values = (roots: readonly unknown[], steps: readonly string[]): readonly unknown[] =>
  steps.reduce<readonly unknown[]>(
    (at, step) => at.flatMap((one) => asList((one as Record<string, unknown>)[step])),
    roots,
  );

/** Cardinalities and patterns of a differential, slices told apart by the pattern of their type (or of themselves). */
const faultsOf = (event: object, url: string): string[] => {
  const elements = elementsOf(url);
  const faults: string[] = [];
  const sliceMembers = (path: string, slice: string): readonly unknown[] => {
    const all = values([event], [path]);
    const type =
      elements.find(({ id }) => id === `AuditEvent.${path}:${slice}.type`) ??
      elements.find(({ id }) => id === `AuditEvent.${path}:${slice}`);
    // The one slice that is told apart by a value set: the author, informant or custodian of a write.
    if (type?.binding?.valueSet.endsWith('/DataSources'))
      return all.filter((one) => dataSources.some((code) => matches(one, { type: { coding: [{ code }] } })));
    const pattern = type && patternOf(type);
    if (pattern === undefined) return all;
    return all.filter((one) => matches(type?.id.endsWith('.type') ? (one as { type?: unknown }).type : one, pattern));
  };
  for (const element of elements) {
    const [, first = '', ...rest] = element.id.split('.');
    if (first === '') continue;
    const [path = '', slice] = first.split(':');
    const holders: readonly unknown[] = slice === undefined ? [event] : sliceMembers(path, slice);
    const check = (found: readonly unknown[]): void => {
      if (element.min !== undefined && found.length < element.min) faults.push(`${element.id} min ${element.min}`);
      if (element.max !== undefined && element.max !== '*' && found.length > Number(element.max))
        faults.push(`${element.id} max ${element.max}`);
      const pattern = patternOf(element);
      if (pattern !== undefined)
        for (const one of found) if (!matches(one, pattern)) faults.push(`${element.id} pattern`);
    };
    if (slice === undefined) check(values([event], [path, ...rest]));
    else if (rest.length === 0) check(holders);
    else for (const holder of holders) check(values([holder], rest));
  }
  return faults;
};

const p = (...ids: string[]): PatientId[] => ids as PatientId[];
const source = { name: 'gateway-1', address: 'gateway.example' };
const cases: readonly (readonly [string, Partial<LedgerEntry>, string | undefined])[] = [
  ['a read', {}, 'PatientRead'],
  ['a read of nobody', { patients: [] }, 'Read'],
  ['a version read', { interaction: { kind: 'vread', type: 'Patient', id: 'p1' }, resources: [] }, 'PatientRead'],
  [
    'a search',
    {
      kind: 'search',
      interaction: { kind: 'search', type: 'Observation', query: 'patient=p1' },
      resources: ['Observation/1', 'Observation/2'],
    },
    'PatientQuery',
  ],
  [
    'a search over many',
    { kind: 'search', interaction: { kind: 'search', type: 'Observation', query: '' }, patients: p('p1', 'p2') },
    'Query',
  ],
  ['a create', { kind: 'write', interaction: { kind: 'create', type: 'Observation' } }, 'PatientCreate'],
  [
    'an intent',
    { kind: 'write-intent', interaction: { kind: 'create', type: 'Observation' }, resources: [] },
    'PatientCreate',
  ],
  ['an update', { kind: 'write', interaction: { kind: 'update', type: 'Observation', id: 'o1' } }, 'PatientUpdate'],
  [
    'a patch of nobody',
    { kind: 'write', patients: [], interaction: { kind: 'patch', type: 'Location', id: 'l1' } },
    'Update',
  ],
  [
    'a delete',
    { kind: 'write', interaction: { kind: 'delete', type: 'Observation', id: 'o1' }, resources: [] },
    'PatientDelete',
  ],
  ['break-glass', { kind: 'break-glass', purpose: 'ETREAT', reason: 'unconscious' }, 'PatientRead'],
  [
    'a denial by consent',
    { kind: 'denied', decision: 'deny', code: 'consent-not-granted', stage: 'consent', resources: [] },
    'AuthZconsent',
  ],
  [
    'a denial by scope',
    { kind: 'denied', decision: 'deny', code: 'scope-insufficient', stage: 'authorise', resources: [] },
    'AuthZconsent',
  ],
];

describe('AuditEvents against the BALP profiles', () => {
  it.each(cases)('%s conforms', (_, more, shape) => {
    const { consent: _unused, ...plain } = entryOf('r1');
    const entry: LedgerEntry = more.decision === 'deny' ? { ...plain, ...more } : entryOf('r1', more);
    const event = auditEventOf(entry, source, '7');
    const url = event.meta?.profile[0];
    expect(url).toBe(shape && `https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.${shape}`);
    expect(profiles.has(url ?? '')).toBe(true);
    expect(faultsOf(event, url ?? '')).toEqual([]);
  });

  it.each(['policy', 'model', 'anchor', 'erasure', 'rotation', 'retirement'] as const)(
    'what the log says of itself (%s) claims no profile, and is a valid AuditEvent of FHIR',
    (kind) => {
      const {
        actor: _actor,
        consent: _consent,
        purpose: _purpose,
        interaction: _interaction,
        ...plain
      } = entryOf('r1');
      const event = auditEventOf({ ...plain, kind, patients: [], resources: [] }, source, '7');
      expect(event.meta?.profile).toBeUndefined();
      expect(event.subtype).toEqual([{ system: 'urn:consentry:ledger-kind', code: kind }]);
      expect(faultsOf(event, core.url)).toEqual([]);
      const { recorded: _recorded, ...without } = event;
      expect(faultsOf(without, core.url)).toEqual(['AuditEvent.recorded min 1']);
    },
  );

  it('is a check that finds what is wrong', () => {
    const event = auditEventOf(entryOf('r1'), source);
    const url = event.meta?.profile[0] ?? '';
    expect(faultsOf({ ...event, action: 'C' }, url)).toContain('AuditEvent.action pattern');
    expect(faultsOf({ ...event, entity: [] }, url)).toContain('AuditEvent.entity:patient min 1');
    expect(faultsOf({ ...event, agent: event.agent.map(({ network: _n, ...agent }) => agent) }, url)).toContain(
      'AuditEvent.agent:client.network min 1',
    );
  });
});
