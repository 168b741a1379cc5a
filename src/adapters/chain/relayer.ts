import { Interface, keccak256, zeroPadValue } from 'ethers';
import type { EpochSeconds, GrantCondition, GrantId, SubjectKey } from '../../domain/consent/grant.ts';
import { grantConditions } from '../../domain/consent/grant.ts';
import { type GrantScope, grantArguments, scopeOf } from '../../domain/consent/typed-data.ts';
import { consentRegistryAbi } from './generated/consent-registry.ts';
import { type Effect, type RelayItem, type RelayKind, RelayQueue } from './relay-queue.ts';
import { RpcError } from './rpc.ts';
import { createSender, errorName, NonceTakenError, type Receipt, type Sender, type SenderOptions } from './sender.ts';
import type {
  Signature,
  SignedDelegation,
  SignedGrant,
  SignedNarrowing,
  SignedRebinding,
  SignedRevocation,
} from './sign.ts';

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
  readonly id: number;
  readonly settled: Promise<RelayOutcome>;
}

export interface Pending {
  readonly kind: RelayKind;
  readonly grant: GrantId | undefined;
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
  wouldRefuse(signed: SignedGrant | SignedRevocation): Promise<string | undefined>;
  /** What is still to be mined; after a restart, revocations among it are to be honoured at once. */
  pending(): readonly Pending[];
  metrics(): { readonly pending: number; readonly mined: number; readonly failed: number; readonly retries: number };
  stop(): Promise<void>;
}

export interface AttestRequest {
  readonly grant: GrantId;
  readonly condition: GrantCondition;
  readonly until: EpochSeconds;
  readonly commitment: string;
}

