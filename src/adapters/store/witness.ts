import { DatabaseSync } from 'node:sqlite';
import type { Checkpoint } from '../../domain/ledger/checkpoint.ts';
import type { Hash } from '../../domain/ledger/merkle.ts';
import { type NoteVerifier, parseNote, signatureLine } from '../../domain/ledger/note.ts';
import {
  formatAddCheckpoint,
  judgeCheckpoint,
  parseAddCheckpoint,
  type WitnessedState,
  type WitnessVerdict,
} from '../../domain/ledger/witness.ts';
import { nodeHashing } from './node-hash.ts';
import type { Cosigner } from './note-keys.ts';

export interface WitnessAnswer {
  readonly status: WitnessVerdict['status'];
  /** Cosignature lines, or the size of a conflict. */
  readonly body: string;
  readonly type: 'text/plain; charset=utf-8' | 'text/x.tlog.size';
}

export interface WitnessServer {
  addCheckpoint(body: string): WitnessAnswer;
  close(): void;
}

/** Cosigns what extends what it saw before; its memory is a small database that outlives it. */
export const openWitness = (options: {
  readonly path: string;
  readonly cosigners: readonly Cosigner[];
  readonly logs: Pick<ReadonlyMap<string, readonly NoteVerifier[]>, 'get'>;
  /** A log showed two roots of one size, or a proof that does not hold: somebody must look. */
  readonly alarm: (origin: string, body: string) => void;
}): WitnessServer => {
  const database = new DatabaseSync(options.path, { timeout: 5000 });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  database.exec('CREATE TABLE IF NOT EXISTS seen (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL)');
  const find = database.prepare('SELECT size, root FROM seen WHERE origin = ?');
  const keep = database.prepare('INSERT OR REPLACE INTO seen (origin, size, root) VALUES (?, ?, ?)');
  const stateOf = (origin: string): WitnessedState | undefined => {
    const row = find.get(origin);
    return row && { size: Number(row.size), root: Uint8Array.from(row.root as Uint8Array) };
  };
  const plain = (status: WitnessVerdict['status'], body = ''): WitnessAnswer => ({
    status,
    body,
    type: 'text/plain; charset=utf-8',
  });
  return {
    addCheckpoint: (body) => {
      const request = parseAddCheckpoint(body);
      if (request === undefined) return plain(400);
      // One transaction from the look to the write: two requests that race cannot roll the memory back.
      database.exec('BEGIN IMMEDIATE');
      try {
        const verdict = judgeCheckpoint(nodeHashing, request, (origin) => options.logs.get(origin), stateOf);
        if (verdict.status === 200) keep.run(verdict.origin, verdict.state.size, verdict.state.root);
        database.exec('COMMIT');
        if (verdict.status === 422 || (verdict.status === 409 && verdict.split)) {
          options.alarm(request.note.split('\n', 1)[0] ?? '', body);
        }
        if (verdict.status === 409) return { status: 409, body: `${verdict.size}\n`, type: 'text/x.tlog.size' };
        if (verdict.status !== 200) return plain(verdict.status);
        const text = Buffer.from(verdict.text);
        return plain(
          200,
          options.cosigners
            .map(({ signer: { name, id, sign } }) => signatureLine({ name, id, signature: sign(text) }))
            .join(''),
        );
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    },
    close: () => database.close(),
  };
};

export interface WitnessPeer {
  readonly url: string;
  readonly verifier: NoteVerifier;
}

/** What asking needs of the log. */
export interface WitnessedLog {
  consistency(
    from: number,
  ): Promise<{ readonly checkpoint: Checkpoint; readonly note: string; readonly path: readonly Hash[] }>;
}

export type Cosigned =
  | { readonly ok: true; readonly line: string }
  | { readonly ok: false; readonly reason: 'unreachable' | 'refused' | 'split' | 'not-signed' };

/**
 * Asks one witness for its cosignature of the newest checkpoint, catching up with what it saw last. A witness that
 * remembers more than the log has, or another root, has seen another log: that is `split`, and an alarm.
 */
export const askWitness = async (
  log: WitnessedLog,
  peer: WitnessPeer,
  from: number,
  signal: AbortSignal,
): Promise<Cosigned> => {
  let old = from;
  for (let attempt = 0; attempt < 3; attempt++) {
    let request: Awaited<ReturnType<WitnessedLog['consistency']>>;
    try {
      request = await log.consistency(old);
    } catch {
      return { ok: false, reason: 'split' };
    }
    let answer: Response;
    let body: string;
    try {
      answer = await fetch(`${peer.url.replace(/\/$/, '')}/add-checkpoint`, {
        method: 'POST',
        body: formatAddCheckpoint({ old, path: request.path, note: request.note }),
        signal,
      });
      body = await answer.text();
    } catch {
      return { ok: false, reason: 'unreachable' };
    }
    if (answer.status === 200) {
      const parsed = parseNote(`${request.note}${body}`);
      const text = Buffer.from(parsed?.text ?? '');
      const { name, id, verify } = peer.verifier;
      const found = parsed?.signatures.find(
        (one) => one.name === name && Buffer.from(one.id).equals(id) && verify(text, one.signature),
      );
      return found === undefined ? { ok: false, reason: 'not-signed' } : { ok: true, line: signatureLine(found) };
    }
    if (answer.status === 422) return { ok: false, reason: 'split' };
    const size = answer.status === 409 && /^(0|[1-9][0-9]*)\n$/.test(body) ? Number(body) : undefined;
    if (size === undefined) return { ok: false, reason: 'refused' };
    if (size === old || size > request.checkpoint.size) return { ok: false, reason: 'split' };
    old = size;
  }
  return { ok: false, reason: 'refused' };
};
