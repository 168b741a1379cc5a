import { join } from 'node:path';
import { type Eraser, openEraser } from '../adapters/store/erasure.ts';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import type { RecordNotary } from '../adapters/store/record-notary.ts';
import type { Vault } from '../adapters/store/vault.ts';
import type { HoldBook } from '../adapters/store/vault-postgres.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import type { Clock, Random, Telemetry } from '../ports.ts';

/** Who may have what is known of a patient destroyed, and who may forbid it. */
export const erasers: ReadonlySet<string> = new Set(['privacy-officer']);

/** Finishes what an earlier run began, and destroys again what a restored backup brought back, before anybody is served. */
export const openErasure = (parts: {
  readonly data: string;
  readonly key: Uint8Array;
  readonly vault: Vault;
  readonly ledger: FilesLedger;
  readonly records: RecordNotary | undefined;
  readonly risk: { forget(patient: PatientId): void };
  /** Of several gateways together. */
  readonly holds: HoldBook | undefined;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly random: Random;
}): Promise<Eraser> => {
  const { data, key, vault, ledger, records, risk, holds, telemetry, clock, random } = parts;
  // What another gateway erased is forgotten here too.
  vault.onErased((patient) => {
    records?.forget(patient);
    risk.forget(patient);
    ledger
      .forget(patient)
      .catch((error: unknown) => telemetry.failed('erasure', error instanceof Error ? error.name : typeof error));
  });
  return openEraser({
    path: join(data, 'erasure.db'),
    key,
    destroyKey: async (patient) => (await vault.erase(patient)).destroyed,
    printOf: (patient) => vault.printOf(patient),
    patients: () => vault.patients(),
    forget(patient) {
      records?.forget(patient);
      risk.forget(patient);
    },
    ledger,
    ...(holds === undefined ? {} : { holds }),
    clock,
    random,
  });
};
