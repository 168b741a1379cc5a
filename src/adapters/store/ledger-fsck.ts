import { type Checkpoint, parseCheckpoint } from '../../domain/ledger/checkpoint.ts';
import { equalBytes } from '../../domain/ledger/hash.ts';
import { parseNote } from '../../domain/ledger/note.ts';
import { TILE_WIDTH } from '../../domain/ledger/tiles.ts';
import { type FileSystem, isMissing, nodeFileSystem, under } from './file-system.ts';
import { auditFolder, ledgerFolder } from './folder-audit.ts';
import { createIntegrator } from './integrator.ts';
import { wasRetired } from './ledger-folder.ts';
import { nodeHashing } from './node-hash.ts';
import { idleSegments, leafHashOf, listSpans, readSpan } from './recovery.ts';
import { logFolders } from './rotating-files.ts';
import { scanSegment } from './segment.ts';
import { TileEdge } from './tile-edge.ts';
import { createTileStore, LedgerDamaged } from './tile-store.ts';

export interface FsckReport {
  readonly ok: boolean;
  readonly published: number;
  /** Durable, and not yet in the published tree: the next start integrates them. */
  readonly waiting: number;
  /** What a crash leaves and a start tidies; harmless. */
  readonly remains: readonly string[];
  /** What only a repair or a backup mends. */
  readonly faults: readonly string[];
  readonly repaired: readonly string[];
}

const publishedOf = async (files: FileSystem, folder: string): Promise<Checkpoint | undefined> => {
  try {
    const note = parseNote(Buffer.from(await files.read(under(folder, 'log', 'checkpoint'))).toString('utf8'));
    return note && parseCheckpoint(note.text);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};

const temporaryFiles = async (files: FileSystem, folder: string): Promise<string[]> => {
  const found: string[] = [];
  const walk = async (at: string): Promise<void> => {
    for (const name of await files.list(under(folder, at))) {
      const path = at === '' ? name : `${at}/${name}`;
      if (name.endsWith('.new')) found.push(path);
      else if (!/\.[a-z]+$/.test(name) || name.endsWith('.p')) await walk(path);
    }
  };
  await walk('');
  return found;
};

/** Writes every tile again from the segments, when they are whole and have the root that was signed. */
const rebuildTiles = async (files: FileSystem, folder: string, published: Checkpoint): Promise<boolean> => {
  const segments = under(folder, 'segments');
  const probe = new TileEdge(nodeHashing);
  const spans = await listSpans(files, segments);
  for (const span of spans) {
    for (const { leaf, index } of await readSpan(files, segments, span)) {
      if (index < published.size && index === probe.size) probe.append(leafHashOf(leaf));
    }
  }
  if (probe.size !== published.size || !equalBytes(probe.root(), published.root)) return false;
  const integrator = createIntegrator(createTileStore(under(folder, 'log'), files), new TileEdge(nodeHashing), []);
  for (const span of spans) {
    const records = (await readSpan(files, segments, span)).filter(({ index }) => index < published.size);
    for (let at = 0; at < records.length; at += TILE_WIDTH * 16) {
      await integrator.add(
        records.slice(at, at + TILE_WIDTH * 16).map(({ leaf }) => ({ leaf, hash: leafHashOf(leaf) })),
      );
    }
  }
  return true;
};

interface SegmentsReport {
  readonly durable: number;
  readonly faults: readonly string[];
  readonly remains: readonly string[];
}

/** `prefix`: of the log's folder in the first one. */
const checkSegments = async (files: FileSystem, folder: string, prefix: string): Promise<SegmentsReport> => {
  const segments = under(folder, 'segments');
  const faults: string[] = [];
  const remains: string[] = [];
  let durable = 0;
  for (const span of await listSpans(files, segments)) {
    const name = `${prefix}segments/${span.name}`;
    try {
      const records = await readSpan(files, segments, span);
      if (span.first !== durable && records.length > 0)
        faults.push(`${name}: entries ${durable} to ${span.first - 1} are missing.`);
      durable = span.first + records.length;
      const bytes = Buffer.from(await files.read(under(segments, span.name)));
      const scanned = scanSegment(bytes);
      if (scanned === undefined || scanned.end < bytes.length) remains.push(`${name}: a torn tail.`);
    } catch (error) {
      if (!(error instanceof LedgerDamaged)) throw error;
      faults.push(`${prefix}segments/${error.file}: ${error.message}`);
    }
  }
  for (const name of await idleSegments(files, segments, Number.POSITIVE_INFINITY))
    remains.push(`${prefix}segments/${name}: holds no entry.`);
  return { durable, faults, remains };
};

/** Must not run while a gateway writes the folder, when `repair` is asked for. */
export const checkFolder = async (options: {
  readonly folder: string;
  readonly repair: boolean;
  readonly progress?: (done: number, size: number) => void;
  readonly files?: FileSystem;
}): Promise<FsckReport> => {
  const files = options.files ?? nodeFileSystem;
  const folder = await ledgerFolder(files, options.folder);
  const faults: string[] = [];
  const remains: string[] = [];
  const repaired: string[] = [];
  const logs: { readonly folder: string; readonly published: Checkpoint | undefined }[] = [];
  let durable = 0;
  for (const each of await logFolders(files, folder)) {
    if (await wasRetired(files, each)) continue;
    const report = await checkSegments(files, each, each === folder ? '' : `${each.slice(folder.length + 1)}/`);
    logs.push({ folder: each, published: await publishedOf(files, each) });
    durable += report.durable;
    faults.push(...report.faults);
    remains.push(...report.remains);
  }
  if (durable === 0 && faults.length === 0 && logs.every(({ published }) => published === undefined))
    throw new Error('There is no ledger in this folder. Check the path.');
  for (const name of await temporaryFiles(files, folder)) remains.push(`${name}: left by a write that did not end.`);
  const audit = () =>
    auditFolder({ folder, files, ...(options.progress === undefined ? {} : { progress: options.progress }) });
  let verified = logs.every(({ published }) => published === undefined) ? undefined : await audit();
  if (verified?.ok === false && options.repair && faults.length === 0) {
    let whole = true;
    for (const log of logs)
      whole &&= log.published === undefined || (await rebuildTiles(files, log.folder, log.published));
    if (whole) {
      repaired.push('The tiles were written again from the segments.');
      verified = await audit();
    }
  }
  if (verified?.ok === false) {
    const { file, entry, text } = verified.finding;
    faults.push(`${file}${entry === undefined ? '' : `, entry ${entry}`}: ${text}`);
  }
  if (options.repair) {
    for (const name of await temporaryFiles(files, folder)) {
      await files.removeFile(under(folder, name));
      repaired.push(`${name} was removed.`);
    }
  }
  const size = logs.reduce((sum, { published }) => sum + (published?.size ?? 0), 0);
  return { ok: faults.length === 0, published: size, waiting: Math.max(0, durable - size), remains, faults, repaired };
};
