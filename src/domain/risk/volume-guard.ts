import { BoundedMap } from '../bounded-map.ts';
import { DistinctCount } from './distinct.ts';
import type { RiskPolicy } from './risk-policy.ts';

interface Window {
  readonly start: number;
  readonly patients: Set<string>;
  records: DistinctCount;
}

/** What one answer would give to one user. */
export interface Amount {
  readonly user: string;
  readonly patients: Iterable<string>;
  /** Names of the records; the same one again adds nothing. */
  readonly records: Iterable<string>;
  /** A service account: it is given more, and has nobody who could log in again. */
  readonly automated: boolean;
  /** The user has logged in freshly and strongly. */
  readonly strong: boolean;
  /** What a write did is told whatever the window holds: it is done, and would only be sent again. */
  readonly done: boolean;
}

export type VolumeVerdict =
  | { readonly kind: 'admit' }
  | { readonly kind: 'step-up' }
  /** `until`: when the window ends. */
  | { readonly kind: 'over'; readonly until: number };

const USERS = 20_000;

/**
 * How much one user is given within a window: different patients and records. To be asked before an answer is released, with what it holds; an answer
 * that is refused is not counted. The sets are bounded by the limit itself. Throws when the amount is no number.
 */
export class VolumeGuard {
  readonly #windows = new BoundedMap<string, Window>(USERS);
  readonly #volume: RiskPolicy['volume'];

  constructor(volume: RiskPolicy['volume']) {
    this.#volume = volume;
  }

  admit(amount: Amount, now: number): VolumeVerdict {
    const { user, automated, strong, done } = amount;
    if (!Number.isFinite(now)) throw new RangeError('the time is no number');
    const length = this.#volume.windowMinutes * 60_000;
    let window = this.#windows.get(user);
    if (window === undefined || now - window.start >= length || now < window.start) {
      window = { start: now, patients: new Set(), records: new DistinctCount() };
      this.#windows.set(user, window);
    }
    const known = window.patients;
    const fresh = new Set<string>();
    for (const patient of amount.patients) if (!known.has(patient)) fresh.add(patient);
    const records = window.records.with(amount.records);
    const factor = automated ? this.#volume.automatedFactor : 1;
    const share = Math.max(
      (known.size + fresh.size) / (this.#volume.patients * factor),
      records.value / (this.#volume.records * factor),
    );
    if (!done && share > 1) return { kind: 'over', until: window.start + length };
    if (!done && !automated && !strong && share > this.#volume.stepUpShare) return { kind: 'step-up' };
    if (share <= 1) for (const patient of fresh) known.add(patient);
    window.records = records;
    return { kind: 'admit' };
  }
}
