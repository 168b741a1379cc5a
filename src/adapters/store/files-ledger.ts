import { createPrivateKey } from 'node:crypto';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import { toBase64Url } from '../../domain/ledger/base64.ts';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from '../../domain/ledger/checkpoint.ts';
import type { LedgerEntry, LedgerReceipt } from '../../domain/ledger/entry.ts';
import { decodeLeaf, encodeLeaf } from '../../domain/ledger/leaf.ts';
import { consistencyProof, type Hash, inclusionProof } from '../../domain/ledger/merkle.ts';
import { type NoteSigner, openNote, signNote } from '../../domain/ledger/note.ts';
import { formatProof } from '../../domain/ledger/proof.ts';
import { decodeBundle, parseTilePath, TILE_WIDTH } from '../../domain/ledger/tiles.ts';
import type { Clock, LedgerStore, Random } from '../../ports.ts';
import { createAppender, type Durable, LedgerUnavailable } from './appender.ts';
import { acquireControl, LedgerFenced } from './control.ts';
import {
  type FileSystem,
  isMissing,
  makeFolderDurably,
  nodeFileSystem,
  replaceFile,
  under,
  writeBeside,
} from './file-system.ts';
import { createIntegrator } from './integrator.ts';
import { type EntryQuery, type LedgerIndex, type Location, openLedgerIndex } from './ledger-index.ts';
import { nodeHashing } from './node-hash.ts';
import { thisProcess } from './owner.ts';
import type { PayloadKeys } from './payload-keys.ts';
import { idleSegments, leafHashOf, listSpans, readSpan, recoverEdge, recoverTail } from './recovery.ts';
import { type OpenedPayload, openPayload, type Recipient, recipientOf, recipientsNamed, sealEntry } from './seal.ts';
import { readRecord } from './segment.ts';
import { loadSigningKey, logKey } from './signing-key.ts';
import { createTileStore, LedgerDamaged } from './tile-store.ts';

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

