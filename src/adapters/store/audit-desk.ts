import type { AnchorEvent, AuditEntry, AuditPage, AuditRow, AuditSummary } from '../../domain/console/audit.ts';
import { type AuditSource, auditEventOf } from '../../domain/ledger/audit-event.ts';
import { toBase64, toBase64Url } from '../../domain/ledger/base64.ts';
import { type Opening, openGroup } from '../../domain/ledger/commitment.ts';
import { explanation } from '../../domain/ledger/explanation.ts';
import { decodeLeaf } from '../../domain/ledger/leaf.ts';
import type { Hash } from '../../domain/ledger/merkle.ts';
import { formatProofFile } from '../../domain/ledger/receipt.ts';
import type { FilesLedger } from './files-ledger.ts';
import { CSV_HEAD, csvRow } from './ledger-export.ts';
import type { EntryQuery } from './ledger-index.ts';
import { nodeHashing } from './node-hash.ts';
import { leafHashOf } from './recovery.ts';
import type { OpenedEntry } from './sealer.ts';
import { LedgerDamaged } from './tile-store.ts';

export type AuditFilter = Omit<EntryQuery, 'limit' | 'before' | 'atLeast'>;

export interface AnchorDirectory {
  /** The first anchor whose tree holds the entry; asks the chain for news where it knows of none. */
  covering(origin: string, index: number): Promise<{ readonly size: number; readonly event: AnchorEvent } | undefined>;
}

export interface AuditDesk {
  page(filter: AuditFilter, before: number | undefined, limit: number): Promise<AuditPage>;
  summary(filter: AuditFilter, offsetMinutes: number): Promise<AuditSummary>;
  /** `undefined`: there is no such entry. */
  entry(index: number): Promise<AuditEntry | undefined>;
  export(filter: AuditFilter, format: 'csv' | 'ndjson'): AsyncGenerator<string>;
}

/** Entries that one question to the index looks at, so that a filter which matches little does not hold up the next one. */
const WINDOW = 100_000;
/** Questions that one page may cost: what lies a month back is found by one call. */
const MOST_WINDOWS = 10;
const MOST_EXPORTED = 10_000;
const MOST_ACTORS = 20;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const bucketFor = (span: number): number => (span <= 3 * DAY ? HOUR : span <= 120 * DAY ? DAY : 7 * DAY);

/** Hours at the caller's offset, taken together so that a picture of them can be read. */
const bucketed = (
  hours: ReadonlyMap<number, { readonly permit: number; readonly deny: number }>,
  shift: number,
): Pick<AuditSummary, 'bucketMs' | 'buckets'> => {
  const all = [...hours.keys()].sort((a, b) => a - b);
  const bucketMs = bucketFor(((all.at(-1) ?? 0) - (all[0] ?? 0)) * HOUR);
  const buckets = new Map<number, { at: number; permit: number; deny: number }>();
  for (const hour of all) {
    const at = Math.floor((hour * HOUR) / bucketMs) * bucketMs - shift;
    const bucket = buckets.get(at) ?? { at, permit: 0, deny: 0 };
    bucket.permit += hours.get(hour)?.permit ?? 0;
    bucket.deny += hours.get(hour)?.deny ?? 0;
    buckets.set(at, bucket);
  }
  return { bucketMs, buckets: [...buckets.values()] };
};

