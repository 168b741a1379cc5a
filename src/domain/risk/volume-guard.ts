import { BoundedMap } from '../bounded-map.ts';
import type { RiskPolicy } from './risk-policy.ts';

interface Window {
  start: number;
  readonly patients: Set<string>;
  records: number;
}

const USERS = 20_000;

/**
 * How much one user is given within a window: different patients and records. To be asked before an answer is released, with what it holds; an answer
 * that is refused is not counted. The sets are bounded by the limit itself.
 */
export class VolumeGuard {
  readonly #windows = new BoundedMap<string, Window>(USERS);
  readonly #volume: RiskPolicy['volume'];

  constructor(volume: RiskPolicy['volume']) {
    this.#volume = volume;
  }

  admit(
    user: string,
    patients: readonly string[],
    records: number,
    kind: 'person' | 'automated',
    now: number,
  ): boolean {
    const factor = kind === 'automated' ? this.#volume.automatedFactor : 1;
    let window = this.#windows.get(user);
    if (window === undefined || now - window.start >= this.#volume.windowMinutes * 60_000 || now < window.start) {
      window = { start: now, patients: new Set(), records: 0 };
      this.#windows.set(user, window);
    }
    const known = window.patients;
    const fresh = new Set(patients.filter((patient) => !known.has(patient)));
    if (known.size + fresh.size > this.#volume.patients * factor) return false;
    if (window.records + records > this.#volume.records * factor) return false;
    for (const patient of fresh) known.add(patient);
    window.records += records;
    return true;
  }
}
