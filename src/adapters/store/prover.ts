import type { Checkpoint } from '../../domain/ledger/checkpoint.ts';
import { consistencyProof, type Hash, inclusionProof } from '../../domain/ledger/merkle.ts';
import { formatProof } from '../../domain/ledger/proof.ts';
import { nodeHashing } from './node-hash.ts';
import type { TileReader } from './tile-store.ts';

/** Of one moment of a published log, so that path, size and signature belong together. */
export interface Published {
  readonly checkpoint: Checkpoint;
  readonly note: string;
}

export const inclusionIn = async (
  tiles: TileReader,
  { checkpoint, note }: Published,
  index: number,
  size = checkpoint.size,
): Promise<{ readonly note: string; readonly path: readonly Hash[] }> => ({
  note,
  path: await tiles.withNodes(size, (nodeAt) => inclusionProof(nodeHashing, index, size, nodeAt)),
});

export const proveEntry = async (
  tiles: TileReader,
  published: Published,
  index: number,
  extra?: Uint8Array,
): Promise<string> => {
  const { note, path } = await inclusionIn(tiles, published, index);
  return formatProof({ ...(extra === undefined ? {} : { extra }), index, path, checkpoint: note });
};

export const proveConsistency = async (
  tiles: TileReader,
  published: Published,
  from: number,
): Promise<Published & { readonly path: readonly Hash[] }> => {
  const { size } = published.checkpoint;
  const path = await tiles.withNodes(size, (nodeAt) => consistencyProof(nodeHashing, from, size, nodeAt));
  return { ...published, path };
};