const rowOf = (index: number, opened: OpenedEntry): AuditRow => {
  const { kind, at, decision, code, actor, purpose, interaction, patients, outcome } = opened.entry;
  return {
    index,
    at,
    kind,
    decision,
    ...(code === undefined ? {} : { code }),
    ...(actor === undefined ? {} : { user: actor.user, client: actor.client, roles: actor.roles }),
    ...(actor?.fhirUser === undefined ? {} : { fhirUser: actor.fhirUser }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(interaction === undefined ? {} : { interaction: interaction.operation ?? interaction.kind }),
    ...(interaction?.type === undefined ? {} : { type: interaction.type }),
    patients,
    returned: outcome.returned,
    masked: outcome.masked,
  };
};

/** The ledger as the Audit page reads it. */
export const createAuditDesk = (
  ledger: FilesLedger,
  source: AuditSource,
  anchors: AnchorDirectory | undefined,
): AuditDesk => {
  const leafOnly = async (index: number, state: 'erased' | 'damaged'): Promise<AuditRow> => {
    const bytes = await ledger.leaf(index).catch(() => undefined);
    const leaf = bytes && decodeLeaf(bytes);
    const { kind = 'read', decision = 'deny', second = 0 } = leaf ?? {};
    return { index, at: second * 1000, kind, decision, state: leaf === undefined ? 'damaged' : state };
  };
  const readRow = async (index: number): Promise<AuditRow> => {
    try {
      const opened = await ledger.open(index);
      return opened === undefined ? await leafOnly(index, 'erased') : rowOf(index, opened);
    } catch (error) {
      if (!(error instanceof LedgerDamaged)) throw error;
      return leafOnly(index, 'damaged');
    }
  };

  const proofOf = async (number: number, opened: OpenedEntry | undefined, leaf: Uint8Array): Promise<string> => {
    const { log, index } = ledger.at(number);
    const { note, path } = await log.inclusion(index);
    const groups = opened === undefined ? [] : [...opened.groups, ...opened.subjects];
    const openings = groups.flatMap((group, at): Opening[] =>
      group === undefined || opened === undefined ? [] : [openGroup(nodeHashing, group, at, opened.hashes)],
    );
    return formatProofFile({ index, leaf, openings, path, checkpoint: note });
  };

  const anchorOf = async (number: number) => {
    const { log, index } = ledger.at(number);
    const found = await anchors?.covering(log.origin, index).catch(() => undefined);
    if (found === undefined || found.size > log.integrated().size) return undefined;
    const path: readonly Hash[] = (await log.inclusion(index, found.size)).path;
    return { event: found.event, size: found.size, path: path.map(toBase64) };
  };

  return {
    page: async (filter, before, limit) => {
      const size = ledger.size();
      const indexes: number[] = [];
      let last = Math.min(before ?? size, size);
      for (let window = 0; window < MOST_WINDOWS && last > 0 && indexes.length < limit; window++) {
        const wanted = limit - indexes.length;
        const atLeast = Math.max(0, last - WINDOW);
        const found = await ledger.query({ ...filter, before: last, atLeast, limit: wanted });
        indexes.push(...found);
        last = found.length < wanted ? atLeast : (found.at(-1) ?? 0);
      }
      const rows = await Promise.all(indexes.map(readRow));
      return { rows, size, ...(last > 0 ? { next: last } : {}) };
    },
    summary: async (filter, offsetMinutes) => {
      const size = ledger.size();
      const shift = offsetMinutes * 60_000;
      const hours = new Map<number, { permit: number; deny: number }>();
      const actors = new Map<string, { user: string; hours: number[]; total: number }>();
      let counted = 0;
      const tally = await ledger.tally({ ...filter, before: size, atLeast: Math.max(0, size - WINDOW) }, shift);
      for (const { hour, permit, count } of tally.hours) {
        const cell = hours.get(hour) ?? { permit: 0, deny: 0 };
        cell[permit ? 'permit' : 'deny'] += count;
        hours.set(hour, cell);
        counted += count;
      }
      for (const { user, hour, count } of tally.users) {
        const actor = actors.get(user) ?? { user, hours: new Array<number>(24).fill(0), total: 0 };
        actor.hours[hour] = (actor.hours[hour] ?? 0) + count;
        actor.total += count;
        actors.set(user, actor);
      }
      return {
        counted,
        ...bucketed(hours, shift),
        actors: [...actors.values()]
          .sort((a, b) => b.total - a.total || (a.user < b.user ? -1 : 1))
          .slice(0, MOST_ACTORS),
      };
    },
    entry: async (index) => {
      if (index >= ledger.size()) return undefined;
      const place = ledger.at(index);
      if (place.index >= place.log.integrated().size) await place.log.integrate();
      try {
        const [opened, leaf] = await Promise.all([ledger.open(index), ledger.leaf(index)]);
        if (leaf === undefined) return undefined;
        const [proof, anchor] = await Promise.all([proofOf(index, opened, leaf), anchorOf(index)]);
        const receipt = { log: place.log.origin, index: place.index, leaf: toBase64Url(leafHashOf(leaf)) };
        return {
          state: opened === undefined ? 'erased' : 'whole',
          index,
          ...(opened === undefined ? {} : { entry: opened.entry, explanation: explanation(opened.entry, receipt) }),
          proof,
          ...(anchor === undefined ? {} : { anchor }),
          anchored: anchors !== undefined,
        };
      } catch (error) {
        if (error instanceof LedgerDamaged) return { state: 'damaged', index, file: error.file, text: error.message };
        throw error;
      }
    },
    export: async function* (filter, format) {
      if (format === 'csv') yield CSV_HEAD;
      let left = MOST_EXPORTED;
      let before = ledger.size();
      await ledger.integrate();
      while (left > 0 && before > 0) {
        const atLeast = Math.max(0, before - WINDOW);
        const limit = Math.min(200, left);
        const indexes = await ledger.query({ ...filter, before, atLeast, limit });
        for (const index of indexes) {
          const [opened, leaf] = await Promise.all([ledger.open(index), ledger.leaf(index)]);
          if (leaf === undefined) continue;
          if (format === 'csv') yield csvRow(index, leaf, opened?.entry);
          else
            yield JSON.stringify({
              index,
              ...(opened === undefined
                ? { erased: true }
                : { auditEvent: auditEventOf(opened.entry, source, String(index)) }),
              proof: await proofOf(index, opened, leaf),
            });
        }
        left -= indexes.length;
        before = indexes.length < limit ? atLeast : (indexes.at(-1) ?? 0);
      }
    },
  };
};
