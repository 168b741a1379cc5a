import type { AccessEvent } from './event.ts';
import type { Review } from './review.ts';
import type { Assessment, RiskAction } from './score.ts';

/** One user and one day: what an officer looks at. */
export interface ReviewCase {
  readonly id: string;
  readonly user: string;
  readonly role: string;
  readonly day: string;
  readonly score: number;
  readonly action: RiskAction;
  /** In words, the strongest first. */
  readonly reasons: readonly string[];
  readonly patients: number;
  readonly events: number;
  readonly state: 'open' | 'confirmed' | 'dismissed';
}

interface Kept {
  case: ReviewCase;
  readonly patients: Set<string>;
  readonly reasons: Map<string, number>;
}

const PATIENTS = 500;
const REASONS = 8;

/** Collects alerts by user-day, worst first; bounded, and a case that was decided is not opened again by the same day. */
export class ReviewQueue {
  readonly #cases = new Map<string, Kept>();
  readonly #limit: number;
  readonly #reviews: Review[] = [];

  constructor(limit = 2_000) {
    this.#limit = limit;
  }

  add(event: AccessEvent, assessment: Assessment, time: number): void {
    if (assessment.action === 'allow') return;
    const user = event.user ?? '';
    const day = new Date(time).toISOString().slice(0, 10);
    const id = `${day}/${user}`;
    let kept = this.#cases.get(id);
    if (kept === undefined) {
      kept = {
        case: {
          id,
          user,
          role: event.role ?? '',
          day,
          score: 0,
          action: 'notice',
          reasons: [],
          patients: 0,
          events: 0,
          state: 'open',
        },
        patients: new Set(),
        reasons: new Map(),
      };
      this.#cases.set(id, kept);
      if (this.#cases.size > this.#limit) this.#dropMildest();
    }
    if (typeof event.patient === 'string' && kept.patients.size < PATIENTS) kept.patients.add(event.patient);
    for (const reason of assessment.reasons)
      if (reason.weight > 0 && (kept.reasons.has(reason.text) || kept.reasons.size < REASONS))
        kept.reasons.set(reason.text, Math.max(kept.reasons.get(reason.text) ?? 0, reason.weight));
    const worse = rank(assessment.action) > rank(kept.case.action);
    kept.case = {
      ...kept.case,
      score: Math.max(kept.case.score, assessment.score),
      action: worse ? assessment.action : kept.case.action,
      reasons: [...kept.reasons].sort((a, b) => b[1] - a[1]).map(([text]) => text),
      patients: kept.patients.size,
      events: kept.case.events + 1,
    };
  }

  open(most = 50): ReviewCase[] {
    return [...this.#cases.values()]
      .map((kept) => kept.case)
      .filter((each) => each.state === 'open')
      .sort((a, b) => rank(b.action) - rank(a.action) || b.score - a.score)
      .slice(0, most);
  }

  /** False when there is no such open case, when no reason is given, or when people would decide about themselves. */
  decide(id: string, decision: 'confirmed' | 'dismissed', reviewer: string, reason: string): boolean {
    const kept = this.#cases.get(id);
    if (kept === undefined || kept.case.state !== 'open' || reason.trim().length < 8 || reviewer === kept.case.user)
      return false;
    kept.case = { ...kept.case, state: decision };
    this.#reviews.push({ user: kept.case.user, day: kept.case.day, decision, reviewer, reason });
    return true;
  }

  /** For `risk train --reviews`, one per line. */
  get decided(): readonly Review[] {
    return this.#reviews;
  }

  #dropMildest(): void {
    let mildest: string | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [id, kept] of this.#cases) {
      const weight = rank(kept.case.action) + kept.case.score;
      if (kept.case.events > 0 && weight < least) {
        least = weight;
        mildest = id;
      }
    }
    if (mildest !== undefined) this.#cases.delete(mildest);
  }
}

const rank = (action: RiskAction): number => ({ allow: 0, notice: 1, 'step-up': 2, block: 3 })[action];
