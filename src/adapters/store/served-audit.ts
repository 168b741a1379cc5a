import { halfYearOf, originOf } from '../../domain/ledger/half-year.ts';
import { closesLog, decodeLeaf } from '../../domain/ledger/leaf.ts';
import { type NoteVerifier, parseVerifierKey } from '../../domain/ledger/note.ts';
import { tilePath } from '../../domain/ledger/tiles.ts';
import { type Remembered, verifyLog } from '../../domain/ledger/verify.ts';
import type { FolderAudit } from './folder-audit.ts';
import { nodeHashing } from './node-hash.ts';
import { rowVerifier } from './note-keys.ts';

export interface ServedAuditOptions {
  /** Of the log: `https://gateway.example/ledger`. */
  readonly url: string;
  /** A key that the auditor trusts; the server's own word for it proves nothing. */
  readonly verifierKey: string;
  readonly anchors?: (origin: string) => Promise<readonly Remembered[]>;
  readonly progress?: (done: number, size: number) => void;
}

const TIMEOUT_MS = 30_000;

type Get = (path: string) => Promise<Uint8Array | undefined>;

interface ServedLog {
  readonly result: FolderAudit;
  /** The half-year of the log that follows, where this one ended. */
  readonly next: string | undefined;
}

const auditLog = async (options: ServedAuditOptions, get: Get, half: string | undefined): Promise<ServedLog> => {
  const note = await get('checkpoint').catch(() => undefined);
  if (note === undefined)
    return { result: { ok: false, finding: { file: 'checkpoint', text: 'No log is served there.' } }, next: undefined };
  const text = Buffer.from(note).toString('utf8');
  const origin = text.split('\n', 1)[0] ?? '';
  const key = parseVerifierKey(nodeHashing, options.verifierKey);
  const verifiers: readonly NoteVerifier[] = key === undefined ? [] : [rowVerifier(key, originOf(key.name, half))];
  let closedAt: number | undefined;
  let next: string | undefined;
  const result = await verifyLog({
    hashing: nodeHashing,
    source: { checkpoint: async () => text, tile: (name) => get(tilePath(name)) },
    verifiers,
    remembered: (await options.anchors?.(origin)) ?? [],
    check: (entry, leaf) => {
      if (closedAt !== undefined && closedAt < entry)
        return { file: 'tile/entries', entry, text: `Entry ${entry} follows the one that closed the log.` };
      if (closesLog(entry, leaf)) {
        closedAt = entry;
        next = halfYearOf((decodeLeaf(leaf)?.second ?? 0) * 1000);
      }
      return undefined;
    },
    ...(options.progress === undefined ? {} : { progress: options.progress }),
  });
  return { result: { ...result, origin }, next };
};

/** `ledger verify --url`: the whole public log as it is served, wherever it is kept, and those that follow it. */
export const auditServed = async (options: ServedAuditOptions): Promise<FolderAudit> => {
  const base = options.url.replace(/\/$/, '');
  const logs: { readonly origin: string; readonly size: number }[] = [];
  let half: string | undefined;
  for (;;) {
    const prefix = half === undefined ? base : `${base}/${half}`;
    const { result, next } = await auditLog(
      options,
      async (path) => {
        const answer = await fetch(`${prefix}/${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
        return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : undefined;
      },
      half,
    );
    if (!result.ok) {
      const { finding } = result;
      return half === undefined ? result : { ...result, finding: { ...finding, file: `${half}/${finding.file}` } };
    }
    logs.push({ origin: result.checkpoint.origin, size: result.checkpoint.size });
    if (next === undefined) return { ...result, ...(logs.length > 1 ? { logs } : {}) };
    if (half !== undefined && next <= half)
      return {
        ok: false,
        finding: { file: `${half}/checkpoint`, text: 'The logs do not follow one another in time.' },
      };
    half = next;
  }
};
