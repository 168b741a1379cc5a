import { concat } from './hash.ts';

/** C2SP tlog-tiles: the log as static files. A full tile holds 256 hashes; `entries` bundles hold 256 leaves. */
export const TILE_WIDTH = 256;
export const HASH_BYTES = 32;
/** Above this a hash of the tree would need a level that the specification does not name. */
const MAX_LEVEL = 63;

export interface TileName {
  readonly level: number | 'entries';
  readonly index: number;
  /** 1 to 255 for a partial tile, else 256. */
  readonly width: number;
}

const indexPath = (index: number): string => {
  const groups = [(index % 1000).toString().padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${(rest % 1000).toString().padStart(3, '0')}`);
  }
  return groups.join('/');
};

export const tilePath = ({ level, index, width }: TileName): string =>
  `tile/${level}/${indexPath(index)}${width === TILE_WIDTH ? '' : `.p/${width}`}`;

const PATH = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/** Accepts exactly the paths that `tilePath` makes. */
export const parseTilePath = (path: string): TileName | undefined => {
  const match = PATH.exec(path);
  if (match === null) return undefined;
  const index = Number((match[2] ?? '').replaceAll('x', '').replaceAll('/', ''));
  const level = match[1] === 'entries' ? ('entries' as const) : Number(match[1]);
  const width = match[3] === undefined ? TILE_WIDTH : Number(match[3]);
  if (!Number.isSafeInteger(index) || (level !== 'entries' && level > MAX_LEVEL)) return undefined;
  const name: TileName = { level, index, width };
  return (match[3] === undefined || width < TILE_WIDTH) && tilePath(name) === path ? name : undefined;
};

/** How many hashes the tiles of one level hold in a log of `size` leaves. */
export const hashesAtLevel = (level: number, size: number): number => Math.floor(size / TILE_WIDTH ** level);

export const encodeBundle = (entries: readonly Uint8Array[]): Uint8Array =>
  concat(
    ...entries.flatMap((entry) => {
      if (entry.length > 0xffff) throw new RangeError('an entry of a bundle has at most 65,535 bytes');
      return [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry];
    }),
  );

/** `undefined` unless the bundle holds exactly `width` whole entries. */
export const decodeBundle = (bytes: Uint8Array, width: number): Uint8Array[] | undefined => {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    if (at + 2 + length > bytes.length) return undefined;
    entries.push(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return at === bytes.length && entries.length === width ? entries : undefined;
};
