import { sha256 } from '@noble/hashes/sha2.js';
import type { AccessEvent } from './event.ts';
import type { Review } from './review.ts';
import { type Assessment, type RiskAction, riskActions } from './score.ts';
import { DAY } from './time.ts';

/** One alerted access, as the officer reads it: what was done, and what was on record then. */
export interface CaseAccess {
  readonly at: string;
  readonly interaction?: string;
  readonly type?: string;
  readonly patient?: string;
  readonly score: number;
  readonly action: RiskAction;
  readonly reasons: readonly string[];
}

/** What one reviewer decided, and when. */
export interface CaseDecision {
  readonly decision: 'confirmed' | 'dismissed';
  readonly reviewer: string;
  readonly reason: string;
  readonly at: string;
}

/** What an officer looks at: one user's day and the alerted days that follow it, or one user who keeps returning to one patient. */
export interface ReviewCase {
  readonly id: string;
  readonly kind: 'user-day' | 'user-patient';
  readonly user: string;
  /** The account of that person, as the ledger names it. */
  readonly login?: string;
  readonly role: string;
  readonly department?: string;
  /** The day of the first alert. */
  readonly day: string;
  readonly days: readonly string[];
  readonly score: number;
  readonly action: RiskAction;
  /** In words, the strongest first. */
  readonly reasons: readonly string[];
  readonly patients: readonly string[];
  /** Alerted accesses, of which the newest are kept. */
  readonly events: number;
  readonly accesses: readonly CaseAccess[];
  readonly state: 'open' | 'confirmed' | 'dismissed';
  readonly decisions: readonly CaseDecision[];
}

export type Decided = 'decided' | 'unknown' | 'no-reason' | 'own' | 'twice';

interface Kept {
  case: ReviewCase;
  /** By feature or rule: one that counts says its highest count. */
  readonly reasons: Map<string, { readonly text: string; readonly weight: number }>;
}

/** An open case takes the same user's further alerts for so long after its last day: one person's doings are one matter. */
export const CASE_STAYS_OPEN = 14 * DAY;

const PATIENTS = 200;
const ACCESSES = 60;
const REASONS = 8;
const DAYS = 40;
const LEAST_REASON = 8;

/**
 * Collects alerts into cases, worst first. Bounded in every direction: when there are too many cases the mildest open one goes; one that
 * was confirmed goes last. A case that was decided stays decided, whatever else happens on that day.
 */
export class ReviewQueue {
  readonly #cases = new Map<string, Kept>();
  /** Of each user the case that took the latest alert. */
  readonly #latest = new Map<string, string>();
  readonly #limit: number;
  readonly #changed = new Set<string>();

  constructor(limit = 2_000) {
    this.#limit = limit;
  }

  add(event: AccessEvent, assessment: Assessment, time: number): void {
    if (assessment.action === 'allow') return;
    const user = event.user ?? '';
    const day = new Date(time).toISOString().slice(0, 10);
    this.#take(this.#userCase(user, day), 'user-day', day, event, assessment, time);
    if (typeof event.patient === 'string')
      this.#take(idOf(`user-patient/${event.patient}/${user}`), 'user-patient', day, event, assessment, time);
  }

