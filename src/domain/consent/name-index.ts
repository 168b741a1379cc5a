import { IdIndex } from './id-index.ts';
import { hexOf, sameWords, wordCount } from './words.ts';

/** Names of 32 bytes, each kept once as numbers and known by a small number; its text is made when somebody reads it. */
export class NameIndex {
  #words = new Uint32Array(1024 * wordCount);
  #count = 0;
  readonly #indexOf = new IdIndex((index) => this.#words[index * wordCount] ?? 0);

  find(words: Uint32Array, at: number): number | undefined {
    return this.#indexOf.find(words[at] ?? 0, (index) => sameWords(this.#words, index * wordCount, words, at));
  }

  /** The number of a name, which becomes known by this. Numbers are given in order. */
  indexOf(words: Uint32Array, at: number): number {
    const known = this.find(words, at);
    if (known !== undefined) return known;
    const index = this.#count++;
    if (this.#count * wordCount > this.#words.length) {
      const wider = new Uint32Array(this.#words.length * 2);
      wider.set(this.#words);
      this.#words = wider;
    }
    for (let n = 0; n < wordCount; n++) this.#words[index * wordCount + n] = words[at + n] ?? 0;
    this.#indexOf.add(index);
    return index;
  }

  text(index: number): string {
    return hexOf(this.#words, index * wordCount);
  }
}
