import { DatabaseSync } from 'node:sqlite';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { Instant } from '../../domain/instant.ts';
import type { LedgerEntry } from '../../domain/ledger/entry.ts';
import type { Clock, LedgerStore, Random } from '../../ports.ts';

/** A duty to keep what is known of a patient: GDPR Art. 17(3), HIPAA documentation, a court. */
export interface LegalHold {
  readonly reason: string;
  /** Absent: until it is lifted. */
  readonly until?: Instant;
}

export type ErasureAnswer =
  | { readonly kind: 'erased'; readonly id: string; readonly entries: number }
  | { readonly kind: 'held'; readonly reason: string; readonly until?: Instant }
  | { readonly kind: 'unknown' };

export interface EraserOptions {
  readonly path: string;
  /** Destroys the key durably; false when there was none. */
  readonly destroyKey: (patient: PatientId) => Promise<boolean>;
  readonly ledger: Pick<LedgerStore, 'append'> & {
    query(query: { readonly patient: PatientId; readonly limit: number }): Promise<readonly number[]>;
    forget(patient: PatientId): Promise<void>;
  };
  readonly clock: Clock;
  readonly random: Random;
}

export interface Eraser {
  hold(patient: PatientId, hold: LegalHold): void;
  lift(patient: PatientId): boolean;
  heldBy(patient: PatientId): LegalHold | undefined;
  erase(patient: PatientId): Promise<ErasureAnswer>;
  close(): void;
}

const MOST_COUNTED = 1_000_000;

/**
 * Erasure destroys one key; payloads and openings go with it, every proof still verifies. What is begun is written down
 * first and finished at the next start, so a crash cannot leave an index that still names the patient.
 */
export const openEraser = async (options: EraserOptions): Promise<Eraser> => {
  const { destroyKey, ledger, clock, random } = options;
  const database = new DatabaseSync(options.path, { timeout: 5000 });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;');
  database.exec(`CREATE TABLE IF NOT EXISTS holds (patient TEXT PRIMARY KEY, reason TEXT NOT NULL, until INTEGER);
    CREATE TABLE IF NOT EXISTS begun (patient TEXT PRIMARY KEY, id TEXT NOT NULL);`);

  const heldBy = (patient: PatientId): LegalHold | undefined => {
    const row = database.prepare('SELECT reason, until FROM holds WHERE patient = ?').get(patient);
    if (row === undefined) return undefined;
    const until = row.until === null ? undefined : (Number(row.until) as Instant);
    if (until !== undefined && until <= clock.now()) return undefined;
    return { reason: String(row.reason), ...(until === undefined ? {} : { until }) };
  };

  const record = async (id: string, entries: number): Promise<void> => {
    const entry: LedgerEntry = {
      kind: 'erasure',
      at: clock.now(),
      requestId: `erasure-${id}`,
      decision: 'permit',
      patients: [],
      resources: [],
      outcome: { status: 0, returned: 0, withheld: entries, masked: 0 },
      story: [
        { stage: 'erasure', rule: id, text: `A patient key was destroyed; ${entries} entries became unreadable.` },
      ],
      height: 0,
    };
    await ledger.append(entry);
  };

  const finish = async (
    patient: PatientId,
    id: string,
  ): Promise<{ readonly entries: number; readonly destroyed: boolean }> => {
    const entries = (await ledger.query({ patient, limit: MOST_COUNTED })).length;
    const destroyed = await destroyKey(patient);
    await ledger.forget(patient);
    if (destroyed || entries > 0) await record(id, entries);
    database.prepare('DELETE FROM begun WHERE patient = ?').run(patient);
    return { entries, destroyed };
  };

  for (const row of database.prepare('SELECT patient, id FROM begun').all()) {
    await finish(String(row.patient) as PatientId, String(row.id));
  }

  return {
    heldBy,
    hold: (patient, { reason, until }) => {
      database.prepare('INSERT OR REPLACE INTO holds VALUES (?, ?, ?)').run(patient, reason, until ?? null);
    },
    lift: (patient) => database.prepare('DELETE FROM holds WHERE patient = ?').run(patient).changes > 0,
    erase: async (patient) => {
      const held = heldBy(patient);
      if (held !== undefined) return { kind: 'held', ...held };
      const id = Buffer.from(random.bytes(8)).toString('hex');
      database.prepare('INSERT OR IGNORE INTO begun VALUES (?, ?)').run(patient, id);
      const { entries, destroyed } = await finish(patient, id);
      return destroyed || entries > 0 ? { kind: 'erased', id, entries } : { kind: 'unknown' };
    },
    close: () => database.close(),
  };
};
