import { Interface } from 'ethers';
import { originOf } from '../../domain/ledger/half-year.ts';
import type { RawLog } from './event-codec.ts';
import { ledgerAnchorAbi } from './generated/ledger-anchor.ts';
import { hexQuantity, quantity } from './header.ts';
import { RpcError } from './rpc.ts';
import { createSender, errorName, NonceTakenError, type Sender, type SenderOptions } from './sender.ts';
import { originHash } from './sign.ts';

export interface LedgerAnchorOptions extends SenderOptions {
  readonly contract: string;
  /** The block the contract was made in. */
  readonly fromBlock?: number;
  /** Another user of the same key hands in its sender. */
  readonly sender?: Sender;
  /** How long to go on trying; for ever unless given. */
  readonly giveUpMs?: number;
}

export interface AnchorRequest {
  /** The checkpoint's origin line. */
  readonly origin: string;
  readonly size: number;
  /** 0x and 64 hex digits. */
  readonly root: string;
  /** RFC 6962 consistency proof from `oldSize` to `size`; empty when `oldSize` is 0. */
  readonly oldSize: number;
  readonly proof: readonly string[];
}

export interface Anchored {
  readonly size: number;
  readonly root: string;
  readonly tx: string;
  readonly block: number;
}

export interface Mined {
  readonly tx: string;
  readonly block: number;
}

/** The chain holds another history of this log, or the proof does not hold. Nothing that is retried mends that. */
export class AnchorRefusedError extends Error {
  override readonly name = 'AnchorRefusedError';
  /** The contract's error: Fork, Rollback, BadProof, UnknownOrigin, NotWriter; or Stale: anchored from another size. */
  readonly reason: string;

  constructor(reason: string) {
    super(`The chain refused the checkpoint: ${reason}.`);
    this.reason = reason;
  }
}

export interface LedgerAnchorClient {
  /** Resolves when mined. Idempotent: a checkpoint that is anchored already is told as it stands. */
  anchor(request: AnchorRequest): Promise<Mined>;
  /** Several logs in one transaction, as long as the chain takes each of them. `undefined`: all of them were anchored already. */
  anchorAll(requests: readonly AnchorRequest[]): Promise<Mined | undefined>;
  /** Lets the account anchor the log of a half-year that follows the log `first`. Nothing when it may already. */
  openHalfYear(first: string, half: string): Promise<void>;
  /** The newest anchored checkpoint of a log. */
  latest(origin: string): Promise<Anchored | undefined>;
  stop(): Promise<void>;
}

const contractAbi = new Interface(ledgerAnchorAbi);
const anchoredTopic = contractAbi.getEvent('Anchored')?.topicHash ?? '';

export function createLedgerAnchor(options: LedgerAnchorOptions): LedgerAnchorClient {
  const sender = options.sender ?? createSender(options);
  const to = options.contract;
  let stopped = false;

  async function stateOf(origin: string) {
    const data = contractAbi.encodeFunctionData('latest', [originHash(origin)]);
    const answer = await sender.rpc.call<string>('eth_call', [{ to, data }, 'latest']);
    const [log] = contractAbi.decodeFunctionResult('latest', answer);
    return { size: Number(log.size), root: String(log.root), writer: String(log.writer) };
  }

  async function anchoredAt(origin: string, size: number): Promise<Anchored | undefined> {
    const sizeTopic = `0x${size.toString(16).padStart(64, '0')}`;
    const filter = {
      address: to,
      fromBlock: hexQuantity(options.fromBlock ?? 0),
      toBlock: 'latest',
      topics: [anchoredTopic, originHash(origin), sizeTopic],
    };
    const logs = await sender.rpc.call<readonly RawLog[]>('eth_getLogs', [filter], { timeoutMs: 20_000 });
    const log = logs.at(-1);
    return log && { size, root: log.data, tx: log.transactionHash, block: quantity(log.blockNumber) };
  }

  interface Checkpoint {
    readonly origin: string;
    readonly size: number;
    readonly root: string;
    readonly proof: readonly string[];
  }

  /** What the contract takes, or where it was anchored before. */
  async function prepared(request: AnchorRequest): Promise<Checkpoint | Mined> {
    const { origin, size, root, oldSize, proof } = request;
    const state = await stateOf(origin);
    if (state.size >= size && size > 0) {
      const there = await anchoredAt(origin, size);
      if (there && there.root !== root) throw new AnchorRefusedError('Fork');
      if (there) return { tx: there.tx, block: there.block };
      if (state.size > size) throw new AnchorRefusedError('Rollback');
    }
    // The proof starts elsewhere than the chain stands: the caller has to make another one.
    if (state.size !== oldSize) throw new AnchorRefusedError('Stale');
    return { origin: originHash(origin), size, root, proof };
  }

  async function call(method: 'anchor' | 'anchorAll' | 'openHalfYear', parameters: readonly unknown[]): Promise<Mined> {
    const data = contractAbi.encodeFunctionData(method, parameters);
    try {
      const receipt = await sender.send({ to, data });
      if (receipt.ok) return { tx: receipt.tx, block: receipt.block };
    } catch (error) {
      const name = error instanceof RpcError ? errorName(contractAbi, error.data) : undefined;
      if (name) throw new AnchorRefusedError(name);
      throw error;
    }
    throw new RpcError('The transaction was mined without success; another one came before it.');
  }

  async function attempt(requests: readonly AnchorRequest[]): Promise<Mined | undefined> {
    const known: Mined[] = [];
    const checkpoints: Checkpoint[] = [];
    for (const request of requests) {
      const made = await prepared(request);
      if ('tx' in made) known.push(made);
      else checkpoints.push(made);
    }
    const [first] = checkpoints;
    if (first === undefined) return known.at(-1);
    return checkpoints.length === 1 ? call('anchor', [first]) : call('anchorAll', [checkpoints]);
  }

  async function patiently<Result>(work: () => Promise<Result>): Promise<Result> {
    const began = performance.now();
    for (let wait = 100; ; wait = Math.min(wait * 2, 10_000)) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof RpcError) && !(error instanceof NonceTakenError)) throw error;
        if (stopped || performance.now() - began > (options.giveUpMs ?? Number.POSITIVE_INFINITY)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  return {
    async anchor(request) {
      const mined = await patiently(() => attempt([request]));
      if (mined === undefined) throw new AnchorRefusedError('Stale');
      return mined;
    },
    anchorAll: (requests) => patiently(() => attempt(requests)),
    openHalfYear: (first, half) =>
      patiently(async () => {
        if (BigInt((await stateOf(originOf(first, half))).writer) !== 0n) return;
        await call('openHalfYear', [first, Number(half.slice(0, 4)), half.endsWith('h2')]);
      }),
    async latest(origin) {
      const { size } = await stateOf(origin);
      return size === 0 ? undefined : anchoredAt(origin, size);
    },
    async stop() {
      stopped = true;
      if (!options.sender) await sender.stop();
    },
  };
}
