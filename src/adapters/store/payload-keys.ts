import type { PatientId } from '../../domain/fhir/interaction.ts';

/**
 * The patients' keys under which the ledger seals what it knows about them. Destroying a key is erasure: the vault
 * forgets it durably, and every payload, salt and opening sealed under it is noise from then on.
 */
export interface PayloadKeys {
  /** 32 bytes, the same object at every call while the key lives. `undefined`: never made, or destroyed. No I/O. */
  keyOf(patient: PatientId): Uint8Array | undefined;
  /** Made at first use; resolves when it is durable. */
  makeKey(patient: PatientId): Promise<Uint8Array>;
  /** Every living key, to rebuild the index. */
  all(): Iterable<readonly [PatientId, Uint8Array]>;
  /** 32 bytes from which the index makes its names: kept where the keys come from, never beside the index. */
  readonly indexKey: Uint8Array;
  /** Where gateways share the keys: learns what the others made and destroyed until now. */
  refresh?(): Promise<void>;
}
