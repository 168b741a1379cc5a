import type { PatientId } from '../../domain/fhir/interaction.ts';
import { toBase64Url } from '../../domain/ledger/base64.ts';
import type { Checkpoint } from '../../domain/ledger/checkpoint.ts';
import type { LedgerEntry, LedgerReceipt } from '../../domain/ledger/entry.ts';
import type { Hash } from '../../domain/ledger/merkle.ts';
import type { NoteSigner } from '../../domain/ledger/note.ts';
import { parseTilePath } from '../../domain/ledger/tiles.ts';
import type { Clock, LedgerStore, Random } from '../../ports.ts';
import { createAppender, LedgerFrozen, LedgerUnavailable } from './appender.ts';
import { broadcast } from './broadcast.ts';
import { acquireControl, type Control, LedgerBusy, LedgerFenced } from './control.ts';
import { type FileSystem, makeFolderDurably, nodeFileSystem, under } from './file-system.ts';
import { openIndexThread } from './index-thread.ts';
import { createIndexer, type Note, namedUsers } from './indexer.ts';
import { catchUpIndex, leafIn, markRetired, readFolder } from './ledger-folder.ts';
import type { EntryQuery, Location, Tally } from './ledger-index.ts';
import { thisProcess } from './owner.ts';
import type { PayloadKeys } from './payload-keys.ts';
import { inclusionIn, proveConsistency, proveEntry } from './prover.ts';
import { createPublication } from './publication.ts';
import { idleSegments, leafHashOf } from './recovery.ts';
import { createSealer, type OpenedEntry } from './sealer.ts';
import { readRecord } from './segment.ts';
import { LedgerDamaged } from './tile-store.ts';

export interface LedgerLimits {
  /** Appends that may wait for a sync; more are refused. */
  readonly pending: number;
  readonly segmentBytes: number;
  /** How long after a failed write the next one is tried. */
  readonly retryMs: number;
  /** From durable to integrated and published. */
  readonly integrateMs: number;
  /** How long a silent owner that may still live keeps the log. */
  readonly leaseMs: number;
}

export const usualLimits: LedgerLimits = {
  pending: 20_000,
  segmentBytes: 64 * 1024 * 1024,
  retryMs: 100,
  integrateMs: 200,
  leaseMs: 15_000,
};

const RECOVERY_MS = 1000;
const LEASE_STEP_MS = 250;

export interface LedgerOptions {
  readonly folder: string;
  /** Where `signing.pem` and `payload.key` are; `keys` of the folder by default. */
  readonly keysFolder?: string;
  /** Origin line of the log: a URL without its scheme, unique in the world. */
  readonly origin: string;
  /** Name of this gateway; the leaf holds eight bytes of its hash. */
  readonly node?: string;
  /** PEM of an Ed25519 key. Without it `keys/signing.pem` of the folder is used, made when the log is new. */
  readonly signingKey?: string;
  /** Further signature lines, such as ML-DSA-44. */
  readonly signers?: (publicOrigin: string) => readonly NoteSigner[];
  readonly payloadKeys: PayloadKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<LedgerLimits>;
  readonly files?: FileSystem;
}

/** Something an operator must hear of: the log goes on, or refuses, by itself. */
export type LedgerTrouble = (
  event: 'write-failed' | 'integrate-failed' | 'index-failed' | 'fenced',
  error: unknown,
) => void;

