import { equalBytes } from '../../domain/ledger/hash.ts';
import { hashesAtLevel, parseTilePath, TILE_WIDTH, type TileName, tilePath } from '../../domain/ledger/tiles.ts';
import type { Finding } from '../../domain/ledger/verify.ts';
import { type FileSystem, isMissing, under } from './file-system.ts';
import { listSpans } from './recovery.ts';
import { cutToWidth } from './tile-store.ts';

/** What a log keeps beside its tiles and segments, and the logs that follow it. */
const KEPT =
  /^(segments|log|keys|checkpoints|followed|retired|(control|index)\.db(-wal|-shm|-journal)?|[0-9]{4}h[12])$/;
const FOLDER = /^(x[0-9]{3}|[0-9]{3}\.p|entries|[0-9]|[1-5][0-9]|6[0-3])$/;

/** How wide the tile of this place is in a log of `size`; 0: there is none. */
const widthIn = ({ level, index }: TileName, size: number): number =>
  Math.max(0, Math.min(TILE_WIDTH, hashesAtLevel(level === 'entries' ? 0 : level, size) - index * TILE_WIDTH));

/**
 * Looks at the files of a log that its newest checkpoint does not need: tiles of earlier checkpoints must be the beginning
 * of those that followed them; what is no part of the log at all is named.
 */
export const checkOtherFiles = async (
  files: FileSystem,
  folder: string,
  size: number,
): Promise<{ readonly finding?: Finding; readonly strays: readonly string[] }> => {
  const strays = (await files.list(folder)).filter((name) => !KEPT.test(name));
  const log = under(folder, 'log');
  for (const name of await files.list(log)) if (name !== 'checkpoint' && name !== 'tile') strays.push(`log/${name}`);
  const used = new Set((await listSpans(files, under(folder, 'segments'))).map(({ name }) => name));
  for (const name of await files.list(under(folder, 'segments'))) if (!used.has(name)) strays.push(`segments/${name}`);

  const isBeginning = async (tile: TileName, width: number): Promise<boolean> => {
    try {
      const bytes = await files.read(under(log, tilePath(tile)));
      return equalBytes(bytes, cutToWidth(tile, await files.read(under(log, tilePath({ ...tile, width })))));
    } catch (error) {
      // A writer beside tidies up.
      if (isMissing(error)) return true;
      throw error;
    }
  };
  const walk = async (at: string): Promise<Finding | undefined> => {
    for (const name of await files.list(under(log, at))) {
      const path = `${at}/${name}`;
      const tile = parseTilePath(path);
      const width = tile === undefined ? 0 : widthIn(tile, size);
      if (tile === undefined && FOLDER.test(name)) {
        const finding = await walk(path);
        if (finding !== undefined) return finding;
      } else if (tile === undefined || tile.width > width) strays.push(`log/${path}`);
      else if (tile.width < width && !(await isBeginning(tile, width)))
        return {
          file: path,
          text: 'This tile of an earlier checkpoint is not the beginning of the one that followed it.',
        };
    }
    return undefined;
  };
  const finding = await walk('tile');
  return { strays, ...(finding === undefined ? {} : { finding }) };
};
