import { type NoteVerifier, parseVerifierKey } from '../../domain/ledger/note.ts';
import { tilePath } from '../../domain/ledger/tiles.ts';
import { type Remembered, verifyLog } from '../../domain/ledger/verify.ts';
import type { FolderAudit } from './folder-audit.ts';
import { nodeHashing } from './node-hash.ts';
import { noteVerifierOf } from './note-keys.ts';

export interface ServedAuditOptions {
  /** Of the log: `https://gateway.example/ledger`. */
  readonly url: string;
  /** A key that the auditor trusts; the server's own word for it proves nothing. */
  readonly verifierKey: string;
  readonly anchors?: (origin: string) => Promise<readonly Remembered[]>;
  readonly progress?: (done: number, size: number) => void;
}

const TIMEOUT_MS = 30_000;

/** `ledger verify --url`: the whole public log as it is served, wherever it is kept. */
export const auditServed = async (options: ServedAuditOptions): Promise<FolderAudit> => {
  const base = options.url.replace(/\/$/, '');
  const get = async (path: string): Promise<Uint8Array | undefined> => {
    const answer = await fetch(`${base}/${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : undefined;
  };
  const note = await get('checkpoint').catch(() => undefined);
  if (note === undefined) return { ok: false, finding: { file: 'checkpoint', text: 'No log is served there.' } };
  const text = Buffer.from(note).toString('utf8');
  const origin = text.split('\n', 1)[0] ?? '';
  const key = parseVerifierKey(nodeHashing, options.verifierKey);
  const verifiers: readonly NoteVerifier[] = key === undefined ? [] : [noteVerifierOf(key)];
  const result = await verifyLog({
    hashing: nodeHashing,
    source: { checkpoint: async () => text, tile: (name) => get(tilePath(name)) },
    verifiers,
    remembered: (await options.anchors?.(origin)) ?? [],
    ...(options.progress === undefined ? {} : { progress: options.progress }),
  });
  return { ...result, origin };
};
