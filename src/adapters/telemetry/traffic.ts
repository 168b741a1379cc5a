import { type TrafficPoint, trafficPoints, trafficSeconds } from '../../domain/console/figures.ts';

/** Calls of the last minutes in slots of a few seconds; a call costs two array writes. */
export class Traffic {
  readonly #slots = new Float64Array(trafficPoints);
  readonly #served = new Float64Array(trafficPoints);
  readonly #refused = new Float64Array(trafficPoints);
  readonly #failed = new Float64Array(trafficPoints);

  observe(status: number, now: number): void {
    const slot = Math.floor(now / 1000 / trafficSeconds);
    const at = slot % trafficPoints;
    if (this.#slots[at] !== slot) {
      this.#slots[at] = slot;
      this.#served[at] = this.#refused[at] = this.#failed[at] = 0;
    }
    const counts = status >= 500 ? this.#failed : status >= 400 ? this.#refused : this.#served;
    counts[at] = (counts[at] as number) + 1;
  }

  /** Oldest first; a slot in which nobody called is there with zeros. */
  points(now: number): readonly TrafficPoint[] {
    const last = Math.floor(now / 1000 / trafficSeconds);
    return Array.from({ length: trafficPoints }, (_, index) => {
      const slot = last - trafficPoints + 1 + index;
      const at = slot % trafficPoints;
      const held = this.#slots[at] === slot;
      const count = (counts: Float64Array): number => (held ? (counts[at] as number) : 0);
      return {
        at: slot * trafficSeconds * 1000,
        served: count(this.#served),
        refused: count(this.#refused),
        failed: count(this.#failed),
      };
    });
  }
}
