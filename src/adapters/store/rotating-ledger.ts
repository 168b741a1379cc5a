import type { Instant } from '../../domain/instant.ts';
import type { Checkpoint } from '../../domain/ledger/checkpoint.ts';
import type { LedgerEntry, LedgerReceipt } from '../../domain/ledger/entry.ts';
import { halfYearOf, isHalfYear, originOf } from '../../domain/ledger/half-year.ts';
import { decodeLeaf } from '../../domain/ledger/leaf.ts';
import type { Random } from '../../ports.ts';
import { LedgerFrozen } from './appender.ts';
import { broadcast } from './broadcast.ts';
import type { FilesLedger, LedgerTrouble } from './files-ledger.ts';
import type { Tally } from './ledger-index.ts';
import { LedgerDamaged } from './tile-store.ts';

export interface RotationOptions {
  /** Of the first log; the later ones add their half-year. */
  readonly origin: string;
  readonly openLog: (origin: string, half: string | undefined) => Promise<FilesLedger>;
  /** Whether a log is known to be followed, so that one which is gone is missed; and where that is written down. */
  readonly followed: {
    has(half: string | undefined): Promise<boolean>;
    note(half: string | undefined): Promise<void>;
  };
  readonly random: Random;
}

const rotationEntry = (rule: string, text: string, at: number, random: Random): LedgerEntry => ({
  kind: 'rotation',
  at: at as Instant,
  requestId: `rotation-${Buffer.from(random.bytes(8)).toString('hex')}`,
  decision: 'permit',
  patients: [],
  resources: [],
  outcome: { status: 0, returned: 0, withheld: 0, masked: 0 },
  story: [{ stage: 'rotation', rule, text }],
  height: 0,
});

/** What the first entry of a log says of the one before it. */
export const linkOf = ({ origin, size, root }: Checkpoint): string =>
  `${origin} ${size} ${Buffer.from(root).toString('base64')}`;

/**
 * One log per half-year (ADR 19). The first entry of a new half-year closes the log with a last leaf that everybody can
 * read, and opens the next one with the root that was closed. Everything is derived from the logs, so that a crash at any
 * point is finished by the next start; time that goes back changes nothing.
 */
