import { keccak256 } from 'ethers';
import type { BlockRef, ConsentView, EpochSeconds, Grant, GrantId, SubjectKey } from '../../domain/consent/grant.ts';
import { ConsentFold, viewOf } from '../../domain/consent/replica.ts';
import type { Instant } from '../../domain/instant.ts';
import { Endpoint } from './endpoint.ts';
import { decodeRecord, foldRecord, initialAccumulator } from './event-codec.ts';
import { EventLog, type PlacedMark } from './event-log.ts';
import { bloomTest, type Header } from './header.ts';
import { type FoldedRecord, History, proveWord } from './history.ts';
import { agreedHeader, quorumHead } from './quorum.ts';
import type {
  DelegateState,
  RegistryReplica,
  RegistryReplicaOptions,
  ReplicaMetrics,
  ReplicaProblem,
} from './replica-contract.ts';
import { RpcError } from './rpc.ts';
import { journalBlocks, restore } from './snapshot.ts';

export type { RegistryReplica, RegistryReplicaOptions } from './replica-contract.ts';

type Failure = 'no-answer' | 'not-proven' | 'disproved';
type Outcome = 'proven' | Failure;

interface Batch {
  readonly records: readonly FoldedRecord[];
  readonly accumulator: Buffer;
}

const markEvery = 256;

export function createRegistryReplica(options: RegistryReplicaOptions): RegistryReplica {
  return new Replica(options);
}

class Replica implements RegistryReplica {
  readonly #options: RegistryReplicaOptions;
  readonly #contract: string;
  readonly #quorum: number;
  readonly #endpoints: readonly Endpoint[];
  readonly #mayHoldLogs: (bloom: string) => boolean;
  readonly #history: History;
  readonly #file: EventLog | undefined;
  readonly #revoked = new Set<(id: GrantId) => void>();
  readonly #viewed = new Set<(view: ConsentView) => void>();
  readonly #onSight = new Map<GrantId, SubjectKey>();

  #fold = new ConsentFold();
  /** Steps that can be gone back to, oldest first; the last one is where the fold stands. */
  #marks: PlacedMark[] = [];
  #view: ConsentView | undefined;
  /** Something was taken in that no proof has covered yet. */
  #tainted = false;
  #mismatches = 0;
  #problem: ReplicaProblem | undefined = 'no-quorum';
  #lastPlaced = 0;
  #lastProof = 0;
  #running = false;
  #again = false;
  #stopped = false;
  #work: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  readonly #counts = { events: 0, proofs: 0, proofFailures: 0, reorgs: 0, resyncs: 0 };
  #quorumHeight: number | undefined;
  /** The header behind the newest view. */
  #header: Header | undefined;
  #final: number | undefined;
  readonly #started = Promise.withResolvers<void>();

  constructor(options: RegistryReplicaOptions) {
    const { rpcUrls, chainId, finality, pollMs } = options;
    this.#options = options;
    this.#contract = options.contract.toLowerCase();
    this.#quorum = options.quorum ?? Math.floor(rpcUrls.length / 2) + 1;
    if (this.#quorum < 1 || this.#quorum > rpcUrls.length) {
      throw new RangeError(`A quorum of ${this.#quorum} cannot be had from ${rpcUrls.length} endpoints.`);
    }
    this.#mayHoldLogs = bloomTest(Buffer.from(keccak256(this.#contract).slice(2), 'hex'));
    const timeoutMs = options.timeoutMs ?? 2_000;
    this.#history = new History({ contract: this.#contract, timeoutMs, maxRange: options.maxRange ?? 10_000 });
    const vouchMs = Math.max(1_000, pollMs * 3 + timeoutMs * 2);
    const onTip = () => this.#wake();
    this.#endpoints = rpcUrls.map((url) => new Endpoint(url, { chainId, finality, pollMs, timeoutMs, vouchMs, onTip }));
    this.#file = options.snapshotFile === undefined ? undefined : new EventLog(options.snapshotFile);
    this.#started.promise.catch(() => {});
  }

