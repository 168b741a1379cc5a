/** The simulator's own seeded dice (xoshiro128**): it shares no code with what it is there to test. */
export class Dice {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    let x = (seed ^ 0x9e3779b9) >>> 0;
    const next = (): number => {
      x = (Math.imul(x ^ (x >>> 16), 0x85ebca6b) + 0x68bc21eb) >>> 0;
      return (x ^ (x >>> 13)) >>> 0;
    };
    this.#a = next() | 1;
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  /** In [0,1). */
  roll(): number {
    const times5 = Math.imul(this.#b, 5);
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result / 4_294_967_296;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.roll();
  }

  whole(low: number, high: number): number {
    return low + Math.floor(this.roll() * (high - low + 1));
  }

  chance(share: number): boolean {
    return this.roll() < share;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.roll() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  /** Few large, many small: mean `mean`. */
  exponential(mean: number): number {
    return -Math.log(1 - this.roll()) * mean;
  }

  poisson(mean: number): number {
    if (mean > 40) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()));
    const limit = Math.exp(-mean);
    let count = 0;
    let product = this.roll();
    while (product > limit) {
      count++;
      product *= this.roll();
    }
    return count;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.roll())) * Math.cos(2 * Math.PI * this.roll());
  }

  /** Index in [0, size): low ones far more often than high ones. */
  skewed(size: number, power: number): number {
    return Math.min(size - 1, Math.floor(size * this.roll() ** power));
  }
}
