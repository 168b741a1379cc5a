import type {
  Attestation,
  BlockRef,
  ConsentView,
  EpochSeconds,
  Grant,
  GrantCondition,
  GranteeKey,
  GranteeKind,
  GrantId,
  SubjectKey,
} from './grant.ts';
import { grantConditions, granteeKinds } from './grant.ts';
import { IdIndex } from './id-index.ts';
import type { GrantScope } from './typed-data.ts';
import { hexOf, sameWords, wordCount, wordsOf } from './words.ts';

/** The registry's events, decoded. */
export type RegistryEvent =
  | {
      readonly type: 'granted';
      readonly block: number;
      readonly grant: Omit<Grant, 'id' | 'terms'>;
      /** The id and the commitment to the terms, as words: nobody reads most of them as text. */
      readonly names: Uint32Array;
    }
  | { readonly type: 'narrowed'; readonly block: number; readonly id: GrantId; readonly scope: GrantScope }
  | { readonly type: 'revoked'; readonly block: number; readonly id: GrantId; readonly subject: SubjectKey }
  | { readonly type: 'attested'; readonly block: number; readonly attestation: Attestation }
  | { readonly type: 'withdrawn'; readonly block: number; readonly id: GrantId; readonly condition: GrantCondition }
  | { readonly type: 'bound'; readonly block: number; readonly subject: SubjectKey; readonly controller: string }
  | {
      readonly type: 'delegated';
      readonly block: number;
      readonly subject: SubjectKey;
      readonly delegate: string;
      readonly rights: number;
      readonly until: EpochSeconds;
    }
  /** Folded into the accumulator like the others, without a meaning for decisions. */
  | { readonly type: 'other'; readonly block: number };

export function grantedEvent(grant: Grant): RegistryEvent {
  const names = wordsOf(grant.terms, wordsOf(grant.id, new Uint32Array(2 * wordCount)), wordCount);
  return { type: 'granted', block: grant.block, grant, names };
}

interface Fact {
  readonly condition: GrantCondition;
  readonly until: EpochSeconds;
  readonly block: number;
}

interface Hold {
  readonly until: number;
  readonly subject: SubjectKey;
}

interface Delegation {
  readonly rights: number;
  readonly until: EpochSeconds;
}

interface Step {
  readonly block: number;
  /** Absent where there is nothing to take back. */
  readonly undo?: () => void;
  /** What may only be done when the block can no longer be taken back. */
  readonly commit?: () => void;
}

const none: readonly Grant[] = [];
const end = 0xffff_ffff;

/** A row is 128 bytes, two cache lines next to each other: to read a grant is to wait for memory once. */
const width = 32;
const cell = {
  subject: 0,
  grantee: 1,
  next: 2,
  block: 3,
  /** Bits 0-2 grantee kind, 3 deny, 4 revoked; 8-15 actions; 16-31 purposes. */
  head: 4,
  classes: 5,
  /** Bits 0-15 labels, 16-23 conditions. */
  labels: 6,
  /** The low 32 bits of from, until, dataFrom, dataUntil; their high 8 bits in one cell. */
  times: 7,
  high: 11,
  /** Eight words each. */
  id: 16,
  terms: 24,
} as const;
const revokedBit = 16;
const recentSubjects = 16_384;

/**
 * The registry's state. A grant is a row of numbers: a million of them as objects would cost the garbage collector several
 * times what they hold. The rows of a subject are a linked list, so a look-up costs what the subject has, whatever others
 * have.
 *
 * Whatever opens (a grant, an attestation) is seen by a view only once its block is final; whatever closes (a revocation,
 * a narrowing, a withdrawal) counts as soon as it is applied.
 */
export class ConsentFold {
  readonly #sought = new Uint32Array(wordCount);
  #rows = 0;
  #active = 0;
  #cells = new Uint32Array(0);
  readonly #free: number[] = [];

  readonly #rowOf = new IdIndex((row) => this.#cell(row, cell.id));
  /** Grants of subjects asked for lately, as objects; any change empties it. */
  readonly #recent = new Map<number, readonly Grant[]>();
  readonly #subjectOf = new Map<SubjectKey, number>();
  readonly #subjects: SubjectKey[] = [];
  readonly #controllers: (string | undefined)[] = [];
  #first = new Uint32Array(0);
  readonly #granteeOf = new Map<GranteeKey, number>();
  readonly #grantees: GranteeKey[] = [];
  readonly #facts = new Map<GrantId, readonly Fact[]>();
  readonly #delegations = new Map<string, Delegation>();
  readonly #journal: Step[] = [];
  /** Grants held shut although the chain does not say so (yet, or any more), and the block after which that ends. */
  readonly #held = new Map<GrantId, Hold>();

