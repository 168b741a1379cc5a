import { type Interface, Wallet } from 'ethers';
import type { RawLog } from './event-codec.ts';
import { quantity } from './header.ts';
import { createFailoverRpc, type Rpc, RpcError } from './rpc.ts';
import { signTransaction } from './transaction.ts';

export interface Receipt {
  readonly tx: string;
  readonly block: number;
  readonly ok: boolean;
  readonly gasUsed: number;
  readonly logs: readonly RawLog[];
  readonly contractAddress: string | undefined;
}

export interface SenderOptions {
  /** One endpoint, or several to fall back on. */
  readonly rpcUrl: string | readonly string[];
  readonly key: string;
  readonly chainId: number;
  /** A transaction not mined in this time is sent again with a higher fee. */
  readonly bumpMs?: number;
  readonly pollMs?: number;
  readonly timeoutMs?: number;
  /** How long an endpoint may count a transaction as mined before it shows its receipt. */
  readonly settleMs?: number;
}

export interface Sending {
  /** Absent: makes a contract. */
  readonly to?: string;
  readonly data: string;
  readonly gas?: number;
  /** Called before each broadcast. What it writes lets a restart find the transaction again. */
  onSigned?(signed: SignedTransaction): Promise<void> | void;
}

export interface SignedTransaction {
  readonly nonce: number;
  readonly hash: string;
  readonly raw: string;
}

/** The transaction's place was taken by another one of the same key; it has not been carried out. */
export class NonceTakenError extends Error {
  override readonly name = 'NonceTakenError';
}

/**
 * One key's transactions, one in flight at a time: the nonce can neither collide nor leave a gap. Throughput comes from
 * putting many calls into one transaction, not from many transactions.
 */
export interface Sender {
  readonly address: string;
  readonly rpc: Rpc;
  /** Resolves with the receipt. Rejects when the endpoint refuses, the place was taken, or the sender was stopped. */
  send(sending: Sending): Promise<Receipt>;
  /** Waits for a transaction that was signed before a restart, broadcasting it again. */
  resume(signed: readonly SignedTransaction[]): Promise<Receipt>;
  stop(): Promise<void>;
}

