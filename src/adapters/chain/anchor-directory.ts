import { Interface } from 'ethers';
import type { AnchorEvent } from '../../domain/console/audit.ts';
import type { RawLog } from './event-codec.ts';
import { ledgerAnchorAbi } from './generated/ledger-anchor.ts';
import { hexQuantity, quantity } from './header.ts';
import { createRpc, type Rpc } from './rpc.ts';
import { originHash } from './sign.ts';

const anchored = new Interface(ledgerAnchorAbi).getEvent('Anchored')?.topicHash ?? '';
/** Blocks asked for at once; public endpoints answer few more. */
const RANGE = 10_000;

interface Known {
  readonly size: number;
  readonly event: AnchorEvent;
}

export interface OpenAnchorDirectory {
  covering(index: number): Promise<Known | undefined>;
  close(): Promise<void>;
}

/** The anchors of one log in order of size, read from the chain as far as they are asked for. */
export function openAnchorDirectory(options: {
  readonly rpcUrls: readonly string[];
  readonly contract: string;
  readonly origin: string;
  readonly fromBlock: number;
}): OpenAnchorDirectory {
  const endpoints = options.rpcUrls.map((url) => createRpc(url));
  const known: Known[] = [];
  let from = options.fromBlock;
  let reading: Promise<void> | undefined;

  const readFrom = async (rpc: Rpc): Promise<void> => {
    const head = quantity(await rpc.call('eth_blockNumber', []));
    while (from <= head) {
      const to = Math.min(head, from + RANGE - 1);
      const filter = {
        address: options.contract,
        fromBlock: hexQuantity(from),
        toBlock: hexQuantity(to),
        topics: [anchored, originHash(options.origin)],
      };
      for (const log of await rpc.call<readonly RawLog[]>('eth_getLogs', [filter], { timeoutMs: 20_000 })) {
        const { topics, data, transactionHash: transaction } = log;
        const event = { contract: options.contract, transaction, block: quantity(log.blockNumber), topics, data };
        known.push({ size: Number(BigInt(topics[2] ?? '0x0')), event });
      }
      from = to + 1;
    }
  };

  /** The first endpoint that answers; where it stopped, the next goes on. */
  const read = async (): Promise<void> => {
    let last: unknown;
    for (const endpoint of endpoints) {
      try {
        return await readFrom(endpoint);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };

  return {
    covering: async (index) => {
      if ((known.at(-1)?.size ?? 0) <= index) {
        reading ??= read().finally(() => {
          reading = undefined;
        });
        await reading;
      }
      return known.find(({ size }) => size > index);
    },
    close: async () => {
      await Promise.all(endpoints.map((endpoint) => endpoint.close()));
    },
  };
}
