import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AnchorRefusedError,
  createLedgerAnchor,
  type LedgerAnchorClient,
} from '../../../src/adapters/chain/anchor.ts';
import { type Chain, origin, startChain } from './fixture.ts';

/** RFC 6962 by its recursive definition, for trees small enough to afford it. */
const sha256 = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
const leaf = (index: number) => sha256(Buffer.from([0]), Buffer.from(`entry ${index}`));
const split = (size: number) => 2 ** Math.floor(Math.log2(size - 1));

function rootOf(from: number, to: number): Buffer {
  if (to - from === 1) return leaf(from);
  const middle = from + split(to - from);
  return sha256(Buffer.from([1]), rootOf(from, middle), rootOf(middle, to));
}

function consistency(size: number, from: number, to: number, whole = true): Buffer[] {
  if (size === to - from) return whole ? [] : [rootOf(from, to)];
  const k = split(to - from);
  return size <= k
    ? [...consistency(size, from, from + k, whole), rootOf(from + k, to)]
    : [...consistency(size - k, from + k, to, false), rootOf(from, from + k)];
}

const hex = (bytes: Buffer) => `0x${bytes.toString('hex')}`;
const root = (size: number) => hex(rootOf(0, size));
const proof = (oldSize: number, size: number) => (oldSize === 0 ? [] : consistency(oldSize, 0, size).map(hex));

describe('the ledger anchor', () => {
  let chain: Chain;
  let anchor: LedgerAnchorClient;

  beforeAll(async () => {
    chain = await startChain();
    const { deployment } = chain;
    anchor = createLedgerAnchor({
      rpcUrl: chain.anvil.rpcUrl,
      key: chain.key,
      chainId: deployment.chainId,
      contract: deployment.ledgerAnchor,
      fromBlock: deployment.block,
    });
  });

  afterAll(async () => {
    await anchor.stop();
    await chain.stop();
  });

  const put = (oldSize: number, size: number) =>
    anchor.anchor({ origin, size, root: root(size), oldSize, proof: proof(oldSize, size) });
  const refusal = (request: Parameters<LedgerAnchorClient['anchor']>[0]) =>
    anchor.anchor(request).then(
      () => 'anchored',
      (error: AnchorRefusedError) => error.reason,
    );

  it('knows nothing of a log that was never anchored', async () => {
    expect(await anchor.latest(origin)).toBeUndefined();
  });

  it('anchors a growing log and tells the newest checkpoint', async () => {
    await put(0, 5);
    await put(5, 8);
    const { tx, block } = await put(8, 300);
    expect(await anchor.latest(origin)).toEqual({ size: 300, root: root(300), tx, block });
  });

  it('tells an anchored checkpoint again instead of anchoring it twice', async () => {
    const first = await put(300, 301);
    expect(await put(300, 301)).toEqual(first);
  });

  it('is refused by the chain for a fork, a forged proof and a foreign log', async () => {
    const next = { origin, size: 310, root: root(310), oldSize: 301, proof: proof(301, 310) };
    expect(await refusal({ ...next, root: root(309) })).toBe('BadProof');
    expect(await refusal({ ...next, proof: next.proof.slice(1) })).toBe('BadProof');
    expect(await refusal({ ...next, size: 301, root: root(300) })).toBe('Fork');
    expect(await refusal({ ...next, size: 299, root: root(299) })).toBe('Rollback');
    expect(await refusal({ ...next, oldSize: 300 })).toBe('Stale');
    expect(await refusal({ ...next, origin: 'other.example', oldSize: 0, proof: [] })).toBe('UnknownOrigin');
  });

  it('anchors several logs in one transaction, later ones of a row once they were opened', async () => {
    const row = `${origin}/2027h1`;
    const both = [
      { origin, size: 305, root: root(305), oldSize: 301, proof: proof(301, 305) },
      { origin: row, size: 4, root: root(4), oldSize: 0, proof: [] },
    ];
    await expect(anchor.anchorAll(both)).rejects.toMatchObject({ reason: 'UnknownOrigin' });
    expect((await anchor.latest(origin))?.size).toBe(301);
    await anchor.openHalfYear(origin, '2027h1');
    await anchor.openHalfYear(origin, '2027h1');
    const mined = await anchor.anchorAll(both);
    expect(await Promise.all([anchor.latest(origin), anchor.latest(row)])).toMatchObject([
      { size: 305, tx: mined?.tx },
      { size: 4, tx: mined?.tx },
    ]);
    expect(await anchor.anchorAll(both)).toEqual(mined);
    await expect(anchor.openHalfYear('other.example', '2027h1')).rejects.toMatchObject({ reason: 'NotWriter' });
  });
});
