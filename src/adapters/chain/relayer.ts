import type { GrantCondition, GrantId, SubjectKey } from '../../domain/consent/grant.ts';
import {
  type AttestRequest,
  attestCall,
  delegateCall,
  grantCall,
  narrowCall,
  type RelayCall,
  rebindCall,
  registerCall,
  registry,
  revokeCall,
  type SignedCall,
  signedCall,
  withdrawCall,
} from './relay-calls.ts';
import { type RelayItem, type RelayKind, RelayQueue } from './relay-queue.ts';
import { RpcError } from './rpc.ts';
import { createSender, errorName, NonceTakenError, type Receipt, type Sender, type SenderOptions } from './sender.ts';
import type { SignedDelegation, SignedGrant, SignedNarrowing, SignedRebinding, SignedRevocation } from './sign.ts';
import { encodeBatch } from './transaction.ts';

export interface RelayerOptions extends SenderOptions {
  readonly contract: string;
  readonly queueFile: string;
  /** Most gas that one transaction may be allowed. */
  readonly maxGas?: number;
  /** Another user of the same key hands in its sender, so that they do not fight for nonces. */
  readonly sender?: Sender;
}

export type RelayOutcome =
  | { readonly ok: true; readonly tx: string | undefined; readonly block: number | undefined }
  /** `reason` is the contract's error, such as `NotAuthorised`. */
  | { readonly ok: false; readonly reason: string };

export interface Ticket {
  readonly key: string;
  readonly settled: Promise<RelayOutcome>;
}

export interface Pending {
  readonly kind: RelayKind;
  readonly grant: GrantId | undefined;
  readonly subject: SubjectKey | undefined;
  /** The call of the contract, as it will be sent. */
  readonly data: string;
}

/**
 * Carries what patients signed to the chain, so that they need no gas. Each method resolves when the call is durably
 * queued; the ticket tells how it ended. Asking twice for the same thing gives the same ticket.
 */
export interface Relayer {
  readonly address: string;
  start(): Promise<void>;
  register(subject: SubjectKey, controller: string): Promise<Ticket>;
  grant(signed: SignedGrant): Promise<Ticket>;
  narrow(signed: SignedNarrowing): Promise<Ticket>;
  revoke(signed: SignedRevocation): Promise<Ticket>;
  attest(fact: AttestRequest): Promise<Ticket>;
  withdraw(grant: GrantId, condition: GrantCondition): Promise<Ticket>;
  delegate(signed: SignedDelegation): Promise<Ticket>;
  rebind(signed: SignedRebinding): Promise<Ticket>;
  /** The contract's error name when it would refuse the call now; for signatures that only the chain can judge. */
  wouldRefuse(signed: SignedCall): Promise<string | undefined>;
  /** How many delegations and rebindings the subject has signed: the nonce of the next one. */
  nonceOf(subject: SubjectKey): Promise<string>;
  /** What is still to be mined; after a restart, revocations among it are to be honoured at once. */
  pending(): readonly Pending[];
  metrics(): { readonly pending: number; readonly mined: number; readonly failed: number; readonly retries: number };
  stop(): Promise<void>;
}

const batchSelector = registry.getFunction('batch')?.selector ?? '';

interface Tracked {
  readonly ticket: Ticket;
  readonly queued: Promise<unknown>;
  resolve(outcome: RelayOutcome): void;
}

/** What closes goes before what opens. */
const order: Readonly<Record<RelayKind, number>> = {
  revoke: 0,
  withdraw: 1,
  narrow: 2,
  rebind: 3,
  register: 4,
  delegate: 5,
  grant: 6,
  attest: 7,
};

export function createRelayer(options: RelayerOptions): Relayer {
  return new ChainRelayer(options);
}

class ChainRelayer implements Relayer {
  readonly #options: RelayerOptions;
  readonly #sender: Sender;
  readonly #queue: RelayQueue;
  readonly #tickets = new Map<string, Tracked>();
  readonly #tries = new Map<number, number>();
  readonly #counts = { mined: 0, failed: 0, retries: 0 };
  #wake = Promise.withResolvers<void>();
  #loop: Promise<void> | undefined;
  #stopped = false;