  #closed = false;

  get size(): number {
    return this.#active;
  }

  /** A fold that is no longer kept up to date shows nothing, so that a view taken before cannot outlive a revocation. */
  close(): void {
    this.#closed = true;
  }

  apply(event: RegistryEvent): void {
    this.#forget();
    if (event.type === 'granted') this.#grant(event.grant, event.names);
    else if (event.type === 'narrowed') this.#narrow(event.block, event.id, event.scope);
    else if (event.type === 'revoked') this.#revoke(event.block, event.id, event.subject);
    else if (event.type === 'attested') {
      const { grant, condition, until } = event.attestation;
      const facts = this.#facts.get(grant) ?? [];
      this.#setFacts(event.block, grant, [{ condition, until, block: event.block }, ...facts]);
    } else if (event.type === 'withdrawn') {
      const facts = this.#facts.get(event.id) ?? [];
      const others = facts.filter((fact) => fact.condition !== event.condition);
      this.#setFacts(event.block, event.id, others);
    } else if (event.type === 'bound') this.#bind(event.block, event.subject, event.controller);
    else if (event.type === 'delegated') {
      const { rights, until } = event;
      this.#delegate(event.block, `${event.subject}${event.delegate}`, { rights, until });
    }
  }

  /** Forgets how to take back what lies at or before the block, and frees what was revoked there. */
  commit(block: number): void {
    let count = 0;
    for (const step of this.#journal) {
      if (step.block > block) break;
      step.commit?.();
      count++;
    }
    this.#journal.splice(0, count);
    for (const [id, { until }] of this.#held) if (until < block) this.release(id);
  }

  /**
   * Takes back every event after the block. A revocation among them stays in force until `holdUntil`: an orphaned
   * transaction is nearly always mined again, and in between nobody may see more than the patient wants.
   */
  rollback(block: number, holdUntil: number): void {
    this.#forget();
    for (let step = this.#journal.at(-1); step && step.block > block; step = this.#journal.at(-1)) {
      this.#journal.pop();
      step.undo?.();
    }
    for (const [id, { until, subject }] of this.#held) {
      if (until === untilSettled) this.#held.set(id, { until: holdUntil, subject });
    }
  }

  /**
   * Shuts a grant at once, before the chain says so; also one that has not arrived yet. A grant of another subject is not
   * touched: nobody may shut what is not theirs.
   */
  hold(id: GrantId, subject: SubjectKey): void {
    const of = this.subjectOfGrant(id);
    if (of !== undefined && of !== subject) return;
    this.#forget();
    this.#held.set(id, { until: Number.POSITIVE_INFINITY, subject });
  }

  /** Ends a hold whose revocation turned out to be impossible to carry out. */
  release(id: GrantId): void {
    this.#forget();
    this.#held.delete(id);
  }

  find(id: GrantId): Grant | undefined {
    const row = this.#row(id);
    return row === undefined || this.#isShut(row) ? undefined : this.#read(row);
  }

  subjectOfGrant(id: GrantId): SubjectKey | undefined {
    const row = this.#row(id);
    return row === undefined ? undefined : this.#subjects[this.#cell(row, cell.subject)];
  }

  controllerOf(subject: SubjectKey): string | undefined {
    const index = this.#subjectOf.get(subject);
    return index === undefined ? undefined : this.#controllers[index];
  }

  /** Whether the account may do for the subject what the right (a bit of the contract's) names. */
  mayAct(subject: SubjectKey, actor: string, right: number, now: EpochSeconds): boolean {
    if (this.controllerOf(subject) === actor) return true;
    const delegation = this.#delegations.get(`${subject}${actor}`);
    return delegation !== undefined && (delegation.rights & right) !== 0 && delegation.until > now;
  }

  /** @param final What opens counts up to this block. */
  grantsOf(subject: SubjectKey, final: number): readonly Grant[] {
    const index = this.#subjectOf.get(subject);
    if (index === undefined || this.#closed) return none;
    const grants = this.#recent.get(index) ?? this.#readAll(index);
    for (const grant of grants) if (grant.block > final) return grants.filter((one) => one.block <= final);
    return grants;
  }

  attested(grant: GrantId, condition: GrantCondition, final: number): EpochSeconds | undefined {
    const facts = this.#facts.get(grant);
    if (!facts) return undefined;
    let cap: EpochSeconds | undefined;
    for (const fact of facts) {
      if (fact.condition !== condition) continue;
      // A newer statement that is not final yet may shorten what holds, not lengthen it.
      if (cap === undefined || fact.until < cap) cap = fact.until;
      if (fact.block <= final) return cap;
    }
    return undefined;
  }

  /** Emptying a Map costs something even when it is empty, and a start applies a million events. */
  #forget(): void {
    if (this.#recent.size > 0) this.#recent.clear();
  }

  #readAll(subject: number): readonly Grant[] {
    const grants: Grant[] = [];
    for (let row = this.#first[subject] ?? end; row !== end; row = this.#cell(row, cell.next)) {
      if (!this.#isShut(row)) grants.push(this.#read(row));
    }
    if (this.#recent.size >= recentSubjects) this.#recent.clear();
    this.#recent.set(subject, grants);
    return grants;
  }

  #row(id: GrantId): number | undefined {
    return this.#rowWith(wordsOf(id, this.#sought), 0);
  }

  #rowWith(words: Uint32Array, at: number): number | undefined {
    return this.#rowOf.find(words[at] ?? 0, (row) => sameWords(this.#cells, row * width + cell.id, words, at));
  }

  #grant(grant: Omit<Grant, 'id' | 'terms'>, names: Uint32Array): void {
    if (this.#rowWith(names, 0) !== undefined) throw new Error('The registry never issues a grant id twice.');
    const row = this.#free.pop() ?? this.#newRow();
    const subject = this.#subjectIndex(grant.subject);
    const at = row * width;
    this.#cells[at + cell.subject] = subject;
    this.#cells[at + cell.grantee] = this.#granteeIndex(grant.grantee);
    this.#cells[at + cell.next] = this.#first[subject] ?? end;
    this.#cells[at + cell.block] = grant.block;
    this.#cells[at + cell.head] = granteeKinds.indexOf(grant.granteeKind) | (grant.effect === 'deny' ? 8 : 0);
    this.#setScope(row, grant);
    this.#first[subject] = row;
    this.#cells.set(names, at + cell.id);
    this.#rowOf.add(row);
    this.#active++;
    this.#journal.push({
      block: grant.block,
      undo: () => {
        this.#active--;
        this.#remove(row);
      },
    });
  }

  #narrow(block: number, id: GrantId, scope: GrantScope): void {
    const row = this.#row(id);
    if (row === undefined) return;
    const before = this.#read(row);
    this.#setScope(row, scope);
    this.#journal.push({ block, undo: () => this.#setScope(row, before) });
  }

  #revoke(block: number, id: GrantId, subject: SubjectKey): void {
    const row = this.#row(id);
    // An id can be spent before its grant arrives, and each subject spends ids of its own: then nothing here is closed.
    if (row === undefined || this.#subjects[this.#cell(row, cell.subject)] !== subject) return;
    this.#setRevoked(row, true);
    this.#active--;
    const wasHeld = this.#held.get(id);
    this.#held.delete(id);
    this.#journal.push({
      block,
      undo: () => {
        this.#setRevoked(row, false);
        this.#active++;
        this.#held.set(id, wasHeld ?? { until: untilSettled, subject });
      },
      commit: () => {
        this.#facts.delete(id);
        this.#remove(row);
      },
    });
  }

  #bind(block: number, subject: SubjectKey, controller: string): void {
    const index = this.#subjectIndex(subject);
    const before = this.#controllers[index];
    this.#controllers[index] = controller;
    const undo = () => {
      this.#controllers[index] = before;
    };
    this.#journal.push({ block, undo });
  }

  #delegate(block: number, key: string, delegation: Delegation): void {
    const before = this.#delegations.get(key);
    this.#delegations.set(key, delegation);
    const undo = () => {
      if (before) this.#delegations.set(key, before);
      else this.#delegations.delete(key);
    };
    this.#journal.push({ block, undo });
  }

  #setFacts(block: number, id: GrantId, facts: readonly Fact[]): void {
    const before = this.#facts.get(id);
    this.#facts.set(id, facts);
    this.#journal.push({
      block,
      undo: () => {
        if (before) this.#facts.set(id, before);
        else this.#facts.delete(id);
      },
      commit: () => this.#pruneFacts(id, block),
    });
  }

  #pruneFacts(id: GrantId, block: number): void {
    const facts = this.#facts.get(id);
    if (!facts) return;
    const kept = facts.filter(
      (fact, index) =>
        fact.block > block ||
        !facts.slice(0, index).some((newer) => newer.block <= block && newer.condition === fact.condition),
    );
    if (kept.length === 0) this.#facts.delete(id);
    else this.#facts.set(id, kept);
  }

  #isShut(row: number): boolean {
    if ((this.#cell(row, cell.head) & revokedBit) !== 0) return true;
    if (this.#held.size === 0) return false;
    return this.#held.get(this.#idAt(row))?.subject === this.#subjects[this.#cell(row, cell.subject)];
  }

  #cell(row: number, column: number): number {
    return this.#cells[row * width + column] ?? 0;
  }

  #idAt(row: number): GrantId {
    return hexOf(this.#cells, row * width + cell.id) as GrantId;
  }

  #read(row: number): Grant {
    const cells = this.#cells;
    const at = row * width;
    const head = cells[at + cell.head] ?? 0;
    const labels = cells[at + cell.labels] ?? 0;
    const high = cells[at + cell.high] ?? 0;
    const time = (n: number) =>
      (((high >>> (n * 8)) & 255) * 2 ** 32 + (cells[at + cell.times + n] ?? 0)) as EpochSeconds;
    return {
      id: this.#idAt(row),
      subject: this.#subjects[cells[at + cell.subject] ?? 0] as SubjectKey,
      granteeKind: granteeKinds[head & 7] as GranteeKind,
      grantee: this.#grantees[cells[at + cell.grantee] ?? 0] as GranteeKey,
      effect: (head & 8) === 0 ? 'permit' : 'deny',
      actions: (head >>> 8) & 255,
      purposes: head >>> 16,
      classes: cells[at + cell.classes] ?? 0,
      labels: labels & 0xffff,
      conditions: (labels >>> 16) & 255,
      from: time(0),
      until: time(1),
      dataFrom: time(2),
      dataUntil: time(3),
      terms: hexOf(cells, at + cell.terms),
      block: cells[at + cell.block] ?? 0,
    };
  }

  #setScope(row: number, scope: GrantScope): void {
    const cells = this.#cells;
    const at = row * width;
    const head = (cells[at + cell.head] ?? 0) & 255;
    cells[at + cell.head] = head | (scope.actions << 8) | (scope.purposes << 16);
    cells[at + cell.classes] = scope.classes;
    cells[at + cell.labels] = scope.labels | (scope.conditions << 16);
    let high = 0;
    for (const [n, time] of [scope.from, scope.until, scope.dataFrom, scope.dataUntil].entries()) {
      cells[at + cell.times + n] = time % 2 ** 32;
      high |= Math.floor(time / 2 ** 32) << (n * 8);
    }
    cells[at + cell.high] = high;
  }

  #setRevoked(row: number, revoked: boolean): void {
    const head = this.#cell(row, cell.head);
    this.#cells[row * width + cell.head] = revoked ? head | revokedBit : head & ~revokedBit;
  }

  #remove(row: number): void {
    this.#rowOf.delete(row);
    const subject = this.#cell(row, cell.subject);
    const next = this.#cell(row, cell.next);
    let at = this.#first[subject] ?? end;
    if (at === row) this.#first[subject] = next;
    else {
      while (at !== end && this.#cell(at, cell.next) !== row) at = this.#cell(at, cell.next);
      if (at !== end) this.#cells[at * width + cell.next] = next;
    }
    this.#free.push(row);
  }

  #newRow(): number {
    if ((this.#rows + 1) * width > this.#cells.length) {
      this.#cells = widen(this.#cells, new Uint32Array(Math.max(1024 * width, this.#cells.length * 2)));
    }
    return this.#rows++;
  }

  #subjectIndex(subject: SubjectKey): number {
    const known = this.#subjectOf.get(subject);
    if (known !== undefined) return known;
    const index = this.#subjects.push(subject) - 1;
    this.#subjectOf.set(subject, index);
    if (index >= this.#first.length) {
      this.#first = widen(this.#first, new Uint32Array(Math.max(1024, this.#first.length * 2)).fill(end));
    }
    this.#controllers.push(undefined);
    return index;
  }

  #granteeIndex(grantee: GranteeKey): number {
    const known = this.#granteeOf.get(grantee);
    if (known !== undefined) return known;
    const index = this.#grantees.push(grantee) - 1;
    this.#granteeOf.set(grantee, index);
    return index;
  }
}

/** Marks a revocation just taken back, until `rollback` gives it an end. */
const untilSettled = -1;

function widen(from: Uint32Array<ArrayBuffer>, to: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  to.set(from);
  return to;
}

/** A view names one head. It never shows a grant newer than that head, and never hides a newer revocation. */
export function viewOf(
  fold: ConsentFold,
  at: { readonly contract: string; readonly chainId: number; readonly head: BlockRef; readonly final: number },
): ConsentView {
  const { final } = at;
  return {
    contract: at.contract,
    chainId: at.chainId,
    head: at.head,
    grantsOf: (subject) => fold.grantsOf(subject, final),
    attested: (grant, condition) => fold.attested(grant, condition, final),
  };
}

export function conditionAt(bit: number): GrantCondition | undefined {
  return grantConditions[bit];
}