export const openRotatingLedger = async (options: RotationOptions): Promise<FilesLedger> => {
  const { origin, openLog, followed, random } = options;
  const logs: FilesLedger[] = [];
  const publications = broadcast<[checkpoint: Checkpoint, note: string]>();
  const troubles = broadcast<Parameters<LedgerTrouble>>();
  let half: string | undefined;
  let lastHalf: string | undefined;

  const current = (): FilesLedger => {
    const log = logs.at(-1);
    if (log === undefined) throw new Error('no log is open');
    return log;
  };
  const add = (log: FilesLedger): void => {
    log.onPublish(publications.tell);
    log.onTrouble(troubles.tell);
    logs.push(log);
  };

  const follow = async (): Promise<void> => {
    const last = current();
    const closing = await last.leaf(last.size() - 1);
    const next = closing && decodeLeaf(closing);
    if (next === undefined) throw new LedgerDamaged('segments', 'The entry that closes the log cannot be read.');
    const name = halfYearOf(next.second * 1000);
    // In a cluster another gateway may integrate: the proof waits for it.
    await last.receiptProof(last.size() - 1);
    const link = linkOf(last.integrated());
    const log = await openLog(originOf(origin, name), name);
    try {
      if (log.size() === 0) {
        if (await followed.has(lastHalf))
          throw new LedgerDamaged(name, `The log of ${name} is gone, though it had been begun.`);
        await log.begin(rotationEntry(link, 'This log follows the one that is named.', next.second * 1000, random));
      }
      if (!log.retired() && (await log.open(0))?.entry.story[0]?.rule !== link)
        throw new LedgerDamaged(name, `The log of ${name} does not follow the one before it, as that one is here.`);
      await followed.note(lastHalf);
    } catch (error) {
      await log.close();
      throw error;
    }
    add(log);
    half = name;
    lastHalf = name;
  };

  try {
    add(await openLog(origin, undefined));
    const first = await current().leaf(0);
    half = first && halfYearOf((decodeLeaf(first)?.second ?? 0) * 1000);
    while (current().frozen()) await follow();
  } catch (error) {
    for (const log of logs) await log.close();
    throw error;
  }

  let turning: Promise<void> | undefined;
  /** One at a time; a failure leaves everything to the next append. */
  const turn = (at: number | undefined): Promise<void> => {
    turning ??= (async () => {
      const last = current();
      if (!last.frozen() && at !== undefined) {
        const next = originOf(origin, halfYearOf(at));
        await last.freeze(rotationEntry(next, `This log ends here; ${next} follows it.`, at, random)).catch((error) => {
          // Another gateway closed it first.
          if (!(error instanceof LedgerFrozen)) throw error;
        });
      }
      if (last.frozen()) await follow();
    })().finally(() => {
      turning = undefined;
    });
    return turning;
  };

  const firstOf = (log: FilesLedger): number =>
    logs.slice(0, logs.indexOf(log)).reduce((sum, each) => sum + each.size(), 0);
  const numbered = (log: FilesLedger, receipt: LedgerReceipt): LedgerReceipt =>
    log === logs[0] ? receipt : { ...receipt, entry: firstOf(log) + receipt.index };

  const append: FilesLedger['append'] = async (entry) => {
    for (let tries = 0; ; tries++) {
      await turning;
      const due = halfYearOf(entry.at);
      if (half !== undefined && due > half) await turn(entry.at);
      try {
        const log = current();
        const receipt = await log.append(entry);
        half ??= due;
        return numbered(log, receipt);
      } catch (error) {
        if (!(error instanceof LedgerFrozen) || tries > 2) throw error;
        await turn(undefined);
      }
    }
  };

  const at: FilesLedger['at'] = (number) => {
    let index = number;
    for (const log of logs.slice(0, -1)) {
      if (index < log.size()) return { log, index };
      index -= log.size();
    }
    return { log: current(), index };
  };
  /** What of a range of entries lies in one log, in its own numbers; `undefined`: nothing. */
  const within = <Range extends { readonly before?: number; readonly atLeast?: number }>(
    log: FilesLedger,
    range: Range,
  ): Range | undefined => {
    const first = firstOf(log);
    const before = range.before === undefined ? undefined : range.before - first;
    const atLeast = range.atLeast === undefined ? undefined : Math.max(0, range.atLeast - first);
    if ((before ?? 1) <= 0 || (atLeast ?? 0) > log.size()) return undefined;
    return { ...range, ...(before === undefined ? {} : { before }), ...(atLeast === undefined ? {} : { atLeast }) };
  };

  const ledger: FilesLedger = {
    logs: () => logs,
    at,
    get origin() {
      return current().origin;
    },
    get verifierKey() {
      return logs[0]?.verifierKey ?? '';
    },
    frozen: () => false,
    retired: () => false,
    retire: () => current().retire(),
    freeze: (last) => current().freeze(last),
    begin: (first) => current().begin(first),
    size: () => logs.reduce((sum, log) => sum + log.size(), 0),
    integrated: () => current().integrated(),
    checkpoint: () => current().checkpoint(),
    integrate: () => current().integrate(),
    consistency: (from, to) => current().consistency(from, to),
    healthy: () => current().healthy(),
    leads: () => current().leads(),
    append,
    find: async (requestId) => {
      for (const log of logs.toReversed()) {
        const found = await log.find(requestId);
        if (found !== undefined) return { entry: found.entry, receipt: numbered(log, found.receipt) };
      }
      return undefined;
    },
    open: async (number) => {
      const { log, index } = at(number);
      const opened = await log.open(index);
      return opened && { ...opened, index: number };
    },
    leaf: (number) => at(number).log.leaf(at(number).index),
    receiptProof: (number, extra) => at(number).log.receiptProof(at(number).index, extra),
    inclusion: (number, size) => at(number).log.inclusion(at(number).index, size),
    query: async (query) => {
      const found: number[] = [];
      for (const log of logs.toReversed()) {
        const own = within(log, { ...query, limit: query.limit - found.length });
        if (own === undefined) continue;
        const first = firstOf(log);
        for (const index of await log.query(own)) found.push(first + index);
        if (found.length >= query.limit) break;
      }
      return found;
    },
    tally: async (query, offsetMs) => {
      const hours: Tally['hours'][number][] = [];
      const users: Tally['users'][number][] = [];
      for (const log of logs) {
        const own = within(log, query);
        if (own === undefined) continue;
        const tally = await log.tally(own, offsetMs);
        hours.push(...tally.hours);
        users.push(...tally.users);
      }
      return { hours, users };
    },
    resource: async (path) => {
      const name = path.slice(0, path.indexOf('/'));
      if (!isHalfYear(name)) return logs[0]?.resource(path);
      return logs.find((log) => log.origin === originOf(origin, name))?.resource(path.slice(name.length + 1));
    },
    forget: async (patient) => {
      for (const log of logs) await log.forget(patient);
    },
    onPublish: publications.on,
    onTrouble: troubles.on,
    close: async () => {
      await turning?.catch(() => undefined);
      for (const log of logs.toReversed()) await log.close();
    },
  };
  return ledger;
};
