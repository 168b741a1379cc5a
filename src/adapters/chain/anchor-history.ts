import { Interface } from 'ethers';
import type { RawLog } from './event-codec.ts';
import { ledgerAnchorAbi } from './generated/ledger-anchor.ts';
import { hexQuantity, quantity } from './header.ts';
import { createRpc } from './rpc.ts';
import { originHash } from './sign.ts';

/** A root that the contract accepted: it extends every earlier one of the log. */
export interface AnchoredRoot {
  readonly size: number;
  readonly root: Uint8Array;
  readonly block: number;
}

/** Blocks asked for at once; public endpoints answer few more. */
const RANGE = 10_000;

const anchored = new Interface(ledgerAnchorAbi).getEvent('Anchored')?.topicHash ?? '';

/** Every root that an anchor contract holds for a log, oldest first. Rejects when the chain cannot be read. */
export async function anchoredRoots(
  rpcUrl: string,
  contract: string,
  origin: string,
): Promise<readonly AnchoredRoot[]> {
  const rpc = createRpc(rpcUrl);
  try {
    const head = quantity(await rpc.call('eth_blockNumber', []));
    const roots: AnchoredRoot[] = [];
    for (let from = 0; from <= head; from += RANGE) {
      const filter = {
        address: contract,
        fromBlock: hexQuantity(from),
        toBlock: hexQuantity(Math.min(head, from + RANGE - 1)),
        topics: [anchored, originHash(origin)],
      };
      for (const log of await rpc.call<readonly RawLog[]>('eth_getLogs', [filter], { timeoutMs: 20_000 })) {
        roots.push({
          size: Number(BigInt(log.topics[2] ?? '0x0')),
          root: new Uint8Array(Buffer.from(log.data.slice(2), 'hex')),
          block: quantity(log.blockNumber),
        });
      }
    }
    return roots;
  } finally {
    rpc.close();
  }
}
