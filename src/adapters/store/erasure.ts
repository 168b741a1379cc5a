import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { Instant } from '../../domain/instant.ts';
import type { LedgerEntry } from '../../domain/ledger/entry.ts';
import type { Clock, LedgerStore, Random } from '../../ports.ts';
import { openErasureBook } from './erasure-book.ts';
import type { EntryQuery } from './ledger-index.ts';
import type { HoldBook } from './vault-postgres.ts';

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
  /** Under which the file is sealed. */
  readonly key: Uint8Array;
  /** Destroys the key durably; false when there was none. */
  readonly destroyKey: (patient: PatientId) => Promise<boolean>;
  /** Names a living key without telling what it is; the ledger keeps it, so that a key which a backup brings back is known. */
  readonly printOf: (patient: PatientId) => string | undefined;
  readonly patients: () => Iterable<PatientId>;
  /** What else knows of the patient; asked while the key lives. */
  readonly forget: (patient: PatientId) => void;
  readonly ledger: Pick<LedgerStore, 'append'> & {
    query(query: EntryQuery): Promise<readonly number[]>;
    open(index: number): Promise<{ readonly entry: LedgerEntry } | undefined>;
    forget(patient: PatientId): Promise<void>;
  };
  /** Where several gateways keep their holds together; in `path` by default. */
  readonly holds?: HoldBook;
  readonly clock: Clock;
  readonly random: Random;
}

/** Who asked for it; absent: the operator of this machine. */
export type ErasureActor = NonNullable<LedgerEntry['actor']>;

export interface Eraser {
  /** Resolves when the hold, its setting included, is durable. */
  hold(patient: PatientId, hold: LegalHold, by?: ErasureActor): Promise<void>;
  lift(patient: PatientId, by?: ErasureActor): Promise<boolean>;
  heldBy(patient: PatientId): LegalHold | undefined;
  holds(): readonly (LegalHold & { readonly patient: PatientId })[];
  erase(patient: PatientId, by?: ErasureActor): Promise<ErasureAnswer>;
  close(): void;
}

const MOST_COUNTED = 1_000_000;
const PRINT = /^[0-9a-f]{16} key:([0-9a-f]{64})$/;

/**
 * Erasure destroys one key; payloads and openings go with it, every proof still verifies. What is begun is written down
 * first and finished at the next start, so a crash cannot leave an index that still names the patient.
 */
export const openEraser = async (options: EraserOptions): Promise<Eraser> => {
  const { destroyKey, ledger, clock, random } = options;
  const own = openErasureBook(options.path, options.key, random);
  const book = options.holds ?? own.holds;
  const heldBy = (patient: PatientId): LegalHold | undefined => {
    const held = book.get(patient);
    return held?.until !== undefined && held.until <= clock.now() ? undefined : held;
  };

  const told = (
    id: string,
    rule: string,
    text: string,
    more: Partial<LedgerEntry> & { readonly by?: ErasureActor | undefined },
  ): LedgerEntry => {
    const { by, ...rest } = more;
    return {
      kind: 'erasure',
      at: clock.now(),
      requestId: `erasure-${id}`,
      decision: 'permit',
      patients: [],
      resources: [],
      outcome: { status: 0, returned: 0, withheld: 0, masked: 0 },
      story: [{ stage: 'erasure', rule, text }],
      height: 0,
      ...(by === undefined ? {} : { actor: by }),
      ...rest,
    };
  };
  const newId = (): string => Buffer.from(random.bytes(8)).toString('hex');

  const finish = async (
    patient: PatientId,
    id: string,
    by?: ErasureActor,
  ): Promise<{ readonly entries: number; readonly destroyed: boolean }> => {
    const entries = (await ledger.query({ patient, limit: MOST_COUNTED })).length;
    const print = options.printOf(patient);
    options.forget(patient);
    const destroyed = await destroyKey(patient);
    await ledger.forget(patient);
    if (destroyed || entries > 0)
      await ledger.append(
        told(
          id,
          print === undefined ? id : `${id} key:${print}`,
          `A patient key was destroyed; ${entries} entries became unreadable.`,
          { by, outcome: { status: 0, returned: 0, withheld: entries, masked: 0 } },
        ),
      );
    own.begun.done(patient);
    return { entries, destroyed };
  };

  for (const [patient, id] of own.begun.all()) await finish(patient, id);

  /** Keys whose destruction the ledger tells of, and which a restored backup of the vault brought back. */
  const replay = async (): Promise<void> => {
    const prints = new Set<string>();
    for (const index of await ledger.query({ kinds: ['erasure'], limit: MOST_COUNTED })) {
      const print = PRINT.exec((await ledger.open(index))?.entry.story[0]?.rule ?? '')?.[1];
      if (print !== undefined) prints.add(print);
    }
    if (prints.size === 0) return;
    for (const patient of [...options.patients()])
      if (prints.has(options.printOf(patient) ?? '')) await finish(patient, newId());
  };
  await replay();

  return {
    heldBy,
    holds: () =>
      book.all().flatMap(([patient]) => {
        const held = heldBy(patient);
        return held === undefined ? [] : [{ patient, ...held }];
      }),
    hold: async (patient, { reason, until }, by) => {
      await ledger.append(told(newId(), 'legal-hold', 'A legal hold was set.', { by, patients: [patient] }));
      await book.set(patient, { reason, ...(until === undefined ? {} : { until }) });
    },
    lift: async (patient, by) => {
      await book.refresh();
      if (heldBy(patient) === undefined) return false;
      await ledger.append(told(newId(), 'legal-hold', 'A legal hold was lifted.', { by, patients: [patient] }));
      await book.remove(patient);
      return true;
    },
    erase: async (patient, by) => {
      await book.refresh();
      const held = heldBy(patient);
      const id = newId();
      if (held !== undefined) {
        const refusal = { by, patients: [patient], decision: 'deny', code: 'legal-hold', stage: 'erasure' } as const;
        await ledger.append(told(id, 'legal-hold', 'An erasure was refused: a legal hold stands.', refusal));
        return { kind: 'held', ...held };
      }
      own.begun.note(patient, id);
      const { entries, destroyed } = await finish(patient, id, by);
      return destroyed || entries > 0 ? { kind: 'erased', id, entries } : { kind: 'unknown' };
    },
    close: own.close,
  };
};
