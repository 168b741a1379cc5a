import type { Endpoint } from './endpoint.ts';
import { decodeRecord, foldedTopics, type RawLog, recordOf } from './event-codec.ts';
import { type Header, hexQuantity, quantity } from './header.ts';
import { provenWord, type StorageProof } from './proof.ts';
import { RpcError } from './rpc.ts';

export interface FoldedRecord {
  readonly record: Buffer;
  readonly block: number;
}

/** The slot of the accumulator: EventAccumulator.sol is inherited first. */
const accumulatorSlot = `0x${'0'.repeat(64)}`;

/** Reads the registry's events and the accumulator's proof from whichever endpoint is asked. */
export class History {
  readonly #contract: string;
  readonly #timeoutMs: number;
  readonly #maxRange: number;
  #range: number;

  constructor(options: { readonly contract: string; readonly timeoutMs: number; readonly maxRange: number }) {
    this.#contract = options.contract;
    this.#timeoutMs = options.timeoutMs;
    this.#maxRange = options.maxRange;
    this.#range = options.maxRange;
  }

  /**
   * The events from a block on, up to `to` (at most the head's height). `untrue` when the answer cannot be: whether it is
   * complete only the accumulator tells.
   */
  async read(
    source: Endpoint,
    from: number,
    head: Header,
  ): Promise<{ readonly records: readonly FoldedRecord[]; readonly to: number } | 'untrue'> {
    for (;;) {
      const to = Math.min(head.number, from + this.#range - 1);
      const logs = await this.#logs(source, from, to);
      if (!logs) continue;
      const records = this.#check(logs, from, to, head);
      return records ? { records, to } : 'untrue';
    }
  }

  /** The accumulator after the head, proven against the state root that the quorum agreed on. */
  async prove(prover: Endpoint, head: Header): Promise<Buffer | undefined> {
    const word = await proveWord(prover, head, this.#contract, accumulatorSlot);
    return word === undefined ? undefined : Buffer.from(word.slice(2), 'hex');
  }

  async #logs(source: Endpoint, from: number, to: number): Promise<readonly RawLog[] | undefined> {
    const filter = {
      address: this.#contract,
      fromBlock: hexQuantity(from),
      toBlock: hexQuantity(to),
      topics: [foldedTopics],
    };
    try {
      const logs = await source.rpc.call<readonly RawLog[]>('eth_getLogs', [filter], {
        timeoutMs: to - from < 100 ? this.#timeoutMs : this.#timeoutMs * 10,
      });
      this.#range = Math.min(this.#range * 2, this.#maxRange);
      return logs;
    } catch (error) {
      if (!(error instanceof RpcError) || error.code === undefined || to === from) throw error;
      // The endpoint answered that this is too much at once.
      this.#range = Math.max(1, Math.floor((to - from + 1) / 2));
      return undefined;
    }
  }

  #check(logs: readonly RawLog[], from: number, to: number, head: Header): readonly FoldedRecord[] | undefined {
    if (!Array.isArray(logs)) return undefined;
    const records: FoldedRecord[] = [];
    let last = 0;
    try {
      for (const log of logs) {
        const block = quantity(log.blockNumber);
        if (block < from || block > to || block < last || log.removed === true) return undefined;
        if (log.address.toLowerCase() !== this.#contract) return undefined;
        if (block === head.number && log.blockHash !== head.hash) return undefined;
        const record = recordOf(log);
        decodeRecord(record, block);
        records.push({ record, block });
        last = block;
      }
    } catch {
      return undefined;
    }
    return records;
  }
}

export async function proveWord(
  prover: Endpoint,
  head: Header,
  contract: string,
  slot: string,
): Promise<string | undefined> {
  const parameters = [contract, [slot], hexQuantity(head.number)];
  const proof = await prover.rpc.call<StorageProof>('eth_getProof', parameters);
  return provenWord(head.stateRoot, contract, slot, proof);
}