export interface LedgerOptions {
  readonly folder: string;
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

export interface OpenedEntry extends OpenedPayload {
  readonly index: number;
  readonly leaf: Uint8Array;
}

export interface FilesLedger extends LedgerStore {
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
  /** From an older size to the published one: what an anchor or a witness wants. */
  consistency(
    from: number,
  ): Promise<{ readonly checkpoint: Checkpoint; readonly note: string; readonly path: readonly Hash[] }>;
  /** `undefined`: no such entry, or its keys were destroyed. */
  open(index: number): Promise<OpenedEntry | undefined>;
  leaf(index: number): Promise<Uint8Array | undefined>;
  /** Everything durable when it is asked, newest first. */
  query(query: EntryQuery): Promise<readonly number[]>;
  /** `checkpoint` or a path under `tile/`, as the C2SP interface serves it. */
  resource(path: string): Promise<Uint8Array | undefined>;
  /** Drops what the index knows of a patient whose key was destroyed. */
  forget(patient: PatientId): Promise<void>;
  /** After each publication. Returns how to stop. */
  onPublish(listener: (checkpoint: Checkpoint, note: string) => void): () => void;
  onTrouble(listener: LedgerTrouble): () => void;
  /** False from the first failed write to the next good one, and for good when fenced. */
  healthy(): boolean;
}

interface Note {
  readonly entry: LedgerEntry;
  readonly hash: Hash;
}

/** Bound of the entries kept in memory while the index cannot be written. */
const MOST_UNINDEXED = 200_000;
const INDEX_SLICE = 64;
/** A history of checkpoints for auditors: at most one a minute. */
const HISTORY_MS = 60_000;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const readText = async (files: FileSystem, path: string): Promise<string | undefined> => {
  try {
    return Buffer.from(await files.read(path)).toString('utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};

const ownPayloadKey = async (files: FileSystem, path: string, random: Random, create: boolean): Promise<Uint8Array> => {
  try {
    return await files.read(path);
  } catch (error) {
    if (!isMissing(error) || !create) throw error;
    const key = random.bytes(32);
    await replaceFile(files, path, key);
    return key;
  }
};

export const openLedger = async (options: LedgerOptions): Promise<FilesLedger> => {
  const { folder, origin, payloadKeys, clock, random } = options;
  const files = options.files ?? nodeFileSystem;
  const limits: LedgerLimits = { ...usualLimits, ...options.limits };
  const segmentsFolder = under(folder, 'segments');
  const tilesFolder = under(folder, 'log');
  const checkpointPath = under(tilesFolder, 'checkpoint');
  const historyPath = under(folder, 'checkpoints');

  await files.makeFolder(folder);
  for (const path of [segmentsFolder, tilesFolder, under(folder, 'keys')]) await makeFolderDurably(files, folder, path);
  const control = acquireControl({
    path: under(folder, 'control.db'),
    owner: thisProcess(),
    now: clock.now(),
    leaseMs: limits.leaseMs,
  });

  /** What to let go of, the latest first, when the start fails. */
  const opened: (() => unknown)[] = [control.release];
  try {
    return await start();
  } catch (error) {
    for (const letGo of opened.reverse()) await letGo();
    throw error;
  }

  async function start(): Promise<FilesLedger> {
    const published = await readText(files, checkpointPath);
    const fresh = published === undefined && (await files.list(segmentsFolder)).length === 0;
    if (published === undefined && control.published !== undefined && control.published.size > 0) {
      throw new LedgerDamaged('checkpoint', 'The checkpoint is gone, though this log has published one.');
    }
    const key = logKey(
      origin,
      options.signingKey === undefined
        ? await loadSigningKey(files, under(folder, 'keys', 'signing.pem'), fresh)
        : createPrivateKey(options.signingKey),
    );
    const own = recipientOf(await ownPayloadKey(files, under(folder, 'keys', 'payload.key'), random, fresh));
    const signers = [key.signer, ...(options.signers?.(origin) ?? [])];
    const node = Buffer.from(nodeHashing.sha256(Buffer.from(options.node ?? origin)).subarray(0, 8));
    const tiles = createTileStore(tilesFolder, files);

    const signed = published === undefined ? undefined : openNote(published, [key.verifier]);
    const last = signed && parseCheckpoint(signed.text);
    if (published !== undefined && (last === undefined || last.origin !== origin)) {
      throw new LedgerDamaged(
        'checkpoint',
        'The checkpoint is not signed by the key of this log, or is of another log.',
      );
    }
    const edge = await recoverEdge(tiles, last ?? { origin, size: 0, root: nodeHashing.sha256(new Uint8Array(0)) });
    const openWidth = edge.size % TILE_WIDTH;
    const bundleName = { level: 'entries' as const, index: Math.floor(edge.size / TILE_WIDTH), width: openWidth };
    const bundleBytes = openWidth === 0 ? new Uint8Array(0) : await tiles.read(bundleName);
    const bundle = bundleBytes && decodeBundle(bundleBytes, openWidth);
    if (bundle === undefined)
      throw new LedgerDamaged('tile/entries', 'The last bundle of entries is missing or damaged.');
    const integrator = createIntegrator(tiles, edge, bundle);

    const tail = await recoverTail(files, segmentsFolder, edge.size);
    const total = edge.size + tail.length;
    if (control.published !== undefined && control.published.size > total) {
      throw new LedgerDamaged(
        'segments',
        `This log has published ${control.published.size} entries, and ${total} are here: an older copy was put in its place.`,
      );
    }

    const index = openLedgerIndex(under(folder, 'index.db'));
    opened.push(index.close);
    const troubles = new Set<LedgerTrouble>();
    const listeners = new Set<(checkpoint: Checkpoint, note: string) => void>();
    const trouble: LedgerTrouble = (event, error) => {
      for (const listener of troubles) listener(event, error);
    };

    let note = published ?? '';
    let current: Checkpoint = last ?? { origin, size: 0, root: integrator.root() };
    let queue: { index: number; leaf: Uint8Array; hash: Hash }[] = tail.map(({ index: at, leaf }) => ({
      index: at,
      leaf,
      hash: leafHashOf(leaf),
    }));
    let unindexed: Durable<Note>[] = [];
    const recent = new Map<string, Durable<Note>>();
    let healthy = true;
    let historyAt = 0;

    const recipientNamed = (names: ReadonlyMap<string, Recipient>) => (name: Buffer) =>
      name.equals(own.name) ? own : names.get(name.toString('hex'));
    const recipientsFor = (patients: readonly PatientId[]): ReadonlyMap<string, Recipient> => {
      const map = new Map<string, Recipient>();
      for (const patient of patients) {
        const secret = payloadKeys.keyOf(patient);
        if (secret !== undefined) map.set(recipientOf(secret).name.toString('hex'), recipientOf(secret));
      }
      return map;
    };
    const everyRecipient = (): ReadonlyMap<string, Recipient> => {
      const map = new Map<string, Recipient>();
      for (const [, secret] of payloadKeys.all())
        map.set(recipientOf(secret).name.toString('hex'), recipientOf(secret));
      return map;
    };

    const rebuildIndex = async (): Promise<void> => {
      if (index.size() > total) index.clear();
      if (index.size() === total) return;
      const everyone = recipientNamed(everyRecipient());
      const from = index.size();
      const spans = await listSpans(files, segmentsFolder);
      for (const [i, span] of spans.entries()) {
        if ((spans[i + 1]?.first ?? Number.POSITIVE_INFINITY) <= from) continue;
        const records = (await readSpan(files, segmentsFolder, span)).filter((record) => record.index >= from);
        for (let at = 0; at < records.length; at += 1024) {
          index.add(
            records.slice(at, at + 1024).map((record) => ({
              index: record.index,
              entry: openPayload(record.payload, everyone)?.entry,
              at: record.at,
            })),
          );
          await turn();
        }
      }
    };
    await rebuildIndex();

    /** In slices, so that requests run between them. */
    const indexPending = async (): Promise<void> => {
      const batch = unindexed.slice();
      if (batch.length === 0) return;
      try {
        index.begin();
        for (let at = 0; at < batch.length; at += INDEX_SLICE) {
          const slice = batch.slice(at, at + INDEX_SLICE);
          index.add(
            slice.map(({ index: number, note: { entry }, at: location }) => ({ index: number, entry, at: location })),
          );
          await turn();
        }
        index.commit();
      } catch (error) {
        index.rollback();
        trouble('index-failed', error);
        // What is dropped here is indexed again from the segments at the next start.
        if (unindexed.length > MOST_UNINDEXED) unindexed = [];
        return;
      }
      unindexed = unindexed.slice(batch.length);
      for (const {
        index: at,
        note: { entry },
      } of batch) {
        if (recent.get(entry.requestId)?.index === at) recent.delete(entry.requestId);
      }
    };

    let historyEnd = Buffer.byteLength((await readText(files, historyPath)) ?? '');
    const appendHistory = async (): Promise<void> => {
      if (clock.now() - historyAt < HISTORY_MS) return;
      const bytes = Buffer.from(`${note}\n`);
      const file = await files.openFile(historyPath);
      try {
        await file.write(bytes, historyEnd);
        await file.sync();
        historyEnd += bytes.length;
        historyAt = clock.now();
      } finally {
        await file.close();
      }
    };

    const publish = async (): Promise<void> => {
      const to: Checkpoint = { origin, size: integrator.size(), root: integrator.root() };
      if (to.size === current.size && note !== '') return;
      const signed = signNote(formatCheckpoint(to), signers);
      const beside = await writeBeside(files, checkpointPath, Buffer.from(signed));
      control.publish(current.size, to, () => files.renameNow(beside, checkpointPath));
      // Readers see it from here on, whatever becomes of the sync.
      note = signed;
      current = to;
      await files.syncFolder(tilesFolder);
      for (const listener of listeners) listener(to, signed);
      await appendHistory();
      await integrator.tidy();
    };

    let working: Promise<void> | undefined;
    let timer: NodeJS.Timeout | undefined;
    let closed = false;
    const work = async (): Promise<void> => {
      const batch = [...queue];
      if (batch.length > 0) {
        await integrator.add(batch);
        queue = queue.slice(batch.length);
      }
      await publish();
    };
    let indexing: Promise<void> | undefined;
    /** Beside the integration: a checkpoint does not wait for the index. */
    const indexSoon = (): Promise<void> => {
      indexing ??= indexPending().finally(() => {
        indexing = undefined;
      });
      return indexing;
    };
    /** One at a time; a caller that comes while one runs waits for the next, which covers all it saw. */
    const integrate = async (): Promise<Checkpoint> => {
      while (working !== undefined) await working.catch(() => undefined);
      working = work().finally(() => {
        working = undefined;
      });
      await working;
      return current;
    };
    const schedule = (): void => {
      if (timer !== undefined || closed) return;
      timer = setTimeout(() => {
        timer = undefined;
        integrate().then(
          () => {
            void indexSoon();
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
      folder: segmentsFolder,
      epoch: control.epoch,
      next: total,
      clock,
      limits,
      holds: control.holds,
      durable: (batch) => {
        for (const one of batch) {
          queue.push({ index: one.index, leaf: one.leaf, hash: one.note.hash });
          unindexed.push(one);
          recent.set(one.note.entry.requestId, one);
        }
        schedule();
      },
    });
    opened.push(appender.close);
    // Makes this writer's claim to the next index durable before anything is acknowledged.
    await appender.begin();
    for (const name of await idleSegments(files, segmentsFolder, control.epoch))
      await files.removeFile(under(segmentsFolder, name));
    await integrate();
    const heartbeat = setInterval(() => {
      try {
        control.renew(clock.now());
      } catch (error) {
        trouble('write-failed', error);
      }
    }, limits.leaseMs / 4);
    heartbeat.unref();

    const receipt = (at: number, hash: Hash): LedgerReceipt => ({ log: origin, index: at, leaf: toBase64Url(hash) });

    const recordAt = async (at: Location): Promise<{ leaf: Uint8Array; payload: Uint8Array }> => {
      const file = await files.openFile(under(segmentsFolder, at.segment));
      try {
        const record = readRecord(Buffer.from(await file.read(at.offset, at.length)), 0);
        if (record === undefined) throw new LedgerDamaged(at.segment, 'A record is damaged.');
        return record;
      } finally {
        await file.close();
      }
    };

    const locate = (at: number): Location | undefined =>
      unindexed.find((one) => one.index === at)?.at ?? index.locate(at);

    const openEntry = async (at: number): Promise<OpenedEntry | undefined> => {
      const location = locate(at);
      if (location === undefined) return undefined;
      const { leaf, payload } = await recordAt(location);
      const digest = decodeLeaf(leaf)?.payload;
      if (digest === undefined || !Buffer.from(nodeHashing.sha256(payload)).equals(digest)) {
        throw new LedgerDamaged(location.segment, `The payload of entry ${at} is not the one its leaf names.`);
      }
      const waiting = unindexed.find((one) => one.index === at);
      const patients = waiting?.note.entry.patients ?? index.patientsOf(at);
      let result = openPayload(payload, recipientNamed(recipientsFor(patients)));
      if (
        result === undefined &&
        patients.length === 0 &&
        !recipientsNamed(payload).some((name) => name.equals(own.name))
      ) {
        result = openPayload(payload, recipientNamed(everyRecipient()));
      }
      return result && { ...result, index: at, leaf };
    };

    const receiptProof: FilesLedger['receiptProof'] = async (at, extra) => {
      if (at >= current.size && at < appender.next()) await integrate();
      const { size } = current;
      const signed = note;
      const path = await tiles.withNodes(size, (nodeAt) => inclusionProof(nodeHashing, at, size, nodeAt));
      return formatProof({ ...(extra === undefined ? {} : { extra }), index: at, path, checkpoint: signed });
    };

    return {
      origin,
      verifierKey: key.verifierKey,
      size: () => appender.next(),
      integrated: () => current,
      checkpoint: () => note,
      healthy: () => healthy,
      integrate,
      receiptProof,
      open: openEntry,
      append: async (entry) => {
        try {
          if (entry.decision === 'permit') {
            for (const patient of entry.patients)
              if (payloadKeys.keyOf(patient) === undefined) await payloadKeys.makeKey(patient);
          }
          const recipients = entry.patients.map((patient) => {
            const secret = payloadKeys.keyOf(patient);
            return secret === undefined ? own : recipientOf(secret);
          });
          const { commitment, payload } = sealEntry(entry, recipients, own, random);
          const leaf = encodeLeaf({
            kind: entry.kind,
            decision: entry.decision,
            node,
            second: Math.floor(entry.at / 1000),
            height: entry.height,
            commitment,
            payload: nodeHashing.sha256(payload),
          });
          const hash = leafHashOf(leaf);
          const at = await appender.append({ leaf, payload, note: { entry, hash } });
          healthy = true;
          return receipt(at, hash);
        } catch (error) {
          healthy = false;
          trouble('write-failed', error);
          throw error instanceof LedgerUnavailable
            ? error
            : new LedgerUnavailable('The entry cannot be sealed.', { cause: error });
        }
      },
      query: async (query) => {
        await indexing;
        if (unindexed.length > 0) await indexSoon();
        return index.find(query);
      },
      find: async (requestId) => {
        const waiting = recent.get(requestId);
        if (waiting !== undefined)
          return { entry: waiting.note.entry, receipt: receipt(waiting.index, waiting.note.hash) };
        const at = index.ofRequest(requestId);
        const found = at === undefined ? undefined : await openEntry(at);
        return found && { entry: found.entry, receipt: receipt(found.index, leafHashOf(found.leaf)) };
      },
      leaf: async (at) => {
        const location = locate(at);
        return location && (await recordAt(location)).leaf;
      },
      consistency: async (from) => {
        const checkpoint = current;
        const signed = note;
        const path = await tiles.withNodes(checkpoint.size, (nodeAt) =>
          consistencyProof(nodeHashing, from, checkpoint.size, nodeAt),
        );
        return { checkpoint, note: signed, path };
      },
      resource: async (path) => {
        if (path === 'checkpoint') return Buffer.from(note);
        const name = parseTilePath(path);
        return name && tiles.read(name);
      },
      forget: async (patient) => {
        await indexing;
        if (unindexed.length > 0) await indexSoon();
        for (const [requestId, { note: waiting }] of recent) {
          if (waiting.entry.patients.includes(patient)) recent.delete(requestId);
        }
        index.forget(patient);
      },
      onPublish: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      onTrouble: (listener) => {
        troubles.add(listener);
        return () => troubles.delete(listener);
      },
      close: async () => {
        closed = true;
        clearTimeout(timer);
        clearInterval(heartbeat);
        try {
          await appender.close();
          await integrate().catch((error) => trouble('integrate-failed', error));
          await indexing;
          await indexPending();
        } finally {
          index.close();
          control.release();
        }
      },
    };
  }
};

export type { EntryQuery, LedgerIndex };
