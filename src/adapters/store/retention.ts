import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { Instant } from '../../domain/instant.ts';
import type { LedgerEntry } from '../../domain/ledger/entry.ts';
import { decodeLeaf } from '../../domain/ledger/leaf.ts';
import { keptUntil } from '../../domain/ledger/retention.ts';
import type { Clock, Random } from '../../ports.ts';
import type { ErasureActor } from './erasure.ts';
import type { FilesLedger } from './files-ledger.ts';
import { linkOf } from './rotating-ledger.ts';

/** `kept`: for ever, or not old enough; `held`: a legal hold covers entries of it; `due`: it may be retired. */
export interface LogStanding {
  readonly origin: string;
  readonly entries: number;
  readonly state: 'open' | 'kept' | 'held' | 'due' | 'retired';
  /** Of its last entry. */
  readonly closed?: Instant;
  readonly until?: Instant;
}

export interface Retention {
  standings(): Promise<readonly LogStanding[]>;
  /** Retires the log if it is due; answers how it stood, `undefined` when there is no such log. */
  retire(origin: string, by?: ErasureActor): Promise<LogStanding | undefined>;
}

/**
 * Destroys the sealed payloads of whole closed logs, once every entry of them is older than what must be kept. The tree
 * stays, so every receipt, proof, root and anchor still verifies; an entry tells which log it was, and who did it.
 */
export const createRetention = (parts: {
  readonly ledger: Pick<FilesLedger, 'logs' | 'append'>;
  /** Absent: everything is kept for ever. */
  readonly years: number | undefined;
  /** Patients of whom nothing may be destroyed. */
  readonly held: () => Promise<readonly PatientId[]>;
  readonly clock: Clock;
  readonly random: Random;
}): Retention => {
  const { ledger, years, clock, random } = parts;

  const standingOf = async (log: FilesLedger): Promise<LogStanding> => {
    const { origin } = log;
    const entries = log.size();
    if (!log.frozen()) return { origin, entries, state: 'open' };
    const leaf = await log.leaf(entries - 1);
    const second = leaf && decodeLeaf(leaf)?.second;
    if (second === undefined) throw new Error('The entry that closes a log cannot be read.');
    const closed = (second * 1000) as Instant;
    if (log.retired()) return { origin, entries, state: 'retired', closed };
    if (years === undefined) return { origin, entries, state: 'kept', closed };
    const until = keptUntil(closed, years);
    if (!(until < clock.now())) return { origin, entries, state: 'kept', closed, until };
    for (const patient of await parts.held())
      if ((await log.query({ patient, limit: 1 })).length > 0) return { origin, entries, state: 'held', closed, until };
    return { origin, entries, state: 'due', closed, until };
  };

  const retirement = ({ origin, entries }: LogStanding, link: string, by: ErasureActor | undefined): LedgerEntry => ({
    kind: 'retirement',
    at: clock.now(),
    requestId: `retirement-${Buffer.from(random.bytes(8)).toString('hex')}`,
    decision: 'permit',
    patients: [],
    resources: [],
    outcome: { status: 0, returned: 0, withheld: entries, masked: 0 },
    story: [
      {
        stage: 'retention',
        rule: link,
        text: `The payloads of ${origin} are older than ${years} years and were destroyed.`,
      },
    ],
    height: 0,
    ...(by === undefined ? {} : { actor: by }),
  });

  const retire = async (origin: string, by: ErasureActor | undefined): Promise<LogStanding | undefined> => {
    const log = ledger.logs().find((one) => one.origin === origin);
    if (log === undefined) return undefined;
    const standing = await standingOf(log);
    if (standing.state !== 'due') return standing;
    await log.integrate();
    await ledger.append(retirement(standing, linkOf(log.integrated()), by));
    await log.retire();
    return standing;
  };

  let running: Promise<unknown> = Promise.resolve();
  return {
    standings: () => Promise.all(ledger.logs().map(standingOf)),
    retire: (origin, by) => {
      const done = running.then(() => retire(origin, by));
      running = done.catch(() => undefined);
      return done;
    },
  };
};
