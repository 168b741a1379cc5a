import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { is, toValue } from '../src/domain/json/cursor.ts';
import { scan } from '../src/domain/json/scan.ts';
import { applySplices } from '../src/domain/json/splice.ts';
import { KIND, type Tape } from '../src/domain/json/tape.ts';
import type { Splice } from '../src/domain/masking/plan.ts';
import type { Row } from './main.ts';

/**
 * Scan, a splice at every element that a mask would hide, and the write of the result, against JSON.parse, the same
 * change to the value, and JSON.stringify. Both start from bytes and end in a Buffer; the results are compared first.
 */
const hidden: ReadonlySet<string> = new Set(['display', 'family', 'birthDate', 'line', 'postalCode', 'div', 'value']);
const KEY = KIND.key;
const STRING = KIND.string;
const MASK = '"***"';

/** By length and first byte, as a compiled mask would have it: nearly every key is passed over without a comparison. */
const candidates: readonly (readonly string[])[] = Array.from({ length: 16 * 256 }, (_, slot) =>
  [...hidden].filter((name) => name.length === slot >> 8 && name.charCodeAt(0) === (slot & 255)),
);

const isHidden = (tape: Tape, key: number): boolean => {
  const from = tape.start[key] as number;
  const length = (tape.end[key] as number) - from - 2;
  if (length > 15) return false;
  const names = candidates[(length << 8) | (tape.bytes[from + 1] as number)] as readonly string[];
  for (let i = 0; i < names.length; i += 1) if (is(tape, key, names[i] as string)) return true;
  return false;
};

const bySplices = (bytes: Uint8Array): Uint8Array => {
  const outcome = scan(bytes);
  if (!outcome.ok) throw new Error(outcome.fault.code);
  const { tape } = outcome;
  const { kind, start, end } = tape;
  const splices: Splice[] = [];
  for (let node = 0; node < tape.length; node += 1) {
    if (kind[node] !== KEY || kind[node + 1] !== STRING || !isHidden(tape, node)) continue;
    splices.push({ start: start[node + 1] as number, end: end[node + 1] as number, text: MASK });
  }
  return applySplices(bytes, splices, undefined, Buffer.allocUnsafe);
};

const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

const mask = (value: unknown): void => {
  if (Array.isArray(value)) {
    for (const element of value) mask(element);
  } else if (typeof value === 'object' && value !== null) {
    const members = value as Record<string, unknown>;
    for (const name in members) {
      const inner = members[name];
      if (typeof inner === 'string') {
        if (hidden.has(name)) members[name] = '***';
      } else mask(inner);
    }
  }
};

const byValues = (bytes: Uint8Array): Uint8Array => {
  const value: unknown = JSON.parse(decoder.decode(bytes));
  mask(value);
  return Buffer.from(JSON.stringify(value));
};

const read = (path: string): Uint8Array => {
  const bytes = readFileSync(path);
  return new Uint8Array(path.endsWith('.gz') ? gunzipSync(bytes) : bytes);
};

const compact = (bytes: Uint8Array): Uint8Array => encoder.encode(JSON.stringify(JSON.parse(decoder.decode(bytes))));

interface Sets {
  readonly small: readonly Uint8Array[];
  readonly large: readonly Uint8Array[];
  readonly indented: readonly Uint8Array[];
}

/** From the patient Bundles of a corpus: single resources of about 2 KB, and whole Bundles of 100 KB and more. */
const corpusSets = (folder: string): Sets => {
  const large: Uint8Array[] = [];
  const small: Uint8Array[] = [];
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!name.endsWith('.json.gz') || large.length === 12) continue;
    const bytes = read(join(folder, name));
    const outcome = scan(bytes);
    if (bytes.length < 150_000 || bytes.length > 3_000_000 || !outcome.ok) continue;
    large.push(compact(bytes));
    for (const { resource } of (toValue(outcome.tape, 0) as { entry?: { resource: unknown }[] }).entry ?? []) {
      const one = encoder.encode(JSON.stringify(resource));
      if (one.length > 1500 && one.length < 2600 && small.length < 400) small.push(one);
    }
  }
  return { small, large, indented: large.map(indent) };
};

const indent = (bytes: Uint8Array): Uint8Array =>
  encoder.encode(JSON.stringify(JSON.parse(decoder.decode(bytes)), null, 2));