const registry = new Interface(consentRegistryAbi);
const allBits = `0x${'f'.repeat(64)}`;
const addressBits = `0x${'f'.repeat(40)}`;

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
  readonly #tickets = new Map<string, { ticket: Ticket; resolve(outcome: RelayOutcome): void }>();
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
    for (const item of this.#queue.items.values()) this.#track(item.key, item.id);
    this.#loop = this.#run(open);
  }

  register(subject: SubjectKey, controller: string): Promise<Ticket> {
    return this.#add('register', `register:${subject}`, 'registerSubject', [subject, controller], {
      gas: 120_000,
      effect: boundTo(subject, controller),
    });
  }

  grant(signed: SignedGrant): Promise<Ticket> {
    return this.#add('grant', `grant:${signed.id}`, 'grantBySig', grantCall(signed), {
      grant: signed.id,
      gas: 160_000 + signatureGas(signed),
      // Granted, or granted and revoked since: either way the signature is spent.
      effect: { ...wordOf(signed.terms.subject, signed.id), mask: '0x3', value: 'any' },
    });
  }

  narrow(signed: SignedNarrowing): Promise<Ticket> {
    const { subject, id, scope, signer, signature } = signed;
    const parameters = [subject, id, scopeOf(scope), signer, signature];
    const data = registry.encodeFunctionData('narrowBySig', parameters);
    return this.#add('narrow', `narrow:${id}:${keccak256(data)}`, 'narrowBySig', parameters, {
      grant: id,
      gas: 120_000 + signatureGas(signed),
      effect: { ...wordOf(subject, id), mask: `0x${'f'.repeat(62)}00`, value: scopeWord(scope) },
    });
  }

  revoke(signed: SignedRevocation): Promise<Ticket> {
    return this.#add('revoke', `revoke:${signed.id}`, 'revokeBySig', revokeCall(signed), {
      grant: signed.id,
      gas: 120_000 + signatureGas(signed),
      effect: { ...wordOf(signed.subject, signed.id), mask: '0x3', value: '0x2' },
    });
  }

  attest(fact: AttestRequest): Promise<Ticket> {
    const condition = grantConditions.indexOf(fact.condition);
    const key = `attest:${fact.grant}:${condition}:${fact.until}`;
    return this.#add('attest', key, 'attest', [fact.grant, condition, fact.until, fact.commitment], {
      grant: fact.grant,
      gas: 110_000,
      effect: attested(fact.grant, condition, fact.until),
    });
  }

  withdraw(grant: GrantId, condition: GrantCondition): Promise<Ticket> {
    const bit = grantConditions.indexOf(condition);
    return this.#add('withdraw', `withdraw:${grant}:${bit}`, 'withdraw', [grant, bit], {
      grant,
      gas: 90_000,
      effect: attested(grant, bit, 0),
    });
  }

  delegate(signed: SignedDelegation): Promise<Ticket> {
    const { subject, delegate, rights, until, nonce, deadline } = signed.terms;
    const parameters = [subject, delegate, rights, until, nonce, deadline, signed.signer, signed.signature];
    return this.#add('delegate', `delegate:${subject}:${nonce}`, 'setDelegateBySig', parameters, {
      gas: 150_000 + signatureGas(signed),
      // The first word of the answer is the rights.
      effect: {
        view: registry.encodeFunctionData('delegationOf', [subject, delegate]),
        mask: allBits,
        value: hex(BigInt(rights)),
      },
    });
  }

  rebind(signed: SignedRebinding): Promise<Ticket> {
    const { subject, controller, nonce, deadline } = signed.terms;
    const parameters = [subject, controller, nonce, deadline, signed.signer, signed.signature];
    return this.#add('rebind', `rebind:${subject}:${nonce}`, 'rebindBySig', parameters, {
      gas: 120_000 + signatureGas(signed),
      effect: boundTo(subject, controller),
    });
  }

  wouldRefuse(signed: SignedGrant | SignedRevocation): Promise<string | undefined> {
    const data =
      'terms' in signed
        ? registry.encodeFunctionData('grantBySig', grantCall(signed))
        : registry.encodeFunctionData('revokeBySig', revokeCall(signed));
    return this.#refusal(data);
  }

  pending(): readonly Pending[] {
    return [...this.#queue.items.values()].map(({ kind, grant }) => ({ kind, grant: grant as GrantId | undefined }));
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

  async #add(
    kind: RelayKind,
    key: string,
    name: string,
    parameters: readonly unknown[],
    rest: { readonly gas: number; readonly effect: Effect; readonly grant?: string },
  ): Promise<Ticket> {
    const known = this.#tickets.get(key);
    if (known) return known.ticket;
    const data = registry.encodeFunctionData(name, parameters);
    const { gas, effect, grant } = rest;
    const item = await this.#queue.add({ kind, key, grant, data, gas, effect });
    const ticket = this.#track(key, item.id);
    this.#wake.resolve();
    return ticket;
  }

  #track(key: string, id: number): Ticket {
    const { promise, resolve } = Promise.withResolvers<RelayOutcome>();
    const ticket = { id, settled: promise };
    this.#tickets.set(key, { ticket, resolve });
    return ticket;
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
    const items = [...this.#queue.items.values()].sort((a, b) => order[a.kind] - order[b.kind] || a.id - b.id);
    const [first] = items;
    // What failed inside a batch goes alone, so that it can neither hide its reason nor burn the gas of others.
    if (first && this.#tries.has(first.id)) return [first];
    const batch: RelayItem[] = [];
    let gas = 60_000;
    for (const item of items) {
      if (this.#tries.has(item.id)) continue;
      gas += item.gas;
      if (gas > (this.#options.maxGas ?? 15_000_000) && batch.length > 0) break;
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
      data: single ? only.data : registry.encodeFunctionData('batch', [items.map((item) => item.data)]),
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

function grantCall(signed: SignedGrant): readonly unknown[] {
  const { name, effect, scope } = grantArguments(signed.terms);
  return [name, effect, scope, signed.deadline, signed.signer, signed.signature];
}

function revokeCall(signed: SignedRevocation): readonly unknown[] {
  return [signed.subject, signed.id, signed.signer, signed.signature];
}

/** A passkey or a contract wallet is verified by code of unknown cost. */
function signatureGas(signed: Signature): number {
  return signed.signer.length === 42 ? 0 : 500_000;
}

function wordOf(subject: SubjectKey, id: string): { readonly view: string } {
  return { view: registry.encodeFunctionData('wordOf', [subject, id]) };
}

function boundTo(subject: SubjectKey, controller: string): Effect {
  return {
    view: registry.encodeFunctionData('subjectOf', [subject]),
    mask: addressBits,
    value: zeroPadValue(controller, 32),
  };
}

function attested(grant: string, condition: number, until: number): Effect {
  return {
    view: registry.encodeFunctionData('attestedUntil', [grant, condition]),
    mask: allBits,
    value: hex(BigInt(until)),
  };
}

/** The scope as GrantWord.sol packs it. */
function scopeWord(scope: GrantScope): string {
  const at = (value: number, bit: number) => BigInt(value) << BigInt(bit);
  return hex(
    at(scope.actions, 8) |
      at(scope.purposes, 16) |
      at(scope.classes, 32) |
      at(scope.labels, 64) |
      at(scope.conditions, 80) |
      at(scope.from, 96) |
      at(scope.until, 136) |
      at(scope.dataFrom, 176) |
      at(scope.dataUntil, 216),
  );
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
