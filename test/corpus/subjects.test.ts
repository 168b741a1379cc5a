import { describe, expect, it } from '@jest/globals';
import { resourcesIn } from '../../src/domain/fhir/bundle.ts';
import { ownershipOf } from '../../src/domain/fhir/compartment.ts';
import { requestReferences } from '../../src/domain/fhir/request-references.ts';
import { subjectsOf } from '../../src/domain/fhir/subjects.ts';
import { toValue } from '../../src/domain/json/cursor.ts';
import { scanLines } from '../../src/domain/json/lines.ts';
import { scan } from '../../src/domain/json/scan.ts';
import type { Tape } from '../../src/domain/json/tape.ts';
import { understood } from '../security/understood.ts';
import { corpusFiles } from './files.ts';

const bases = { upstreamBase: 'http://ehr.example/fhir', gatewayBase: 'https://gateway.example/fhir' };

const tapeOf = (bytes: Uint8Array): Tape => {
  const outcome = scan(bytes);
  if (!outcome.ok) throw new Error(outcome.fault.code);
  return outcome.tape;
};

describe('whose the resources of the corpus are', () => {
  it('in a patient Bundle: everything is that patient’s but what belongs to the house', () => {
    let patients = 0;
    for (const file of corpusFiles('.json', 'synthea')) {
      if (/manifest|hospital|practitioner/i.test(file.name)) continue;
      const call = understood('POST /', { body: file.read() });
      if (call.kind !== 'transaction') throw new Error(call.kind);
      const resolve = requestReferences(call.entries, bases);
      const owners = new Set<string>();
      for (const { interaction } of call.entries) {
        if (interaction.kind !== 'create') throw new Error(interaction.kind);
        const subjects = subjectsOf(interaction.body, 0, bases, resolve);
        const { rule } = ownershipOf(interaction.type);
        if (rule === 'patient') patients += 1;
        else if (rule === 'owned') {
          expect([interaction.type, subjects.kind]).toEqual([interaction.type, 'patients']);
          if (subjects.kind === 'patients') for (const url of subjects.fresh ?? []) owners.add(url);
        }
      }
      expect([file.name, owners.size]).toEqual([file.name, 1]);
    }
    expect(patients).toBe(47);
  });

  it('in a bulk export: each line is that of one patient', async () => {
    for (const file of corpusFiles('.ndjson', 'synthea')) {
      for await (const line of scanLines([file.read()])) {
        if (!line.ok) throw new Error(line.fault.code);
        const subjects = subjectsOf(line.tape, 0, bases);
        expect(subjects.kind === 'patients' ? subjects.ids.length : subjects.kind).toBe(1);
      }
    }
  });

  it('in the R4 examples: every patient that is named counts, or the resource is withheld', () => {
    let owned = 0;
    for (const file of corpusFiles('.json', 'r4-examples')) {
      const tape = tapeOf(file.read());
      for (const site of resourcesIn(tape).sites) {
        const subjects = subjectsOf(tape, site.node, bases);
        if (subjects.kind === 'unknown') continue;
        owned += 1;
        const ids: readonly string[] = subjects.kind === 'patients' ? subjects.ids : [];
        const text = JSON.stringify(toValue(tape, site.node));
        for (const [, id = ''] of text.matchAll(/"reference":"Patient\/([^"/]+)/g)) {
          expect([file.name, ids]).toEqual([file.name, expect.arrayContaining([id])]);
        }
      }
    }
    // Withholding nearly everything would pass the above and serve nobody.
    expect(owned).toBeGreaterThan(200);
  });
});