export function createSender(options: SenderOptions): Sender {
  const wallet = new Wallet(options.key);
  const rpc = createFailoverRpc([options.rpcUrl].flat(), { timeoutMs: options.timeoutMs ?? 5_000 });
  const pollMs = options.pollMs ?? 50;
  const bumpMs = options.bumpMs ?? 10_000;
  const settleMs = options.settleMs ?? 2_000;
  let queue: Promise<unknown> = Promise.resolve();
  let stopped = false;

  /** After the others of this key. */
  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = queue.then(work);
    queue = result.catch(() => {});
    return result;
  }

  async function fees(attempt: number): Promise<{ maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }> {
    const block = await rpc.call<{ baseFeePerGas?: string }>('eth_getBlockByNumber', ['latest', false]);
    const base = BigInt(block.baseFeePerGas ?? '0x0');
    // A replacement has to pay at least a tenth more; a quarter more each time.
    const raise = (fee: bigint) => (fee * 5n ** BigInt(attempt)) / 4n ** BigInt(attempt);
    const tip = base === 0n ? 0n : raise(1_000_000_000n);
    return { maxFeePerGas: raise(base * 2n) + tip, maxPriorityFeePerGas: tip };
  }

  async function receiptOf(hashes: readonly string[]): Promise<Receipt | undefined> {
    for (const hash of hashes) {
      const found = await rpc.call<RawReceipt | null>('eth_getTransactionReceipt', [hash]);
      if (found) return parseReceipt(found);
    }
    return undefined;
  }

  async function broadcast(raw: string): Promise<void> {
    try {
      await rpc.call('eth_sendRawTransaction', [raw]);
    } catch (error) {
      // Known already, or mined already: the receipt tells. Anything else is the endpoint's refusal.
      if (
        !(error instanceof RpcError) ||
        !/already (known|imported)|nonce too low|known transaction/i.test(error.message)
      ) {
        throw error;
      }
    }
  }

  /** Polls until one of the transactions, which share a nonce, is mined; `undefined` when it is time to raise the fee. */
  async function mined(nonce: number, hashes: readonly string[]): Promise<Receipt | undefined> {
    const deadline = performance.now() + bumpMs;
    let passed: number | undefined;
    while (!stopped) {
      const receipt = await receiptOf(hashes).catch(retryable);
      if (receipt) return receipt;
      const count = await nonceAt('latest').catch(retryable);
      if (count !== undefined && count > nonce) {
        // Nodes write the state of a block before its receipts, and endpoints lag behind each other: absence has to last.
        passed ??= performance.now();
        if (performance.now() - passed > settleMs) {
          throw new NonceTakenError('Another transaction of this key was mined in its place.');
        }
      } else if (performance.now() > deadline) return undefined;
      await pause(pollMs);
    }
    throw new RpcError('The sender was stopped.');
  }

  const nonceAt = async (tag: string) => quantity(await rpc.call('eth_getTransactionCount', [wallet.address, tag]));

  async function sendNow(sending: Sending): Promise<Receipt> {
    // Nothing of ours is in flight, so what is mined is what counts; a stuck stranger in the pool gets replaced.
    const nonce = await nonceAt('latest');
    const gas = sending.gas ?? (await estimate(sending));
    const hashes: string[] = [];
    for (let attempt = 0; ; attempt++) {
      const { to, data } = sending;
      const { chainId, key } = options;
      const { raw, hash } = signTransaction({ chainId, nonce, to, data, gasLimit: gas, ...(await fees(attempt)) }, key);
      hashes.push(hash);
      await sending.onSigned?.({ nonce, hash, raw });
      await broadcast(raw).catch((error) => {
        // A replacement refused for its fee leaves the earlier one standing.
        if (attempt === 0) throw error;
      });
      const receipt = await mined(nonce, hashes);
      if (receipt) return receipt;
    }
  }

  async function estimate(sending: Sending): Promise<number> {
    const call = { from: wallet.address, to: sending.to, data: sending.data };
    return Math.ceil(quantity(await rpc.call('eth_estimateGas', [call])) * 1.2);
  }

  return {
    address: wallet.address.toLowerCase(),
    rpc,
    send: (sending) => inTurn(() => sendNow(sending)),
    resume: (signed) =>
      inTurn(async () => {
        const hashes = signed.map((one) => one.hash);
        const last = signed.at(-1);
        if (!last) throw new RpcError('There is no transaction to resume.');
        for (;;) {
          const known = await receiptOf(hashes);
          if (known) return known;
          await broadcast(last.raw);
          const receipt = await mined(last.nonce, hashes);
          if (receipt) return receipt;
        }
      }),
    async stop() {
      stopped = true;
      await queue;
      await rpc.close();
    },
  };
}

/** The name of the custom error in revert data, such as `NotAuthorised`. */
export function errorName(abi: Interface, data: string | undefined): string | undefined {
  if (!data || data.length < 10) return undefined;
  return abi.getError(data.slice(0, 10))?.name;
}

interface RawReceipt {
  readonly transactionHash: string;
  readonly blockNumber: string;
  readonly status: string;
  readonly gasUsed: string;
  readonly logs: readonly RawLog[];
  readonly contractAddress: string | null;
}

function parseReceipt(receipt: RawReceipt): Receipt {
  return {
    tx: receipt.transactionHash,
    block: quantity(receipt.blockNumber),
    ok: quantity(receipt.status) === 1,
    gasUsed: quantity(receipt.gasUsed),
    logs: receipt.logs,
    contractAddress: receipt.contractAddress ?? undefined,
  };
}

function retryable(error: unknown): undefined {
  if (!(error instanceof RpcError)) throw error;
  return undefined;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
