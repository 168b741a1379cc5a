import { join } from 'node:path';
import { type Eraser, openEraser } from '../adapters/store/erasure.ts';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import type { RecordNotary } from '../adapters/store/record-notary.ts';
import type { Vault } from '../adapters/store/vault.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import type { Clock, Random } from '../ports.ts';

/** Who may have what is known of a patient destroyed, and who may forbid it. */
export const erasers: ReadonlySet<string> = new Set(['privacy-officer']);

/** Finishes what an earlier run began, and destroys again what a restored backup brought back, before anybody is served. */
export const openErasure = (parts: {
  readonly data: string;
  readonly vault: Vault;
  readonly ledger: FilesLedger;
  readonly records: RecordNotary | undefined;
  readonly risk: { forget(patient: PatientId): void };
  readonly clock: Clock;
  readonly random: Random;
}): Promise<Eraser> => {
  const { data, vault, ledger, records, risk, clock, random } = parts;
  return openEraser({
    path: join(data, 'erasure.db'),
    destroyKey: async (patient) => (await vault.erase(patient)).destroyed,
    printOf: (patient) => vault.printOf(patient),
    patients: () => vault.patients(),
    forget(patient) {
      records?.forget(patient);
      risk.forget(patient);
    },
    ledger,
    clock,
    random,
  });
};