/** One log, or a row of them whose entries are numbered through; then what is said of one is said of the last. */
export interface FilesLedger extends LedgerStore {
  /** The logs in order of time: this one alone, unless it is a row of them. */
  logs(): readonly FilesLedger[];
  /** Which log holds an entry, and its index there. */
  at(number: number): { readonly log: FilesLedger; readonly index: number };
  /** Whether it ended for good: nothing is appended any more. */
  frozen(): boolean;
  /** Appends the last entry. Whatever is appended after it is refused with `LedgerFrozen`, by every gateway, for good. */
  freeze(last: LedgerEntry): Promise<void>;
  /** Whether its payloads were given up, and nothing of it can be opened or found any more. Every proof of it still verifies. */
  retired(): boolean;
  /** Of a log that is frozen and published whole: destroys its payloads and what is known of them, for good. */
  retire(): Promise<void>;
  /** Appends the entry if the log is empty, whoever else tries. */
  begin(first: LedgerEntry): Promise<void>;
  readonly origin: string;
  /** For a trust file: name, key id and public key. */
  readonly verifierKey: string;
  /** Entries that are durable. */
  size(): number;
  /** What is in the tiles and published. */
  integrated(): Checkpoint;
  /** The signed note of `integrated`. */
  checkpoint(): string;
  /** Makes everything durable so far part of the published tree. */
  integrate(): Promise<Checkpoint>;
  /** A `tlog-proof` of one entry. */
  receiptProof(index: number, extra?: Uint8Array): Promise<string>;
  /** From an older size to the published one, or to one published earlier: what an anchor or a witness wants. */
  consistency(
    from: number,
    to?: { readonly checkpoint: Checkpoint; readonly note: string },
  ): Promise<{ readonly checkpoint: Checkpoint; readonly note: string; readonly path: readonly Hash[] }>;
  /** `undefined`: no such entry, or its keys were destroyed. */
  open(index: number): Promise<OpenedEntry | undefined>;
  leaf(index: number): Promise<Uint8Array | undefined>;
  /** Everything durable when it is asked, newest first. */
  query(query: EntryQuery): Promise<readonly number[]>;
  /** Counts by hour and by user what a query without a limit would give. */
  tally(query: Omit<EntryQuery, 'limit'>, offsetMs: number): Promise<Tally>;
  /** The path of an entry in the published tree, or in an earlier one of `size`, and the note of the published one. */
  inclusion(index: number, size?: number): Promise<{ readonly note: string; readonly path: readonly Hash[] }>;
  /** `checkpoint` or a path under `tile/`, as the C2SP interface serves it. */
  resource(path: string): Promise<Uint8Array | undefined>;
  /** Drops what the index knows of a patient whose key was destroyed. */
  forget(patient: PatientId): Promise<void>;
  /** After each publication. Returns how to stop. */
  onPublish(listener: (checkpoint: Checkpoint, note: string) => void): () => void;
  onTrouble(listener: LedgerTrouble): () => void;
  /** Whether this gateway is the one that integrates, signs and anchors: of several on one log, one does. */
  leads(): boolean;
  /** False from the first failed write to the next good one, and for good when fenced. */
  healthy(): boolean;
}

/**
 * An owner on another machine, or in another container, cannot be asked whether it lives: its lease is waited for, so that
 * a gateway which was moved starts by itself.
 */
const acquirePatiently = async (path: string, clock: Clock, leaseMs: number): Promise<Control> => {
  const giveUp = clock.now() + leaseMs + LEASE_STEP_MS;
  for (;;) {
    try {
      return acquireControl({ path, owner: thisProcess(), now: clock.now(), leaseMs });
    } catch (error) {
      if (!(error instanceof LedgerBusy) || error.certain || clock.now() > giveUp) throw error;
      await new Promise((resolve) => setTimeout(resolve, LEASE_STEP_MS));
    }
  }
};

export const openLedger = async (options: LedgerOptions): Promise<FilesLedger> => {
  const { folder, clock } = options;
  const files = options.files ?? nodeFileSystem;
  await files.makeFolder(folder);
  for (const name of ['segments', 'log', ...(options.keysFolder === undefined ? ['keys'] : [])])
    await makeFolderDurably(files, folder, under(folder, name));
  const leaseMs = options.limits?.leaseMs ?? usualLimits.leaseMs;
  const control = await acquirePatiently(under(folder, 'control.db'), clock, leaseMs);
  /** What to let go of, the latest first, when the start fails. */
  const opened: (() => unknown)[] = [control.release];
  try {
    return await start(options, files, control, opened);
  } catch (error) {
    for (const letGo of opened.reverse()) await letGo();
    throw error;
  }
};