  start(): Promise<void> {
    this.#reset();
    if (this.#file) this.#load(this.#file);
    for (const endpoint of this.#endpoints) endpoint.start();
    this.#timer = setInterval(() => this.#wake(), Math.max(this.#options.pollMs, 250));
    return this.#started.promise;
  }

  view(): ConsentView | undefined {
    return this.#view;
  }

  headAge(now: Instant): number {
    return this.#view ? now / 1000 - this.#view.head.time : Number.POSITIVE_INFINITY;
  }

  revokeOnSight(id: GrantId, subject = this.#fold.subjectOfGrant(id)): void {
    if (subject === undefined) return;
    this.#onSight.set(id, subject);
    this.#fold.hold(id, subject);
    for (const listener of this.#revoked) listener(id);
  }

  releaseOnSight(id: GrantId): void {
    if (this.#onSight.delete(id)) this.#fold.release(id);
  }

  onRevoked(listener: (id: GrantId) => void): () => void {
    this.#revoked.add(listener);
    return () => this.#revoked.delete(listener);
  }

  onView(listener: (view: ConsentView) => void): () => void {
    this.#viewed.add(listener);
    return () => this.#viewed.delete(listener);
  }

  grant(id: GrantId): Grant | undefined {
    return this.#fold.find(id);
  }

  controllerOf(subject: SubjectKey): string | undefined {
    return this.#fold.controllerOf(subject);
  }

  mayAct(subject: SubjectKey, actor: string, right: number, now: EpochSeconds): boolean {
    return this.#fold.mayAct(subject, actor.toLowerCase(), right, now);
  }

  delegatesOf(subject: SubjectKey): readonly DelegateState[] {
    return this.#fold.delegatesOf(subject);
  }

  async provenWord(contract: string, slot: string): Promise<string | undefined> {
    const head = this.#header;
    if (!head) return undefined;
    for (const prover of this.#vouchers) {
      const word = await proveWord(prover, head, contract.toLowerCase(), slot).catch((error) => {
        if (!(error instanceof RpcError)) throw error;
        return undefined;
      });
      if (word !== undefined) return word;
    }
    return undefined;
  }

  nudge(): void {
    for (const endpoint of this.#endpoints) endpoint.nudge();
  }

  metrics(): ReplicaMetrics {
    const head = this.#view?.head;
    return {
      head: head?.number,
      headTime: head?.time,
      lag: head && this.#quorumHeight !== undefined ? Math.max(0, this.#quorumHeight - head.number) : undefined,
      final: this.#final,
      grants: this.#fold.size,
      ...this.#counts,
      endpoints: this.#endpoints.map((endpoint) => endpoint.health),
      problem: this.#problem,
      snapshot: this.#file && (this.#file.broken ? 'broken' : 'kept'),
    };
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#timer);
    await Promise.all(this.#endpoints.map((endpoint) => endpoint.stop()));
    await this.#work;
    this.#file?.close();
    this.#started.reject(new Error('The replica was stopped before it had caught up.'));
  }

  /** One step at a time; news that arrive meanwhile lead to one more. */
  #wake(): void {
    this.#again = true;
    if (this.#running || this.#stopped) return;
    this.#running = true;
    this.#work = (async () => {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        try {
          await this.#step();
        } catch (error) {
          // What an endpoint failed to give is asked again at the next poll; a defect of ours must not pass silently.
          if (!(error instanceof RpcError)) {
            this.#running = false;
            throw error;
          }
        }
      }
      this.#running = false;
    })();
  }

  async #step(): Promise<void> {
    const quorum = await quorumHead(this.#endpoints, this.#quorum);
    if (!quorum) {
      this.#problem = 'no-quorum';
      return;
    }
    const { head, final } = quorum;
    this.#quorumHeight = head.number;
    // Some endpoints lag: the head is one that was passed already.
    if (this.#marks.some((mark) => mark.number === head.number && mark.hash === head.hash && mark !== this.#at)) return;
    if (!(await this.#settleForks(head))) {
      this.#problem = 'no-quorum';
      return;
    }
    if (!this.#view && final > this.#at.number && final < head.number) {
      // Proving the final block first fixes which grants are final. An endpoint may have dropped that old a state.
      const finalHead = await agreedHeader(this.#vouchers, this.#quorum, final);
      if (finalHead) await this.#extend(finalHead);
    }
    if (head.number !== this.#at.number || this.#tainted || this.#proofIsDue()) {
      if (!(await this.#extend(head))) return;
    }
    this.#publish(head, final);
  }

  get #at(): PlacedMark {
    const mark = this.#marks.at(-1);
    if (!mark) throw new Error('The replica has no starting point.');
    return mark;
  }

  #proofIsDue(): boolean {
    return performance.now() - this.#lastProof > (this.#options.proofMs ?? 5_000);
  }

  /** Goes back to the newest step that the quorum's chain still contains. `false`: it cannot be told at the moment. */
  async #settleForks(head: Header): Promise<boolean> {
    const at = this.#at;
    if ((at.number === head.number && at.hash === head.hash) || at.hash === genesis) return true;
    if (head.number === at.number + 1 && head.parentHash === at.hash) return true;
    for (let index = this.#marks.length - 1; index >= 0; index--) {
      const mark = this.#marks[index];
      if (!mark) break;
      if (mark.number > head.number) continue;
      if (mark.hash !== genesis) {
        const there =
          mark.number === head.number ? head : await agreedHeader(this.#vouchers, this.#quorum, mark.number);
        if (!there) return false;
        if (there.hash !== mark.hash) continue;
      }
      if (index < this.#marks.length - 1) this.#rollback(index);
      return true;
    }
    this.#counts.reorgs++;
    this.#restart();
    return true;
  }

  get #vouchers(): readonly Endpoint[] {
    return this.#endpoints.filter((endpoint) => endpoint.tip);
  }

  #rollback(index: number): void {
    const mark = this.#marks[index];
    if (!mark) return;
    this.#counts.reorgs++;
    this.#fold.rollback(mark.number, (this.#quorumHeight ?? mark.number) + journalBlocks);
    this.#marks.length = index + 1;
    this.#lastPlaced = Math.min(this.#lastPlaced, mark.number);
    this.#file?.truncate(mark.offset);
  }

  /** Folds what lies between where the fold stands and the head, and has the chain prove it. */
  async #extend(head: Header): Promise<boolean> {
    const at = this.#at;
    const next = head.number === at.number + 1;
    if (next && !this.#tainted && !this.#mayHoldLogs(head.logsBloom) && !this.#proofIsDue()) {
      // The header that the quorum agreed on rules out that the block holds an event.
      this.#advance(head, { records: [], accumulator: at.accumulator });
      return true;
    }
    const sources = this.#vouchers.filter((endpoint) => (endpoint.tip?.header.number ?? 0) >= head.number);
    sources.sort((a, b) => Number(b.trusted) - Number(a.trusted));
    const failures: Failure[] = [];
    for (const source of sources) {
      const outcome = await this.#extendFrom(source, sources, head).catch((error): Outcome => {
        if (!(error instanceof RpcError)) throw error;
        source.stumble();
        return 'no-answer';
      });
      if (outcome === 'proven') {
        this.#mismatches = 0;
        return true;
      }
      failures.push(outcome);
    }
    this.#problem = failures.includes('disproved') ? 'disproved' : (failures.at(-1) ?? 'no-answer');
    if (this.#problem === 'disproved') {
      // Either nobody has the whole truth at the moment, or what was taken in before is not true.
      const unanimous = failures.every((failure) => failure === 'disproved');
      if (unanimous && (this.#tainted || head.number === at.number || ++this.#mismatches >= 3)) this.#restart();
    }
    return false;
  }

  async #extendFrom(source: Endpoint, provers: readonly Endpoint[], head: Header): Promise<Outcome> {
    const cold = this.#view === undefined;
    let records: Batch['records'] = [];
    let { accumulator } = this.#at;
    for (let from = this.#at.number + 1; from <= head.number; ) {
      const found = await this.#history.read(source, from, head);
      if (found === 'untrue') {
        source.accuse();
        return 'disproved';
      }
      for (const { record } of found.records) accumulator = foldRecord(accumulator, record);
      records = records.concat(found.records);
      // Before the first view nobody can see the fold, so a long history need not be held twice.
      if (cold && found.to < head.number && records.length > 0) {
        const step = await agreedHeader(this.#vouchers, this.#quorum, found.to);
        if (step) {
          if (!this.#takeIn(step, { records, accumulator })) {
            source.accuse();
            return 'disproved';
          }
          records = [];
        }
      }
      from = found.to + 1;
    }
    const proven = await this.#prove(provers, head);
    if (!proven) return 'not-proven';
    if (!proven.equals(accumulator)) {
      this.#counts.proofFailures++;
      source.accuse();
      return 'disproved';
    }
    this.#advance(head, { records, accumulator });
    this.#tainted = false;
    return 'proven';
  }

  async #prove(provers: readonly Endpoint[], head: Header): Promise<Buffer | undefined> {
    for (const prover of provers) {
      try {
        const word = await this.#history.prove(prover, head);
        if (word !== undefined) {
          this.#counts.proofs++;
          this.#lastProof = performance.now();
          return word;
        }
        this.#counts.proofFailures++;
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        prover.stumble();
      }
    }
    return undefined;
  }

  /** For a history that is not proven yet: what cannot even be folded is not true. */
  #takeIn(head: Header, batch: Batch): boolean {
    this.#tainted = true;
    try {
      this.#advance(head, batch);
      this.#settle(head.number - journalBlocks);
      return true;
    } catch {
      return false;
    }
  }

  #advance(head: Header, batch: Batch): void {
    if (head.number === this.#at.number) return;
    this.#apply(batch);
    const mark = { number: head.number, time: head.time, hash: head.hash, accumulator: batch.accumulator };
    if (batch.records.length === 0 && head.number - this.#lastPlaced < markEvery) {
      this.#marks.push({ ...mark, offset: this.#at.offset });
    } else {
      this.#marks.push({ ...mark, offset: this.#file?.mark(mark) ?? 0 });
      this.#lastPlaced = head.number;
    }
  }

  /** Gives up going back behind the newest mark at or before the block. */
  #settle(block: number): void {
    const keepFrom = this.#marks.findLastIndex((mark) => mark.number <= block);
    if (keepFrom > 0) this.#marks.splice(0, keepFrom);
    const first = this.#marks[0];
    if (first) this.#fold.commit(first.number);
  }

