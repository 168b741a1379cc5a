import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import { auditEventOf } from '../../domain/ledger/audit-event.ts';
import { type Checkpoint, parseCheckpoint } from '../../domain/ledger/checkpoint.ts';
import type { GroupName } from '../../domain/ledger/commitment.ts';
import { type CopyVerdict, readCopy, verifyCopy } from '../../domain/ledger/copy.ts';
import { decodeLeaf } from '../../domain/ledger/leaf.ts';
import { type NoteVerifier, parseNote, parseVerifierKey } from '../../domain/ledger/note.ts';
import { type ProofVerdict, parseProofFile, verifyProofFile } from '../../domain/ledger/receipt.ts';
import { parseTrustPolicy, type TrustPolicy } from '../../domain/ledger/trust-policy.ts';
import type { Remembered } from '../../domain/ledger/verify.ts';
import { isMissing, nodeFileSystem, under } from './file-system.ts';
import { auditFolder, type FolderAudit, ledgerFolder } from './folder-audit.ts';
import { exportLines } from './ledger-export.ts';
import { wasRetired } from './ledger-folder.ts';
import { checkFolder, type FsckReport } from './ledger-fsck.ts';
import { openReaders, placeOf } from './ledger-reader.ts';
import { nodeHashing } from './node-hash.ts';
import { noteVerifierOf, rowVerifier } from './note-keys.ts';
import { thisProcess } from './owner.ts';
import type { PayloadKeys } from './payload-keys.ts';
import { listSpans, readSpan } from './recovery.ts';
import { logFolders } from './rotating-files.ts';
import { auditServed } from './served-audit.ts';
import { logKey } from './signing-key.ts';

/** A sentence for the user: what was given is wrong. */
export class LedgerInputError extends Error {}

export interface LedgerStatus {
  readonly origin: string;
  readonly verifierKey: string | undefined;
  readonly published: number;
  readonly root: string;
  readonly durable: number;
  readonly segments: number;
  readonly bytes: number;
  readonly writer: 'running' | 'stopped' | 'unknown';
  /** The origins, when there are several; root is then the newest one's. */
  readonly logs?: string;
  /** The origins of those whose payloads were given up. */
  readonly retired?: string;
}

const readPolicy = async (file: string): Promise<TrustPolicy> => {
  const policy = parseTrustPolicy(nodeHashing, await readFile(file, 'utf8'));
  if ('fault' in policy)
    throw new LedgerInputError(`The trust file is not a policy: line ${policy.line}: ${policy.fault}.`);
  return policy;
};

const verifiersOf = async (
  options: { readonly verifierKey?: string; readonly policyFile?: string },
  origin: string,
): Promise<{ readonly verifiers: readonly NoteVerifier[]; readonly policy?: TrustPolicy }> => {
  if (options.policyFile !== undefined) {
    const policy = await readPolicy(options.policyFile);
    const logs = policy.logs.map((key) => rowVerifier(key, origin));
    return { verifiers: [...logs, ...policy.witnesses.map(({ key }) => noteVerifierOf(key))], policy };
  }
  const key = options.verifierKey === undefined ? undefined : parseVerifierKey(nodeHashing, options.verifierKey);
  if (key === undefined)
    throw new LedgerInputError('Give the key of the log with --key, or a trust file with --policy.');
  return { verifiers: [rowVerifier(key, origin)] };
};

/** The witnesses whose cosignatures on this note verify. */
const policyHolds = (policy: TrustPolicy, note: string): boolean => {
  const parsed = parseNote(note);
  if (parsed === undefined) return false;
  const text = Buffer.from(parsed.text);
  return policy.satisfied((key) => {
    const verifier = noteVerifierOf(key);
    return parsed.signatures.some(
      (line) => line.name === key.name && Buffer.from(line.id).equals(key.id) && verifier.verify(text, line.signature),
    );
  });
};

export interface LedgerToolsOptions {
  readonly anchors: (rpc: string, contract: string, origin: string) => Promise<readonly Remembered[]>;
  /** The patients' keys of a data folder; `undefined` when they are not on this machine. */
  readonly payloadKeys: (folder: string) => Promise<PayloadKeys | undefined>;
}

const stateOfWriter = (folder: string): LedgerStatus['writer'] => {
  try {
    const database = new DatabaseSync(under(folder, 'control.db'), { readOnly: true });
    try {
      const row = database.prepare('SELECT pid, birth FROM owner').get();
      const pid = Number(row?.pid ?? 0);
      if (pid === 0) return 'stopped';
      const alive = thisProcess().isAlive(pid, String(row?.birth));
      return alive === undefined ? 'unknown' : alive ? 'running' : 'stopped';
    } finally {
      database.close();
    }
  } catch {
    return 'unknown';
  }
};

const durableState = async (folder: string): Promise<{ durable: number; segments: number; bytes: number }> => {
  const segments = under(folder, 'segments');
  const spans = await listSpans(nodeFileSystem, segments);
  let bytes = 0;
  for (const span of spans) bytes += (await nodeFileSystem.read(under(segments, span.name))).length;
  const last = spans.at(-1);
  const records = last === undefined ? [] : await readSpan(nodeFileSystem, segments, last);
  return { durable: (last?.first ?? 0) + records.length, segments: spans.length, bytes };
};