const start = async (
  options: LedgerOptions,
  files: FileSystem,
  control: Control,
  opened: (() => unknown)[],
): Promise<FilesLedger> => {
  const { folder, origin, payloadKeys, clock, random } = options;
  const limits: LedgerLimits = { ...usualLimits, ...options.limits };
  const segments = under(folder, 'segments');
  const found = await readFolder(options, files, control);
  const { key, ownKey, note, checkpoint, tiles, integrator, tail } = found;
  let { frozen, retired } = found;
  const sealer = createSealer({ payloadKeys, ownKey, node: options.node ?? origin, random });
  const signers = [key.signer, ...(options.signers?.(origin) ?? [])];
  const publication = await createPublication({ files, folder, control, signers, clock, current: checkpoint, note });
  const total = checkpoint.size + tail.length;

  const { on: onTrouble, tell: trouble } = broadcast<Parameters<LedgerTrouble>>();
  const index = openIndexThread(under(folder, 'index.db'), payloadKeys.indexKey);
  opened.push(index.close);
  if (retired) await index.clear();
  else await catchUpIndex(index, total, files, segments, sealer);
  const indexer = createIndexer(index, (error) => trouble('index-failed', error));

  let queue: { readonly leaf: Uint8Array; readonly hash: Hash }[] = tail.map(({ leaf }) => ({
    leaf,
    hash: leafHashOf(leaf),
  }));
  const work = async (): Promise<void> => {
    // One that slept must not write tiles beside the writer that took over.
    if (!control.holds()) throw new LedgerFenced('Another process took this ledger over.');
    const batch = [...queue];
    if (batch.length > 0) {
      await integrator.add(batch);
      queue = queue.slice(batch.length);
    }
    await publication.publish(integrator.size(), integrator.root());
    await integrator.tidy();
  };
  let working: Promise<void> | undefined;
  /** One at a time; a caller that comes while one runs waits for the next, which covers all it saw. */
  const integrate = async (): Promise<Checkpoint> => {
    while (working !== undefined) await working.catch(() => undefined);
    working = work().finally(() => {
      working = undefined;
    });
    await working;
    return publication.current();
  };
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const schedule = (): void => {
    if (timer !== undefined || closed) return;
    timer = setTimeout(() => {
      timer = undefined;
      integrate().then(
        () => {
          void indexer.soon();
          if (queue.length > 0) schedule();
        },
        (error) => {
          trouble(error instanceof LedgerFenced ? 'fenced' : 'integrate-failed', error);
          if (!(error instanceof LedgerFenced)) schedule();
        },
      );
    }, limits.integrateMs);
    timer.unref();
  };

  const appender = createAppender<Note>({
    files,
    folder: segments,
    epoch: control.epoch,
    next: total,
    clock,
    limits,
    holds: control.holds,
    durable: (batch) => {
      for (const one of batch) queue.push({ leaf: one.leaf, hash: one.note.hash });
      indexer.add(batch);
      schedule();
    },
  });
  opened.push(appender.close);
  // Makes this writer's claim to the next index durable before anything is acknowledged.
  if (!frozen) await appender.begin();
  for (const name of await idleSegments(files, segments, control.epoch)) await files.removeFile(under(segments, name));
  await integrate();

  let healthy = true;
  const heartbeat = setInterval(() => {
    try {
      control.renew(clock.now());
    } catch (error) {
      trouble('write-failed', error);
    }
  }, limits.leaseMs / 4);
  heartbeat.unref();
  /** A balancer sends nothing to a gateway that says it is not ready, so the log must find out by itself. */
  const recovery = setInterval(() => {
    if (healthy || frozen) return;
    appender.begin().then(
      () => {
        healthy = true;
      },
      () => undefined,
    );
  }, RECOVERY_MS);
  recovery.unref();

  const receipt = (at: number, hash: Hash): LedgerReceipt => ({ log: origin, index: at, leaf: toBase64Url(hash) });
  const published = () => ({ checkpoint: publication.current(), note: publication.note() });

  const recordAt = async (at: Location): Promise<{ leaf: Uint8Array; payload: Uint8Array }> => {
    const file = await files.openFile(under(segments, at.segment));
    try {
      const record = readRecord(Buffer.from(await file.read(at.offset, at.length)), 0);
      if (record === undefined) throw new LedgerDamaged(at.segment, 'A record is damaged.');
      return record;
    } finally {
      await file.close();
    }
  };
  const openEntry = async (at: number): Promise<OpenedEntry | undefined> => {
    const location = await indexer.locate(at);
    if (location === undefined) return undefined;
    return sealer.open(at, await recordAt(location), location.segment, await indexer.patientsOf(at));
  };

  const store = async (entry: LedgerEntry, last: boolean): Promise<LedgerReceipt> => {
    if (frozen) throw new LedgerFrozen('This log ended.');
    const { leaf, payload, hash } = await sealer.seal(entry);
    // Nothing may come between this look and the append.
    if (frozen) throw new LedgerFrozen('This log ended.');
    frozen = last;
    try {
      return receipt(await appender.append({ leaf, payload, note: { entry, hash } }), hash);
    } catch (error) {
      if (last) frozen = false;
      throw error;
    }
  };

  const ledger: FilesLedger = {
    origin,
    logs: () => [ledger],
    at: (number) => ({ log: ledger, index: number }),
    frozen: () => frozen,
    retired: () => retired,
    retire: async () => {
      if (!frozen || (await integrate()).size !== appender.next()) throw new Error('Only a log that ended is retired.');
      await appender.close();
      retired = true;
      await markRetired(files, folder);
      await indexer.soon();
      await index.clear();
    },
    freeze: async (entry) => {
      await store(entry, true);
    },
    begin: async (entry) => {
      if (appender.next() === 0) await store(entry, false);
    },
    verifierKey: key.verifierKey,
    size: appender.next,
    integrated: publication.current,
    checkpoint: publication.note,
    healthy: () => healthy,
    leads: () => true,
    integrate,
    open: openEntry,
    query: indexer.find,
    tally: async (query, offsetMs) => {
      const { hours, users } = await indexer.tally(query, offsetMs);
      return { hours, users: await namedUsers(users, openEntry) };
    },
    inclusion: (at, size) => inclusionIn(tiles, published(), at, size),
    forget: indexer.forget,
    onPublish: publication.onPublish,
    append: async (entry) => {
      try {
        const stored = await store(entry, false);
        healthy = true;
        return stored;
      } catch (error) {
        if (error instanceof LedgerFrozen) throw error;
        healthy = false;
        trouble('write-failed', error);
        if (error instanceof LedgerUnavailable) throw error;
        throw new LedgerUnavailable('The entry cannot be sealed.', { cause: error });
      }
    },
    find: async (requestId) => {
      const recent = indexer.recent(requestId);
      if (recent !== undefined) return { entry: recent.note.entry, receipt: receipt(recent.index, recent.note.hash) };
      const at = await indexer.ofRequest(requestId);
      const found = at === undefined ? undefined : await openEntry(at);
      return found && { entry: found.entry, receipt: receipt(found.index, leafHashOf(found.leaf)) };
    },
    leaf: async (at) => {
      const location = retired ? undefined : await indexer.locate(at);
      if (location !== undefined) return (await recordAt(location)).leaf;
      return leafIn(tiles, publication.current().size, at);
    },
    receiptProof: async (at, extra) => {
      if (at >= publication.current().size && at < appender.next()) await integrate();
      return proveEntry(tiles, published(), at, extra);
    },
    consistency: (from, to) => proveConsistency(tiles, to ?? published(), from),
    resource: async (path) => {
      if (path === 'checkpoint') return Buffer.from(publication.note());
      const name = parseTilePath(path);
      return name && tiles.read(name);
    },
    onTrouble,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      clearInterval(heartbeat);
      clearInterval(recovery);
      try {
        await appender.close();
        await integrate().catch((error) => trouble('integrate-failed', error));
        await indexer.soon();
        await indexer.soon();
      } finally {
        await index.close();
        control.release();
      }
    },
  };
  return ledger;
};

export type { OpenedEntry };