  #apply(batch: Batch): void {
    for (const { record, block } of batch.records) {
      const event = decodeRecord(record, block);
      this.#fold.apply(event);
      this.#file?.append(record, block);
      this.#counts.events++;
      if (event.type === 'revoked') {
        if (this.#onSight.get(event.id) === event.subject) this.#onSight.delete(event.id);
        if (this.#view) for (const listener of this.#revoked) listener(event.id);
      }
    }
  }

  #publish(head: Header, finalNow: number): void {
    this.#problem = undefined;
    // What was final stays so when the endpoint that said it first is away.
    const final = Math.min(head.number, Math.max(finalNow, this.#final ?? 0));
    if (this.#view && this.#view.head.hash === head.hash && this.#final === final) return;
    this.#final = final;
    this.#header = head;
    const block: BlockRef = { number: head.number, hash: head.hash, time: head.time as EpochSeconds };
    const { chainId } = this.#options;
    this.#view = viewOf(this.#fold, { contract: this.#contract, chainId, head: block, final });
    this.#settle(Math.min(final, head.number - journalBlocks));
    for (const listener of this.#viewed) listener(this.#view);
    this.#started.resolve();
  }

  /** Starts over: what is on disk may be wrong, so nothing of it is used. Nothing is open meanwhile. */
  #restart(): void {
    this.#counts.resyncs++;
    this.#reset();
    this.#file?.truncate(0);
  }

  #reset(): void {
    this.#view = undefined;
    this.#header = undefined;
    this.#final = undefined;
    this.#tainted = false;
    this.#mismatches = 0;
    this.#lastPlaced = 0;
    this.#fold.close();
    this.#fold = new ConsentFold();
    for (const [id, subject] of this.#onSight) this.#fold.hold(id, subject);
    const accumulator = initialAccumulator(this.#options.chainId, this.#contract);
    const number = (this.#options.fromBlock ?? 0) - 1;
    this.#marks = [{ number, time: 0, hash: genesis, accumulator, offset: 0 }];
  }

  #load(file: EventLog): void {
    try {
      const { fold, events, marks } = restore(file, this.#at);
      this.#fold = fold;
      for (const [id, subject] of this.#onSight) fold.hold(id, subject);
      this.#counts.events += events;
      if (marks.length > 0) this.#marks = [...marks];
      this.#lastPlaced = this.#at.number;
      this.#tainted = marks.length > 0;
      this.#settle(this.#at.number - journalBlocks);
    } catch {
      // A file that does not fold is not one that this program left; the chain has it all.
      this.#restart();
    }
  }
}

/** Stands for "before the contract existed", which every chain contains. */
const genesis = '';