const ownVerifierKey = async (folder: string, origin: string): Promise<string | undefined> => {
  try {
    return logKey(origin, createPrivateKey(await readFile(under(folder, 'keys', 'signing.pem')))).verifierKey;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};

export const createLedgerTools = ({ anchors, payloadKeys }: LedgerToolsOptions) => {
  const readers = async (folder: string) => {
    const keys = await payloadKeys(folder);
    return openReaders({ folder, ...(keys === undefined ? {} : { payloadKeys: keys }) });
  };
  return {
    anchors,
    verify: async (
      options: Omit<Parameters<typeof auditFolder>[0], 'payloadKeys'> & { readonly openings: boolean },
    ): Promise<FolderAudit> => {
      const keys = options.openings ? await payloadKeys(options.folder) : undefined;
      if (options.openings && keys === undefined) {
        throw new LedgerInputError('The keys of the patients are not on this machine; verify without --openings.');
      }
      return auditFolder({ ...options, ...(keys === undefined ? {} : { payloadKeys: keys }) });
    },
    verifyServed: auditServed,
    verifyProof: async (
      file: string,
      trust: { readonly verifierKey?: string; readonly policyFile?: string },
    ): Promise<ProofVerdict | CopyVerdict> => {
      const verify = async (proof: string): Promise<ProofVerdict> => {
        const { verifiers, policy } = await verifiersOf(
          trust,
          parseProofFile(proof)?.checkpoint.split('\n', 1)[0] ?? '',
        );
        const verdict = verifyProofFile(nodeHashing, proof, verifiers);
        return verdict.ok && policy !== undefined && !policyHolds(policy, verdict.checkpoint)
          ? { ok: false, text: 'Too few of the witnesses that the trust file asks for cosigned the checkpoint.' }
          : verdict;
      };
      const content = await readFile(file, 'utf8');
      const copy = readCopy(content);
      return copy === undefined ? verify(content) : verifyCopy(copy, verify);
    },
    prove: async (
      folder: string,
      number: number,
      show: readonly GroupName[],
      patient?: string,
    ): Promise<string | undefined> => {
      const place = await placeOf(await readers(folder), number);
      return place?.reader.prove(place.index, show, patient as PatientId | undefined);
    },
    open: async (folder: string, index: number) => {
      const place = await placeOf(await readers(folder), index);
      if (place === undefined) return undefined;
      const from = place.reader;
      const record = await from.record(place.index);
      if (record === undefined) return undefined;
      const entry = from.opened(record)?.entry;
      const leaf = decodeLeaf(record.leaf);
      return {
        index,
        leaf: leaf && { kind: leaf.kind, decision: leaf.decision, second: leaf.second, height: leaf.height },
        entry,
        auditEvent: entry && auditEventOf(entry, from.source, String(index)),
      };
    },
    exportLines: async function* (
      folder: string,
      options: { readonly format: 'csv' | 'ndjson'; readonly from: number; readonly until: number },
    ): AsyncGenerator<string> {
      yield* exportLines(await readers(folder), options);
    },
    fsck: (options: Parameters<typeof checkFolder>[0]): Promise<FsckReport> => checkFolder(options),
    status: async (data: string): Promise<LedgerStatus> => {
      const first = await ledgerFolder(nodeFileSystem, data);
      const logs: {
        readonly checkpoint: Checkpoint;
        readonly durable: Awaited<ReturnType<typeof durableState>>;
        readonly retired: boolean;
      }[] = [];
      for (const folder of await logFolders(nodeFileSystem, first)) {
        const note = parseNote(await readFile(under(folder, 'log', 'checkpoint'), 'utf8'));
        const checkpoint = note && parseCheckpoint(note.text);
        if (checkpoint === undefined)
          throw new LedgerInputError('The checkpoint of this ledger cannot be read; run `consentry ledger verify`.');
        const durable = await durableState(folder);
        const retired = await wasRetired(nodeFileSystem, folder);
        logs.push({ checkpoint, durable: retired ? { ...durable, durable: checkpoint.size } : durable, retired });
      }
      const last = logs.at(-1)?.checkpoint;
      const origin = logs[0]?.checkpoint.origin ?? '';
      const sum = (of: (log: (typeof logs)[number]) => number): number => logs.reduce((all, log) => all + of(log), 0);
      return {
        origin,
        verifierKey: await ownVerifierKey(first, origin),
        published: sum(({ checkpoint }) => checkpoint.size),
        root: Buffer.from(last?.root ?? []).toString('base64'),
        durable: sum(({ durable }) => durable.durable),
        segments: sum(({ durable }) => durable.segments),
        bytes: sum(({ durable }) => durable.bytes),
        writer: stateOfWriter(first),
        ...(logs.length > 1 ? { logs: logs.map((log) => log.checkpoint.origin).join(' ') } : {}),
        ...(logs.some(({ retired }) => retired)
          ? { retired: logs.flatMap((log) => (log.retired ? [log.checkpoint.origin] : [])).join(' ') }
          : {}),
      };
    },
  };
};
