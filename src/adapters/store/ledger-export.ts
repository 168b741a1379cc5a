import { type AuditSource, auditEventOf } from '../../domain/ledger/audit-event.ts';
import { toBase64 } from '../../domain/ledger/base64.ts';
import type { LedgerEntry } from '../../domain/ledger/entry.ts';
import { decodeLeaf } from '../../domain/ledger/leaf.ts';
import type { LedgerReader } from './ledger-reader.ts';
import { leafHashOf } from './recovery.ts';

const COLUMNS = [
  'index',
  'time',
  'kind',
  'decision',
  'code',
  'user',
  'client',
  'organisation',
  'roles',
  'purpose',
  'interaction',
  'type',
  'id',
  'patients',
  'resources',
  'status',
  'returned',
  'withheld',
  'masked',
  'risk',
  'reason',
  'request',
  'leafHash',
] as const;

/** Quoted where needed; a cell that a spreadsheet would run as a formula gets an apostrophe before it. */
const cell = (value: string | number | undefined): string => {
  const text = value === undefined ? '' : String(value);
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

export const CSV_HEAD = COLUMNS.join(',');

export const csvRow = (index: number, leafBytes: Uint8Array, entry: LedgerEntry | undefined): string => {
  const leaf = decodeLeaf(leafBytes);
  const time = entry?.at ?? (leaf?.second ?? 0) * 1000;
  const values: Record<(typeof COLUMNS)[number], string | number | undefined> = {
    index,
    time: new Date(time).toISOString(),
    kind: leaf?.kind,
    decision: leaf?.decision,
    code: entry?.code,
    user: entry?.actor?.user,
    client: entry?.actor?.client,
    organisation: entry?.actor?.organisation,
    roles: entry?.actor?.roles.join(' '),
    purpose: entry?.purpose,
    interaction: entry?.interaction?.kind,
    type: entry?.interaction?.type,
    id: entry?.interaction?.id,
    patients: entry === undefined ? 'erased' : entry.patients.join(' '),
    resources: entry?.resources.join(' '),
    status: entry?.outcome.status,
    returned: entry?.outcome.returned,
    withheld: entry?.outcome.withheld,
    masked: entry?.outcome.masked,
    risk: entry?.risk?.score,
    reason: entry?.reason,
    request: entry?.requestId,
    leafHash: toBase64(leafHashOf(leafBytes)),
  };
  return COLUMNS.map((column) => cell(values[column])).join(',');
};

export interface ExportOptions {
  readonly format: 'csv' | 'ndjson';
  readonly from: number;
  /** Exclusive. */
  readonly until: number;
  readonly source?: AuditSource;
}

/**
 * Lines without their line feed. NDJSON begins each log with the checkpoint that the inclusion path of every line after it
 * leads to, so the file proves itself; CSV is for people, and gives the leaf hash to look the proof up by. Entries are
 * numbered through the logs; a path is that of `index` less the entries of the logs before.
 */
export const exportLines = async function* (
  readers: readonly LedgerReader[],
  options: ExportOptions,
): AsyncGenerator<string> {
  if (options.format === 'csv') yield CSV_HEAD;
  let first = 0;
  for (const reader of readers) {
    const { size } = (await reader.checkpoint()).checkpoint;
    if (options.from < first + size || size === 0)
      yield* linesOf(reader, first, {
        ...options,
        from: Math.max(0, options.from - first),
        until: options.until - first,
      });
    first += size;
    if (options.until <= first) return;
  }
};

const linesOf = async function* (reader: LedgerReader, first: number, options: ExportOptions): AsyncGenerator<string> {
  const { note, checkpoint } = await reader.checkpoint();
  if (options.format === 'ndjson') yield JSON.stringify({ checkpoint: note });
  for await (const record of reader.records(options.from)) {
    if (record.index >= Math.min(options.until, checkpoint.size)) return;
    const number = first + record.index;
    const entry = reader.opened(record)?.entry;
    if (options.format === 'csv') {
      yield csvRow(number, record.leaf, entry);
      continue;
    }
    const path = await reader.path(record.index, checkpoint.size);
    yield JSON.stringify({
      index: number,
      leaf: toBase64(record.leaf),
      path: path.map(toBase64),
      ...(entry === undefined
        ? { erased: true }
        : { auditEvent: auditEventOf(entry, options.source ?? reader.source, String(number)) }),
    });
  }
};
