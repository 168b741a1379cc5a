import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ownershipOf } from '../../src/domain/fhir/compartment.ts';
import { scan } from '../../src/domain/json/scan.ts';
import { explainMask } from '../../src/domain/masking/explain.ts';
import { pseudonymIn, type Rig, startRig } from '../flow/rig.ts';
import { type OddUpstream, oddUpstream, type Second, startSecond } from '../flow/second-gateway.ts';
import { corpusFiles } from './files.ts';

/** A mark in every text of every R4 example, served as a record of a patient who consented, to every persona. */
let rig: Rig;
let upstream: OddUpstream;
let second: Second;
let served = '';
const logged: string[] = [];
beforeAll(async () => {
  rig = await startRig();
  upstream = await oddUpstream((request, response) => {
    response.writeHead(200, { 'content-type': 'application/fhir+json' });
    response.end(request.url?.includes('_count=200') ? '{"resourceType":"Bundle","type":"searchset"}' : served);
  });
  second = await startSecond(rig, {
    log: 'info',
    logTo: { write: (line) => logged.push(line) },
    config: { upstream: { url: upstream.url, timeoutMs: 3000 } },
  });
}, 60_000);
afterAll(async () => {
  await second.close();
  await upstream.close();
  await rig.close();
});

interface Planted {
  readonly text: string;
  readonly type: string;
  /** Path of each mark. */
  readonly marks: ReadonlyMap<string, string>;
}

/** Structure that the gateway reads stays as it is: the mark is in all else. */
const untouched = /^(?:resourceType|id|reference|contentType|versionId|lastUpdated)$/;

const plant = (bytes: Uint8Array, file: number): Planted | undefined => {
  const resource = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>;
  const type = String(resource.resourceType);
  const [owner] = ownershipOf(type).owners;
  resource.id = 'canary';
  delete resource.contained;
  if (type === 'Patient') resource.id = 'patient-ada';
  else if (owner !== undefined && !owner.includes('.'))
    resource[owner] = Array.isArray(resource[owner])
      ? [{ reference: 'Patient/patient-ada' }]
      : { reference: 'Patient/patient-ada' };
  const marks = new Map<string, string>();
  const walk = (node: unknown, path: string, name: string): unknown => {
    if (typeof node === 'string') {
      if (untouched.test(name)) return name === 'reference' && /^Patient\//.test(node) ? 'Patient/patient-ada' : node;
      const mark = `Q${file}x${marks.size}Q`;
      marks.set(mark, path);
      return name === 'div' ? `<div xmlns="http://www.w3.org/1999/xhtml">${mark}</div>` : `${node} ${mark}`;
    }
    if (Array.isArray(node)) return node.map((each, at) => walk(each, `${path}[${at}]`, name));
    if (typeof node === 'object' && node !== null)
      return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, walk(value, `${path}.${key}`, key)]));
    return node;
  };
  return { text: JSON.stringify(walk(resource, type, '')), type, marks };
};

const personas = [
  'clinician',
  'specialist',
  'front-desk',
  'billing',
  'researcher',
  'patient',
  'privacy-officer',
] as const;
/** What no researcher may read of anybody, whatever the policy's words for it. */
const naming = /\.(?:name|telecom|photo|div|contact|identifier|line|city|district)\b/;

describe('a mark in every text of every R4 example', () => {
  const counts = { answers: 0, released: 0, marks: 0 };

  it('leaves only where the policy of the role keeps it', async () => {
    const set = second.gateway.policies.current()?.masking;
    const leaks: string[] = [];
    for (const [file, example] of corpusFiles('.json', 'r4-examples').entries()) {
      const planted = plant(example.read(), file);
      if (planted === undefined) continue;
      served = planted.text;
      const scanned = scan(new TextEncoder().encode(served));
      if (!scanned.ok) throw new Error(`${example.name} does not scan`);
      for (const name of personas) {
        const persona = rig.demo.tokens.find((each) => each.persona.name === name)?.persona;
        const plan = persona === undefined ? undefined : set?.planFor(persona);
        if (plan === undefined) throw new Error(`no plan for ${name}`);
        const known = planted.type === 'Patient' ? 'patient-ada' : 'canary';
        const id = name === 'researcher' ? pseudonymIn(second.data, known) : known;
        const response = await second.get(`/${planted.type}/${id}`, name);
        counts.answers += 1;
        const out = JSON.stringify(response.headers) + response.text;
        if (response.status !== 200) {
          if (/Q\d+x\d+Q/.test(out)) leaks.push(`${name} ${planted.type}: in a refusal`);
          expect(response.status).not.toBe(500);
          continue;
        }
        counts.released += 1;
        const { elements } = explainMask(scanned.tape, 0, plan, {
          asOf: new Date().toISOString().slice(0, 10),
          key: () => new Uint8Array(32),
          patient: 'patient-ada',
        });
        const hidden = elements.map(({ path }) => path);
        for (const [mark] of out.matchAll(/Q\d+x\d+Q/g)) {
          counts.marks += 1;
          const path = planted.marks.get(mark) ?? '';
          const closed = hidden.some(
            (each) => path === each || path.startsWith(`${each}.`) || path.startsWith(`${each}[`),
          );
          if (closed) leaks.push(`${name} ${path}`);
          if (name === 'researcher' && planted.type === 'Patient' && naming.test(path))
            leaks.push(`${name} ${path} names`);
        }
      }
    }
    expect([...new Set(leaks)]).toEqual([]);
    expect(counts.released).toBeGreaterThan(100);
    process.stderr.write(
      `canary: ${counts.answers} answers, ${counts.released} released, ${counts.marks} marks kept\n`,
    );
  });

  it('is in no log line, metric or file of the ledger, nor is a path, an id or a name', async () => {
    const metrics = await (await fetch(`${second.gateway.url}/metrics`)).text();
    const folder = join(second.data, 'ledger');
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
    expect([logged.length > 0, files.length > 0]).toEqual([true, true]);
    const sinks: readonly (readonly [string, string])[] = [
      ['log', logged.join('')],
      ['metrics', metrics],
      ...files.map((each) => [each.name, readFileSync(join(each.parentPath, each.name), 'latin1')] as const),
    ];
    const found = sinks.flatMap(([name, text]) =>
      [...text.matchAll(/Q\d+x\d+Q|patient-ada|\/canary|okafor|Byrne|127\.0\.0\.1:\d+\/fhir/g)].map(
        ([secret]) => `${name}: ${secret}`,
      ),
    );
    expect([...new Set(found)]).toEqual([]);
  });
});
