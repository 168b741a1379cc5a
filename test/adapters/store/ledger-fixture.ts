import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FilesLedger, type LedgerOptions, openLedger } from '../../../src/adapters/store/files-ledger.ts';
import type { PayloadKeys } from '../../../src/adapters/store/payload-keys.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../../src/domain/instant.ts';
import type { LedgerEntry } from '../../../src/domain/ledger/entry.ts';

export const ORIGIN = 'ledger.example/test';

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'consentry-ledger-'));

export const memoryKeys = (): PayloadKeys & {
  destroy(patient: string): void;
  restore(patient: PatientId, key: Uint8Array): void;
} => {
  const keys = new Map<PatientId, Uint8Array>();
  return {
    keyOf: (patient) => keys.get(patient),
    makeKey: async (patient) => {
      const key = keys.get(patient) ?? randomBytes(32);
      keys.set(patient, key);
      return key;
    },
    all: () => keys.entries(),
    indexKey: new Uint8Array(32).fill(5),
    destroy: (patient) => keys.delete(patient as PatientId),
    restore: (patient, key) => keys.set(patient, key),
  };
};

export const systemClock = { now: () => Date.now() as Instant };
export const systemRandom = { bytes: (length: number) => Uint8Array.from(randomBytes(length)) };

export const entryOf = (requestId: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  kind: 'read',
  at: Date.parse('2026-11-22T10:00:00.500Z') as Instant,
  requestId,
  decision: 'permit',
  actor: {
    user: 'dr-lee',
    issuer: 'https://issuer.example',
    client: 'chart-app',
    fhirUser: 'Practitioner/lee',
    organisation: 'Organization/north',
    roles: ['clinician'],
  },
  purpose: 'TREAT',
  interaction: { kind: 'read', type: 'Observation', id: 'o1' },
  patients: ['p1' as PatientId],
  resources: ['Observation/o1/_history/1'],
  consent: { basis: 'grant', grants: ['0xaa'], contract: '0xbb', block: 12, blockHash: '0xcc' },
  outcome: { status: 200, returned: 1, withheld: 0, masked: 2 },
  story: [{ stage: 'consent', rule: '0xaa', text: 'The patient allowed this access.' }],
  height: 12,
  ...more,
});

export const open = (folder: string, more: Partial<LedgerOptions> = {}): Promise<FilesLedger> =>
  openLedger({
    folder,
    origin: ORIGIN,
    payloadKeys: memoryKeys(),
    clock: systemClock,
    random: systemRandom,
    ...more,
  });

export const fill = async (ledger: FilesLedger, count: number, from = 0): Promise<void> => {
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      ledger.append(entryOf(`request-${from + i}`, { patients: [`p${(from + i) % 7}` as PatientId] })),
    ),
  );
};
