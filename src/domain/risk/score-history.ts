import { DAY } from './time.ts';

/** What an alert threshold would have meant over the days that are remembered. */
export interface WhatIf {
  readonly threshold: number;
  /** User-days at or above it. */
  readonly alerts: number;
  readonly perDay: number;
  /** Confirmed cases at or above it, and below. */
  readonly caught: number;
  readonly missed: number;
  /** Dismissed cases that it would have raised. */
  readonly dismissed: number;
}

export interface HistoryState {
  readonly days: readonly (readonly [number, readonly (readonly [string, number])[]])[];
}

const DAYS = 120;
const USERS_A_DAY = 20_000;
/** Below this no threshold is ever set. */
const LEAST = 0.02;

/** The highest score of each user on each day, for the last months: what thresholds are tried on. Bounded; reads no clock. */
export class ScoreHistory {
  readonly #days = new Map<number, Map<string, number>>();

  add(user: string, score: number, time: number): void {
    const day = Math.floor(time / DAY);
    let users = this.#days.get(day);
    if (users === undefined) {
      users = new Map();
      this.#days.set(day, users);
      for (const old of this.#days.keys()) if (this.#days.size > DAYS) this.#days.delete(old);
    }
    if (score < LEAST) return;
    const known = users.get(user);
    if (known === undefined ? users.size < USERS_A_DAY : score > known) users.set(user, score);
  }

  get days(): number {
    return this.#days.size;
  }

  /** `decided`: the cases that people decided, by user and day. */
  whatIf(
    thresholds: readonly number[],
    decided: readonly { readonly user: string; readonly day: string; readonly state: 'confirmed' | 'dismissed' }[],
  ): WhatIf[] {
    const scores: number[] = [];
    for (const users of this.#days.values()) scores.push(...users.values());
    scores.sort((a, b) => a - b);
    const scored = decided.map(({ user, day, state }) => ({
      state,
      score: this.#days.get(Math.floor(Date.parse(`${day}T00:00:00Z`) / DAY))?.get(user) ?? 0,
    }));
    const count = (state: 'confirmed' | 'dismissed', above: boolean, threshold: number): number =>
      scored.filter((each) => each.state === state && each.score >= threshold === above).length;
    return thresholds.map((threshold) => {
      const alerts = scores.length - firstAtLeast(scores, threshold);
      return {
        threshold,
        alerts,
        perDay: alerts / Math.max(1, this.#days.size),
        caught: count('confirmed', true, threshold),
        missed: count('confirmed', false, threshold),
        dismissed: count('dismissed', true, threshold),
      };
    });
  }

  state(): HistoryState {
    return { days: [...this.#days].map(([day, users]) => [day, [...users]] as const) };
  }

  restore(state: HistoryState): void {
    for (const [day, users] of state.days) this.#days.set(day, new Map(users));
  }
}

const firstAtLeast = (sorted: readonly number[], value: number): number => {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
};