  constructor(options: RelayerOptions) {
    this.#options = options;
    this.#sender = options.sender ?? createSender(options);
    this.#queue = new RelayQueue(options.queueFile);
  }

  get address(): string {
    return this.#sender.address;
  }

  async start(): Promise<void> {
    const open = await this.#queue.open();
    for (const item of this.#queue.items.values()) this.#track(item.key, Promise.resolve());
    this.#loop = this.#run(open);
  }

  register(subject: SubjectKey, controller: string): Promise<Ticket> {
    return this.#add(registerCall(subject, controller));
  }

  grant(signed: SignedGrant): Promise<Ticket> {
    return this.#add(grantCall(signed));
  }

  narrow(signed: SignedNarrowing): Promise<Ticket> {
    return this.#add(narrowCall(signed));
  }

  revoke(signed: SignedRevocation): Promise<Ticket> {
    return this.#add(revokeCall(signed));
  }

  attest(fact: AttestRequest): Promise<Ticket> {
    return this.#add(attestCall(fact));
  }

  withdraw(grant: GrantId, condition: GrantCondition): Promise<Ticket> {
    return this.#add(withdrawCall(grant, condition));
  }

  delegate(signed: SignedDelegation): Promise<Ticket> {
    return this.#add(delegateCall(signed));
  }

  rebind(signed: SignedRebinding): Promise<Ticket> {
    return this.#add(rebindCall(signed));
  }

  wouldRefuse(signed: SignedCall): Promise<string | undefined> {
    return this.#refusal(signedCall(signed).data);
  }

  async nonceOf(subject: SubjectKey): Promise<string> {
    const data = registry.encodeFunctionData('subjectOf', [subject]);
    const answer = await this.#sender.rpc.call('eth_call', [{ to: this.#options.contract, data }, 'latest']);
    const [state] = registry.decodeFunctionResult('subjectOf', String(answer));
    return String(state.nonce);
  }

  pending(): readonly Pending[] {
    return [...this.#queue.items.values()].map(({ kind, grant, subject, data }) => ({
      kind,
      data,
      grant: grant as GrantId | undefined,
      subject: subject as SubjectKey | undefined,
    }));
  }

  metrics() {
    return { pending: this.#queue.items.size, ...this.#counts };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake.resolve();
    if (!this.#options.sender) await this.#sender.stop();
    await this.#loop;
    await this.#queue.close();
  }

  async #add(call: RelayCall): Promise<Ticket> {
    const known = this.#tickets.get(call.key);
    if (known) {
      await known.queued;
      return known.ticket;
    }
    // Noted before the wait for the disk, so that the same call made meanwhile finds it.
    const queued = this.#queue.add(call);
    const { ticket, resolve } = this.#track(call.key, queued);
    try {
      await queued;
    } catch (error) {
      this.#tickets.delete(call.key);
      resolve({ ok: false, reason: 'QueueUnwritable' });
      throw error;
    }
    this.#wake.resolve();
    return ticket;
  }

  #track(key: string, queued: Promise<unknown>): Tracked {
    const { promise, resolve } = Promise.withResolvers<RelayOutcome>();
    const entry = { ticket: { key, settled: promise }, resolve, queued };
    this.#tickets.set(key, entry);
    return entry;
  }

  async #run(open: Awaited<ReturnType<RelayQueue['open']>>): Promise<void> {
    if (open) {
      const items = open.items.flatMap((id) => this.#queue.items.get(id) ?? []);
      await this.#patiently(async () => this.#settle(items, await this.#sender.resume(open.signed)));
    }
    while (!this.#stopped) {
      const items = this.#nextItems();
      if (items.length === 0) {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
        continue;
      }
      await this.#patiently(async () => this.#settle(items, await this.#send(items)));
    }
  }

  /** Tries until it succeeds or the relayer stops; what failed for the network's sake loses nothing. */
  async #patiently(work: () => Promise<void>): Promise<void> {
    for (let wait = 100; !this.#stopped; wait = Math.min(wait * 2, 5_000)) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof NonceTakenError) return;
        if (!(error instanceof RpcError)) throw error;
        if (this.#stopped) return;
        this.#counts.retries++;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  #nextItems(): readonly RelayItem[] {
    const waiting = [...this.#queue.items.values()];
    const unbound = new Set(waiting.flatMap(({ kind, subject }) => (kind === 'register' && subject ? subject : [])));
    // Nobody speaks for a subject before it is registered, so its revocations have to wait for that too.
    const rank = ({ kind, subject }: RelayItem) =>
      subject !== undefined && unbound.has(subject) ? Math.max(order[kind], order.register) : order[kind];
    const items = waiting.sort((a, b) => rank(a) - rank(b) || a.id - b.id);
    const [first] = items;
    // What failed inside a batch goes alone, so that it can neither hide its reason nor burn the gas of others.
    if (first && this.#tries.has(first.id)) return [first];
    const batch: RelayItem[] = [];
    let gas = 60_000;
    for (const item of items) {
      if (this.#tries.has(item.id)) continue;
      gas += item.gas;
      if (gas > (this.#options.maxGas ?? 25_000_000) && batch.length > 0) break;
      batch.push(item);
    }
    return batch;
  }

  #send(items: readonly RelayItem[]): Promise<Receipt> {
    const [only] = items;
    const ids = items.map((item) => item.id);
    const single = items.length === 1 && only;
    return this.#sender.send({
      to: this.#options.contract,
      data: single
        ? only.data
        : encodeBatch(
            batchSelector,
            items.map((item) => item.data),
          ),
      // Not estimated: a batch that lets calls fail looks cheapest when they all do.
      gas: 60_000 + items.reduce((sum, item) => sum + item.gas, 0),
      onSigned: (signed) => this.#queue.sent(ids, signed),
    });
  }

  async #settle(items: readonly RelayItem[], receipt: Receipt): Promise<void> {
    const effects = await this.#effects(items);
    await Promise.all(
      items.map(async (item, index) => {
        if (effects[index]) {
          this.#counts.mined++;
          return this.#end(item, { ok: true, tx: receipt.tx, block: receipt.block });
        }
        const tries = (this.#tries.get(item.id) ?? 0) + 1;
        this.#tries.set(item.id, tries);
        const reason = await this.#refusal(item.data);
        if (reason === undefined && tries < 3) return;
        this.#counts.failed++;
        return this.#end(item, { ok: false, reason: reason ?? 'OutOfGas' });
      }),
    );
  }

  async #effects(items: readonly RelayItem[]): Promise<readonly boolean[]> {
    const calls = items.map(({ effect }) => ({
      method: 'eth_call',
      params: [{ to: this.#options.contract, data: effect.view }, 'latest'],
    }));
    const answers = await this.#sender.rpc.batch(calls);
    return items.map(({ effect }, index) => {
      const word = BigInt(String(answers[index]).slice(0, 66)) & BigInt(effect.mask);
      return effect.value === 'any' ? word !== 0n : word === BigInt(effect.value);
    });
  }

  async #refusal(data: string): Promise<string | undefined> {
    try {
      await this.#sender.rpc.call('eth_call', [
        { from: this.#sender.address, to: this.#options.contract, data },
        'latest',
      ]);
      return undefined;
    } catch (error) {
      if (!(error instanceof RpcError) || error.code === undefined) throw error;
      return errorName(registry, error.data) ?? 'Reverted';
    }
  }

  async #end(item: RelayItem, outcome: RelayOutcome): Promise<void> {
    await this.#queue.end(item.id);
    this.#tries.delete(item.id);
    this.#tickets.get(item.key)?.resolve(outcome);
    this.#tickets.delete(item.key);
  }
}
