import type {
  Attestation,
  BlockRef,
  ConsentView,
  EpochSeconds,
  Grant,
  GrantCondition,
  GrantId,
  SubjectKey,
} from './grant.ts';
import { grantConditions } from './grant.ts';
import { GrantTable, type NamelessGrant, nameAt, namesLength } from './grant-table.ts';
import type { GrantScope } from './typed-data.ts';
import { wordsOf } from './words.ts';

/** The registry's events, decoded. */
export type RegistryEvent =
  | {
      readonly type: 'granted';
      readonly block: number;
      readonly grant: NamelessGrant;
      /** Its names as words, where `nameAt` says: nobody reads most of them as text. */
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
  const names = new Uint32Array(namesLength);
  for (const name of ['id', 'terms', 'subject', 'grantee'] as const) wordsOf(grant[name], names, nameAt[name]);
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

const recentSubjects = 16_384;

/**
 * The registry's state. Whatever opens (a grant, an attestation) is seen by a view only once its block is final; whatever closes (a revocation,
 * a narrowing, a withdrawal) counts as soon as it is applied.
 */
export class ConsentFold {
  readonly #table = new GrantTable();
  #active = 0;
  /** Grants of subjects asked for lately, as objects; any change empties it. */
  readonly #recent = new Map<SubjectKey, readonly Grant[]>();
  readonly #controllers = new Map<SubjectKey, string>();
  readonly #facts = new Map<GrantId, readonly Fact[]>();
  readonly #delegations = new Map<string, Delegation>();
  readonly #journal: Step[] = [];
  /** No step at or before this block can be taken back. */
  #committed = Number.NEGATIVE_INFINITY;
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
    this.#committed = Math.max(this.#committed, block);
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
    const row = this.#table.rowOf(id);
    return row === undefined || this.#isShut(row) ? undefined : this.#table.read(row);
  }

  subjectOfGrant(id: GrantId): SubjectKey | undefined {
    const row = this.#table.rowOf(id);
    return row === undefined ? undefined : this.#table.subjectAt(row);
  }

  controllerOf(subject: SubjectKey): string | undefined {
    return this.#controllers.get(subject);
  }

  /** Whether the account may do for the subject what the right (a bit of the contract's) names. */
  mayAct(subject: SubjectKey, actor: string, right: number, now: EpochSeconds): boolean {
    if (this.controllerOf(subject) === actor) return true;
    const delegation = this.#delegations.get(`${subject}${actor}`);
    return delegation !== undefined && (delegation.rights & right) !== 0 && delegation.until > now;
  }

  /** Everybody whom the subject ever named, those whose time is over too. */
  delegatesOf(subject: SubjectKey): readonly ({ readonly delegate: string } & Delegation)[] {
    return [...this.#delegations].flatMap(([key, delegation]) =>
      key.startsWith(subject) ? [{ delegate: key.slice(subject.length), ...delegation }] : [],
    );
  }

  /** @param final What opens counts up to this block. */
  grantsOf(subject: SubjectKey, final: number): readonly Grant[] {
    if (this.#closed) return none;
    const grants = this.#recent.get(subject) ?? this.#readAll(subject);
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

  #note(step: Step): void {
    if (step.block <= this.#committed) step.commit?.();
    else this.#journal.push(step);
  }

  /** Emptying a Map costs something even when it is empty, and a start applies a million events. */
  #forget(): void {
    if (this.#recent.size > 0) this.#recent.clear();
  }

  #readAll(subject: SubjectKey): readonly Grant[] {
    const rows = this.#table.rowsOf(subject);
    if (rows.length === 0) return none;
    const grants = rows.filter((row) => !this.#isShut(row)).map((row) => this.#table.read(row, subject));
    if (this.#recent.size >= recentSubjects) this.#recent.clear();
    this.#recent.set(subject, grants);
    return grants;
  }

  #grant(grant: NamelessGrant, names: Uint32Array): void {
    const row = this.#table.add(grant, names);
    this.#active++;
    if (grant.block <= this.#committed) return;
    this.#note({
      block: grant.block,
      undo: () => {
        this.#active--;
        this.#table.remove(row);
      },
    });
  }

  #narrow(block: number, id: GrantId, scope: GrantScope): void {
    const row = this.#table.rowOf(id);
    if (row === undefined) return;
    const before = this.#table.read(row);
    this.#table.setScope(row, scope);
    this.#note({ block, undo: () => this.#table.setScope(row, before) });
  }

  #revoke(block: number, id: GrantId, subject: SubjectKey): void {
    const row = this.#table.rowOf(id);
    // An id can be spent before its grant arrives, and each subject spends ids of its own: then nothing here is closed.
    if (row === undefined || this.#table.subjectAt(row) !== subject) return;
    this.#table.setRevoked(row, true);
    this.#active--;
    const wasHeld = this.#held.get(id);
    this.#held.delete(id);
    this.#note({
      block,
      undo: () => {
        this.#table.setRevoked(row, false);
        this.#active++;
        this.#held.set(id, wasHeld ?? { until: untilSettled, subject });
      },
      commit: () => {
        this.#facts.delete(id);
        this.#table.remove(row);
      },
    });
  }

  #bind(block: number, subject: SubjectKey, controller: string): void {
    const before = this.#controllers.get(subject);
    this.#controllers.set(subject, controller);
    const undo = () => {
      if (before === undefined) this.#controllers.delete(subject);
      else this.#controllers.set(subject, before);
    };
    this.#note({ block, undo });
  }

  #delegate(block: number, key: string, delegation: Delegation): void {
    const before = this.#delegations.get(key);
    this.#delegations.set(key, delegation);
    const undo = () => {
      if (before) this.#delegations.set(key, before);
      else this.#delegations.delete(key);
    };
    this.#note({ block, undo });
  }

  #setFacts(block: number, id: GrantId, facts: readonly Fact[]): void {
    const before = this.#facts.get(id);
    this.#facts.set(id, facts);
    this.#note({
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
    if (this.#table.isRevoked(row)) return true;
    return this.#held.size > 0 && this.#held.get(this.#table.idAt(row))?.subject === this.#table.subjectAt(row);
  }
}

/** Marks a revocation just taken back, until `rollback` gives it an end. */
const untilSettled = -1;

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