  /** The case of that day, the one that is still open, or a new one. */
  #userCase(user: string, day: string): string {
    const known = this.#cases.get(this.#latest.get(user) ?? '')?.case;
    const today = idOf(`user-day/${day}/${user}`);
    if (known === undefined) return today;
    if (known.days.includes(day)) return known.id;
    const silent = Date.parse(day) - Date.parse(known.days.at(-1) ?? known.day);
    return known.state === 'open' && silent <= CASE_STAYS_OPEN && known.days.length < DAYS ? known.id : today;
  }

  /** Worst first. One return is one day's matter: a user-patient case shows from its second day on, unless one case of the user tells it all. */
  list(state: ReviewCase['state'] | 'all' = 'open', most = 50): ReviewCase[] {
    return [...this.#cases.values()]
      .map((kept) => kept.case)
      .filter((each) => state === 'all' || each.state === state)
      .filter((each) => this.#isShown(each))
      .sort((a, b) => rank(b.action) - rank(a.action) || b.score - a.score || (a.day < b.day ? 1 : -1))
      .slice(0, most);
  }

  find(id: string): ReviewCase | undefined {
    return this.#cases.get(id)?.case;
  }

  /** Nobody decides about themselves, twice, or without a reason. A second person may differ: then the stricter view holds. */
  decide(
    id: string,
    decision: CaseDecision['decision'],
    reviewer: { readonly name: string; readonly aliases?: readonly string[] },
    reason: string,
    time: number,
  ): Decided {
    const kept = this.#cases.get(id);
    if (kept === undefined) return 'unknown';
    const { case: known } = kept;
    if (reason.trim().length < LEAST_REASON) return 'no-reason';
    const names = [reviewer.name, ...(reviewer.aliases ?? [])];
    if (names.includes(known.user) || (known.login !== undefined && names.includes(known.login))) return 'own';
    if (known.decisions.some((each) => each.reviewer === reviewer.name)) return 'twice';
    const decisions = [
      ...known.decisions,
      { decision, reviewer: reviewer.name, reason: reason.trim(), at: new Date(time).toISOString() },
    ];
    const state = decisions.some((each) => each.decision === 'confirmed') ? 'confirmed' : 'dismissed';
    kept.case = { ...known, decisions, state };
    this.#changed.add(id);
    return 'decided';
  }

  /** For `risk train --reviews`, one per decision and day. */
  reviews(): Review[] {
    return [...this.#cases.values()].flatMap(({ case: { user, days, decisions } }) =>
      decisions.flatMap(({ decision, reviewer, reason }) =>
        days.map((day) => ({ user, day, decision, reviewer, reason })),
      ),
    );
  }

  /** Cases that changed since this was last asked, to be kept; `undefined`: it was dropped. */
  takeChanged(): (readonly [string, ReviewCase | undefined])[] {
    const changed = [...this.#changed].map((id) => [id, this.#cases.get(id)?.case] as const);
    this.#changed.clear();
    return changed;
  }

  /** These could not be kept and are told again. */
  keepAgain(ids: readonly string[]): void {
    for (const id of ids) this.#changed.add(id);
  }

  /** Of a patient who was erased nothing stays but that something was alerted. */
  forget(patient: string): void {
    for (const [id, kept] of this.#cases) {
      const { case: known } = kept;
      if (!known.patients.includes(patient)) continue;
      this.#changed.add(id);
      if (known.kind === 'user-patient') {
        this.#cases.delete(id);
        continue;
      }
      kept.case = {
        ...known,
        patients: known.patients.filter((each) => each !== patient),
        accesses: known.accesses.map((access) => {
          const { patient: named, ...rest } = access;
          return named === patient ? rest : access;
        }),
      };
    }
  }

  restore(known: ReviewCase): void {
    const latest = this.#cases.get(this.#latest.get(known.user) ?? '')?.case;
    if (known.kind === 'user-day' && (latest === undefined || (latest.days.at(-1) ?? '') < (known.days.at(-1) ?? '')))
      this.#latest.set(known.user, known.id);
    this.#cases.set(known.id, {
      case: known,
      reasons: new Map(known.reasons.map((text, at) => [text, { text, weight: 1 / (at + 1) }])),
    });
  }

  #take(
    id: string,
    kind: ReviewCase['kind'],
    day: string,
    event: AccessEvent,
    assessment: Assessment,
    time: number,
  ): void {
    if (kind === 'user-day') this.#latest.set(event.user ?? '', id);
    let kept = this.#cases.get(id);
    if (kept === undefined) {
      kept = { case: fresh(id, kind, day, event), reasons: new Map() };
      this.#cases.set(id, kept);
      if (this.#cases.size > this.#limit) this.#dropMildest(id);
    }
    for (const { feature, text, weight } of assessment.reasons) {
      const before = kept.reasons.get(feature);
      if (weight > 0 && (before === undefined ? kept.reasons.size < REASONS : weight >= before.weight))
        kept.reasons.set(feature, { text, weight });
    }
    const { case: known } = kept;
    const patient = typeof event.patient === 'string' ? event.patient : undefined;
    const add = <Item>(list: readonly Item[], item: Item | undefined, most: number): readonly Item[] =>
      item === undefined || list.includes(item) || list.length >= most ? list : [...list, item];
    kept.case = {
      ...known,
      days: add(known.days, day, DAYS),
      score: raised(known, day, assessment.score),
      action: rank(assessment.action) > rank(known.action) ? assessment.action : known.action,
      reasons: [...kept.reasons.values()].sort((a, b) => b.weight - a.weight).map(({ text }) => text),
      patients: add(known.patients, patient, PATIENTS),
      events: known.events + 1,
      accesses: [...known.accesses, accessOf(event, patient, assessment, time)].slice(-ACCESSES),
    };
    this.#changed.add(id);
  }

  #isShown({ kind, days, user }: ReviewCase): boolean {
    if (kind === 'user-day') return true;
    const told = this.#cases.get(this.#latest.get(user) ?? '')?.case.days ?? [];
    return days.length > 1 && !days.every((day) => told.includes(day));
  }

  #dropMildest(spared: string): void {
    let mildest: string | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [id, { case: each }] of this.#cases) {
      // A pair that nobody is shown yet goes before anything else: one harvest makes thousands of them.
      const weight =
        rank(each.action) + each.score + (this.#isShown(each) ? 5 : 0) + (each.state === 'confirmed' ? 5 : 0);
      if (id !== spared && weight < least) {
        least = weight;
        mildest = id;
      }
    }
    if (mildest === undefined) return;
    const { case: gone } = this.#cases.get(mildest) ?? {};
    if (gone !== undefined && this.#latest.get(gone.user) === mildest) this.#latest.delete(gone.user);
    this.#cases.delete(mildest);
    this.#changed.add(mildest);
  }
}

