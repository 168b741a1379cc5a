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

interface Log {
  readonly known: Known[];
  from: number;
  reading: Promise<void> | undefined;
}

export interface OpenAnchorDirectory {
  /** The first anchor of this log whose tree holds the entry. */
  covering(origin: string, index: number): Promise<Known | undefined>;
  close(): Promise<void>;
}

/** The anchors of logs, each in order of size, read from the chain as far as they are asked for. */
export function openAnchorDirectory(options: {
  readonly rpcUrls: readonly string[];
  readonly contract: string;
  readonly fromBlock: number;
}): OpenAnchorDirectory {
  const endpoints = options.rpcUrls.map((url) => createRpc(url));
  const logs = new Map<string, Log>();
  const logOf = (origin: string): Log => {
    const log = logs.get(origin) ?? { known: [], from: options.fromBlock, reading: undefined };
    logs.set(origin, log);
    return log;
  };

  const readFrom = async (rpc: Rpc, origin: string, log: Log): Promise<void> => {
    const head = quantity(await rpc.call('eth_blockNumber', []));
    while (log.from <= head) {
      const to = Math.min(head, log.from + RANGE - 1);
      const filter = {
        address: options.contract,
        fromBlock: hexQuantity(log.from),
        toBlock: hexQuantity(to),
        topics: [anchored, originHash(origin)],
      };
      for (const raw of await rpc.call<readonly RawLog[]>('eth_getLogs', [filter], { timeoutMs: 20_000 })) {
        const { topics, data, transactionHash: transaction } = raw;
        const event = { contract: options.contract, transaction, block: quantity(raw.blockNumber), topics, data };
        log.known.push({ size: Number(BigInt(topics[2] ?? '0x0')), event });
      }
      log.from = to + 1;
    }
  };

  /** The first endpoint that answers; where it stopped, the next goes on. */
  const read = async (origin: string, log: Log): Promise<void> => {
    let last: unknown;
    for (const endpoint of endpoints) {
      try {
        return await readFrom(endpoint, origin, log);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };

  return {
    covering: async (origin, index) => {
      const log = logOf(origin);
      if ((log.known.at(-1)?.size ?? 0) <= index) {
        log.reading ??= read(origin, log).finally(() => {
          log.reading = undefined;
        });
        await log.reading;
      }
      return log.known.find(({ size }) => size > index);
    },
    close: async () => {
      await Promise.all(endpoints.map((endpoint) => endpoint.close()));
    },
  };
}
