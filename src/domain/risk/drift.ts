/** How far the scores of today lie from those with which the model began its work. */
export interface Drift {
  /** Population stability index; below 0.1 nothing has moved, above 0.25 the model should be looked at. */
  readonly index: number;
  readonly state: 'learning' | 'steady' | 'moving' | 'drifted';
  /** Share of calls that nothing explained: then and now. */
  readonly unexplained: { readonly before: number; readonly now: number };
  readonly calls: number;
}

export interface DriftState {
  readonly model: string;
  readonly before: readonly number[];
  readonly now: readonly number[];
}

/** Bounds on the scale of log-odds: most scores are small, and what matters happens between them. */
const bounds = [-8, -7, -6, -5, -4, -3, -2, -1, 0, 1] as const;
const BINS = bounds.length + 1;
/** Unexplained calls and all calls stand behind the bins. */
const BARE = BINS;
const ALL = BINS + 1;
const REFERENCE = 5_000;
/** Calls after which the recent window weighs half. */
const HALF_LIFE = 5_000;

/** Two histograms of scores: the model's first thousands, and the recent ones, which fade. Constant work per call. */
export class DriftWatch {
  #model = '';
  #before = new Float64Array(BINS + 2);
  #now = new Float64Array(BINS + 2);

  add(model: string, score: number, explained: boolean): void {
    if (model !== this.#model) {
      this.#model = model;
      this.#before = new Float64Array(BINS + 2);
      this.#now = new Float64Array(BINS + 2);
    }
    const target = (this.#before[ALL] ?? 0) < REFERENCE ? this.#before : this.#now;
    if (target === this.#now) {
      const keep = 0.5 ** (1 / HALF_LIFE);
      for (let at = 0; at < target.length; at++) target[at] = (target[at] ?? 0) * keep;
    }
    const odds = Math.log(Math.max(1e-9, score) / Math.max(1e-9, 1 - score));
    let bin = 0;
    while (bin < bounds.length && odds >= (bounds[bin] ?? 0)) bin++;
    target[bin] = (target[bin] ?? 0) + 1;
    if (!explained) target[BARE] = (target[BARE] ?? 0) + 1;
    target[ALL] = (target[ALL] ?? 0) + 1;
  }

  status(): Drift {
    const [before, now] = [this.#before, this.#now];
    const share = (counts: Float64Array, at: number): number => ((counts[at] ?? 0) + 0.5) / ((counts[ALL] ?? 0) + 1);
    let index = 0;
    for (let bin = 0; bin < BINS; bin++)
      index += (share(now, bin) - share(before, bin)) * Math.log(share(now, bin) / share(before, bin));
    const enough = (now[ALL] ?? 0) >= 500;
    const bare = (counts: Float64Array): number => (counts[BARE] ?? 0) / Math.max(1, counts[ALL] ?? 0);
    return {
      index: enough ? index : 0,
      state: !enough ? 'learning' : index < 0.1 ? 'steady' : index < 0.25 ? 'moving' : 'drifted',
      unexplained: { before: bare(before), now: enough ? bare(now) : bare(before) },
      calls: Math.round((before[ALL] ?? 0) + (now[ALL] ?? 0)),
    };
  }

  state(): DriftState {
    return { model: this.#model, before: [...this.#before], now: [...this.#now] };
  }

  restore(state: DriftState): void {
    if (state.before.length !== BINS + 2 || state.now.length !== BINS + 2) return;
    this.#model = state.model;
    this.#before = Float64Array.from(state.before);
    this.#now = Float64Array.from(state.now);
  }
}