/** A stand-in of the same make where no corpus is given: laboratory values and a patient, with ids that differ. */
const madeSets = (): Sets => {
  const uuid = (seed: number): string => {
    const hex = Array.from({ length: 4 }, (_, i) =>
      (((seed + 1) * 2654435761 * (i + 7)) >>> 0).toString(16).padStart(8, '0'),
    );
    return `${hex[0]}-${hex[1]?.slice(0, 4)}-4${hex[1]?.slice(5)}-a${hex[2]?.slice(0, 3)}-${hex[3]}${hex[2]?.slice(4)}`;
  };
  const observation = (i: number) => ({
    resourceType: 'Observation',
    id: uuid(i),
    meta: {
      versionId: '1',
      lastUpdated: '2026-03-01T10:00:00.000+00:00',
      profile: ['http://hl7.org/fhir/StructureDefinition/vitalsigns'],
    },
    status: 'final',
    category: [
      {
        coding: [
          {
            system: 'http://terminology.hl7.org/CodeSystem/observation-category',
            code: 'vital-signs',
            display: 'Vital Signs',
          },
        ],
      },
    ],
    code: {
      coding: [{ system: 'http://loinc.org', code: '85354-9', display: 'Blood pressure panel' }],
      text: 'Blood pressure',
    },
    subject: { reference: `Patient/${uuid(i >> 5)}` },
    encounter: { reference: `Encounter/${uuid(i + 9)}` },
    effectiveDateTime: '2026-02-28T09:14:23+01:00',
    component: [7, 8, 9].map((part) => ({
      code: { coding: [{ system: 'http://loinc.org', code: `84${part}0-6`, display: 'Systolic pressure' }] },
      valueQuantity: {
        value: 80 + ((i * part) % 50) + 0.5,
        unit: 'mm[Hg]',
        system: 'http://unitsofmeasure.org',
        code: 'mm[Hg]',
      },
    })),
    note: [{ text: `Taken while seated – repeated after ${i % 9} minutes, the cuff on the left arm; patient "calm".` }],
  });
  const bundle = (first: number) =>
    encoder.encode(
      JSON.stringify({
        resourceType: 'Bundle',
        type: 'searchset',
        entry: Array.from({ length: 100 }, (_, i) => ({
          fullUrl: `https://ehr.example/fhir/Observation/${uuid(first + i)}`,
          resource: observation(first + i),
          search: { mode: 'match' },
        })),
      }),
    );
  const large = Array.from({ length: 8 }, (_, i) => bundle(i * 100));
  return {
    small: Array.from({ length: 200 }, (_, i) => encoder.encode(JSON.stringify(observation(i)))),
    large,
    indented: large.map(indent),
  };
};

const megabytes = (set: readonly Uint8Array[]): number => set.reduce((sum, bytes) => sum + bytes.length, 0) / 1e6;

/** Processor time, not the clock's: what other processes take of a shared machine does not count. */
const spent = (work: () => void): number => {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
};

const median = (figures: readonly number[]): number => [...figures].sort((a, b) => a - b)[figures.length >> 1] ?? 0;

const compare = (name: string, set: readonly Uint8Array[], seconds: number): Row[] => {
  for (const bytes of set) {
    const left: unknown = JSON.parse(decoder.decode(bySplices(bytes)));
    if (JSON.stringify(left) !== decoder.decode(byValues(bytes)))
      throw new Error('the two ways give different results');
  }
  const rounds = Math.max(1, Math.round(4 / megabytes(set)));
  const ways = {
    splices: () => set.forEach((bytes) => void bySplices(bytes)),
    values: () => set.forEach((bytes) => void byValues(bytes)),
    scan: () => set.forEach((bytes) => void scan(bytes)),
    parse: () => set.forEach((bytes) => void JSON.parse(decoder.decode(bytes))),
  };
  const rates: Record<keyof typeof ways, number[]> = { splices: [], values: [], scan: [], parse: [] };
  const ends = performance.now() + seconds * 1000;
  // The first three rounds warm up. The ways take turns, so that a slow spell of the machine meets all of them.
  for (let round = 0; round < 6 || performance.now() < ends; round += 1) {
    for (const way of ['splices', 'values', 'scan', 'parse'] as const) {
      const time = spent(() => {
        for (let i = 0; i < rounds; i += 1) ways[way]();
      });
      if (round >= 3) rates[way].push((rounds * megabytes(set)) / time);
    }
  }
  const rate = (way: keyof typeof ways): number => median(rates[way]);
  const ratio = rate('splices') / rate('values');
  return [
    { name: `${name}: scan + mask splices + write`, figure: rate('splices'), unit: 'MB/s', reach: '', ok: null },
    { name: `${name}: JSON.parse + mask + JSON.stringify`, figure: rate('values'), unit: 'MB/s', reach: '', ok: null },
    { name: `${name}: ratio`, figure: ratio, unit: 'x', reach: '2.5', ok: ratio >= 2.5 },
    { name: `${name}: scan alone`, figure: rate('scan'), unit: 'MB/s', reach: '', ok: null },
    {
      name: `${name}: scan alone against JSON.parse alone`,
      figure: rate('scan') / rate('parse'),
      unit: 'x',
      reach: '',
      ok: null,
    },
  ];
};

/** The corpus is the folder in CONSENTRY_CORPUS; without one, documents made here. */
export const run = async ({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> => {
  const folder = process.env.CONSENTRY_CORPUS;
  const sets = folder === undefined || folder === '' ? madeSets() : corpusSets(folder);
  const seconds = quick ? 5 : 20;
  const size = (set: readonly Uint8Array[]): string => `${Math.round((megabytes(set) / set.length) * 1000)} KB`;
  return [
    ...compare(`small bodies (${size(sets.small)})`, sets.small, seconds),
    ...compare(`large bodies (${size(sets.large)})`, sets.large, seconds),
    ...compare(`large indented bodies (${size(sets.indented)})`, sets.indented, seconds),
  ];
};