/** A further day adds to a case, so that little which goes on for weeks rises; half as much as if days were independent. */
const raised = ({ days, score }: ReviewCase, day: string, found: number): number =>
  days.length === 0 || days.includes(day) ? Math.max(score, found) : 1 - (1 - score) * (1 - found / 2);

/** Cases are named in addresses; who and whom they concern is not. */
const idOf = (key: string): string =>
  Array.from(sha256(new TextEncoder().encode(`consentry-risk-case/1\n${key}`)).subarray(0, 12), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');

const fresh = (id: string, kind: ReviewCase['kind'], day: string, event: AccessEvent): ReviewCase => ({
  id,
  kind,
  user: event.user ?? '',
  ...(event.login === undefined ? {} : { login: event.login }),
  role: event.role ?? '',
  ...(event.department === undefined ? {} : { department: event.department }),
  day,
  days: [],
  score: 0,
  action: 'notice',
  reasons: [],
  patients: [],
  events: 0,
  accesses: [],
  state: 'open',
  decisions: [],
});

const accessOf = (
  event: AccessEvent,
  patient: string | undefined,
  assessment: Assessment,
  time: number,
): CaseAccess => ({
  at: new Date(time).toISOString(),
  ...(event.interaction === undefined ? {} : { interaction: event.interaction }),
  ...(event.type === undefined ? {} : { type: event.type }),
  ...(patient === undefined ? {} : { patient }),
  score: assessment.score,
  action: assessment.action,
  reasons: assessment.reasons.map(({ text }) => text),
});

const rank = (action: RiskAction): number => riskActions.indexOf(action);
