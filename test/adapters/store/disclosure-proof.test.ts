import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { disclosureProof } from '../../../src/adapters/store/disclosure-proof.ts';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import { nodeHashing } from '../../../src/adapters/store/node-hash.ts';
import { noteVerifierOf } from '../../../src/adapters/store/note-keys.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import { parseVerifierKey } from '../../../src/domain/ledger/note.ts';
import { verifyProofFile } from '../../../src/domain/ledger/receipt.ts';
import { entryOf, open, temporaryFolder } from './ledger-fixture.ts';

const [one, two] = ['p1' as PatientId, 'p2' as PatientId];
let ledger: FilesLedger;
beforeEach(async () => {
  ledger = await open(temporaryFolder());
});
afterEach(() => ledger.close());

const shown = (file: string | undefined): Readonly<Record<string, string>> => {
  const key = parseVerifierKey(nodeHashing, ledger.verifierKey);
  const verdict = verifyProofFile(nodeHashing, file ?? '', key === undefined ? [] : [noteVerifierOf(key)]);
  if (!verdict.ok) throw new Error(verdict.text);
  return Object.fromEntries(verdict.openings.map(({ name, text }) => [name, text]));
};

describe('the proof that a patient takes home', () => {
  it('shows who, what, what for and what came of it, and not how risky it seemed', async () => {
    const { index } = await ledger.append(
      entryOf('r1', { risk: { score: 0.9, action: 'allow', model: 'm', reasons: [] } }),
    );
    const groups = shown(await disclosureProof(ledger, index, one));
    expect(Object.keys(groups).sort()).toEqual(['actor', 'outcome', 'purpose', 'resource', 'subject']);
    expect(groups['subject']).toBe('{"patient":"p1"}');
    expect(groups['actor']).toContain('dr-lee');
  });

  it('of a call that touched others shows who called, and of the patients the reader alone', async () => {
    const both = entryOf('r1', { patients: [one, two], resources: ['Observation/of-p2/_history/1'] });
    const { index } = await ledger.append(both);
    const file = await disclosureProof(ledger, index, two);
    expect(Object.keys(shown(file)).sort()).toEqual(['actor', 'subject']);
    expect(shown(file)['subject']).toBe('{"patient":"p2"}');
    expect(file).not.toContain('of-p2');
  });

  it('is not given for what is no access to this patient’s record', async () => {
    const { index } = await ledger.append(entryOf('r1'));
    const consent = await ledger.append(entryOf('r2', { kind: 'consent' }));
    expect(await disclosureProof(ledger, index, two)).toBeUndefined();
    expect(await disclosureProof(ledger, consent.index, one)).toBeUndefined();
    expect(await disclosureProof(ledger, 99, one)).toBeUndefined();
  });
});
