import type { EpochSeconds, Grant, GranteeKey, GranteeKind, GrantId, SubjectKey } from './grant.ts';
import { granteeKinds } from './grant.ts';
import { IdIndex } from './id-index.ts';
import { NameIndex } from './name-index.ts';
import type { GrantScope } from './typed-data.ts';
import { hexOf, sameWords, wordCount, wordsOf } from './words.ts';

const end = 0xffff_ffff;

/** A row is 128 bytes, two cache lines next to each other: to read a grant is to wait for memory once. */
const width = 32;
const cell = {
  subject: 0,
  grantee: 1,
  next: 2,
  block: 3,
  /** Bits 0-2 grantee kind, 3 deny, 4 revoked; 8-15 actions; 16-31 purposes. */
  head: 4,
  classes: 5,
  /** Bits 0-15 labels, 16-23 conditions. */
  labels: 6,
  /** The low 32 bits of from, until, dataFrom, dataUntil; their high 8 bits in one cell. */
  times: 7,
  high: 11,
  /** Eight words each. */
  id: 16,
  terms: 24,
} as const;
const revokedBit = 16;

/** A grant without its names, and where each of them begins in the words that come with it. */
export type NamelessGrant = Omit<Grant, 'id' | 'terms' | 'subject' | 'grantee'>;
export const nameAt = { id: 0, terms: wordCount, subject: 2 * wordCount, grantee: 3 * wordCount } as const;
export const namesLength = 4 * wordCount;

/**
 * Grants as rows of numbers: a million of them as objects would cost the garbage collector several times what they hold.
 * The rows of a subject are a linked list, so a look-up costs what the subject has, whatever others have.
 */
export class GrantTable {
  readonly #sought = new Uint32Array(wordCount);
  #cells = new Uint32Array(0);
  #rows = 0;
  readonly #free: number[] = [];
  readonly #rowOf = new IdIndex((row) => this.#cell(row, cell.id));
  readonly #subjects = new NameIndex();
  /** The first row of each subject. */
  #first = new Uint32Array(0);
  readonly #grantees = new NameIndex();
  /** Few are named by many grants: their texts are made once. */
  readonly #granteeTexts: (GranteeKey | undefined)[] = [];

  /** @param names As `nameAt` places them. */
  add(grant: NamelessGrant, names: Uint32Array): number {
    if (this.#rowWith(names) !== undefined) throw new Error('The registry never issues a grant id twice.');
    const row = this.#free.pop() ?? this.#newRow();
    const subject = this.#subjectIndex(names);
    const at = row * width;
    this.#cells[at + cell.subject] = subject;
    this.#cells[at + cell.grantee] = this.#grantees.indexOf(names, nameAt.grantee);
    this.#cells[at + cell.next] = this.#first[subject] ?? end;
    this.#cells[at + cell.block] = grant.block;
    this.#cells[at + cell.head] = granteeKinds.indexOf(grant.granteeKind) | (grant.effect === 'deny' ? 8 : 0);
    this.setScope(row, grant);
    for (let n = 0; n < 2 * wordCount; n++) this.#cells[at + cell.id + n] = names[n] ?? 0;
    this.#first[subject] = row;
    this.#rowOf.add(row);
    return row;
  }

  rowOf(id: GrantId): number | undefined {
    return this.#rowWith(wordsOf(id, this.#sought));
  }

  rowsOf(subject: SubjectKey): readonly number[] {
    const index = this.#subjects.find(wordsOf(subject, this.#sought), 0);
    const rows: number[] = [];
    if (index === undefined) return rows;
    for (let row = this.#first[index] ?? end; row !== end; row = this.#cell(row, cell.next)) rows.push(row);
    return rows;
  }

  idAt(row: number): GrantId {
    return hexOf(this.#cells, row * width + cell.id) as GrantId;
  }

  subjectAt(row: number): SubjectKey {
    return this.#subjects.text(this.#cell(row, cell.subject)) as SubjectKey;
  }

  isRevoked(row: number): boolean {
    return (this.#cell(row, cell.head) & revokedBit) !== 0;
  }

  setRevoked(row: number, revoked: boolean): void {
    const head = this.#cell(row, cell.head);
    this.#cells[row * width + cell.head] = revoked ? head | revokedBit : head & ~revokedBit;
  }

  /** @param subject Whose row it is, where that is known. */
  read(row: number, subject = this.subjectAt(row)): Grant {
    const cells = this.#cells;
    const at = row * width;
    const head = cells[at + cell.head] ?? 0;
    const labels = cells[at + cell.labels] ?? 0;
    const high = cells[at + cell.high] ?? 0;
    const time = (n: number) =>
      (((high >>> (n * 8)) & 255) * 2 ** 32 + (cells[at + cell.times + n] ?? 0)) as EpochSeconds;
    return {
      id: this.idAt(row),
      subject,
      granteeKind: granteeKinds[head & 7] as GranteeKind,
      grantee: this.#granteeText(cells[at + cell.grantee] ?? 0),
      effect: (head & 8) === 0 ? 'permit' : 'deny',
      actions: (head >>> 8) & 255,
      purposes: head >>> 16,
      classes: cells[at + cell.classes] ?? 0,
      labels: labels & 0xffff,
      conditions: (labels >>> 16) & 255,
      from: time(0),
      until: time(1),
      dataFrom: time(2),
      dataUntil: time(3),
      terms: hexOf(cells, at + cell.terms),
      block: cells[at + cell.block] ?? 0,
    };
  }

  setScope(row: number, scope: GrantScope): void {
    const cells = this.#cells;
    const at = row * width;
    const head = (cells[at + cell.head] ?? 0) & 255;
    cells[at + cell.head] = head | (scope.actions << 8) | (scope.purposes << 16);
    cells[at + cell.classes] = scope.classes;
    cells[at + cell.labels] = scope.labels | (scope.conditions << 16);
    let high = 0;
    const put = (time: number, n: number): void => {
      cells[at + cell.times + n] = time % 2 ** 32;
      high |= Math.floor(time / 2 ** 32) << (n * 8);
    };
    put(scope.from, 0);
    put(scope.until, 1);
    put(scope.dataFrom, 2);
    put(scope.dataUntil, 3);
    cells[at + cell.high] = high;
  }

  /** The row may be used again for another grant. */
  remove(row: number): void {
    this.#rowOf.delete(row);
    const subject = this.#cell(row, cell.subject);
    const next = this.#cell(row, cell.next);
    let at = this.#first[subject] ?? end;
    if (at === row) this.#first[subject] = next;
    else {
      while (at !== end && this.#cell(at, cell.next) !== row) at = this.#cell(at, cell.next);
      if (at !== end) this.#cells[at * width + cell.next] = next;
    }
    this.#free.push(row);
  }

  #cell(row: number, column: number): number {
    return this.#cells[row * width + column] ?? 0;
  }

  #rowWith(words: Uint32Array): number | undefined {
    return this.#rowOf.find(words[0] ?? 0, (row) => sameWords(this.#cells, row * width + cell.id, words, 0));
  }

  #newRow(): number {
    if ((this.#rows + 1) * width > this.#cells.length) {
      this.#cells = widen(this.#cells, new Uint32Array(Math.max(1024 * width, this.#cells.length * 2)));
    }
    return this.#rows++;
  }

  #subjectIndex(names: Uint32Array): number {
    const index = this.#subjects.indexOf(names, nameAt.subject);
    if (index >= this.#first.length) {
      this.#first = widen(this.#first, new Uint32Array(Math.max(1024, this.#first.length * 2)).fill(end));
    }
    return index;
  }

  #granteeText(index: number): GranteeKey {
    const known = this.#granteeTexts[index];
    if (known !== undefined) return known;
    const text = this.#grantees.text(index) as GranteeKey;
    this.#granteeTexts[index] = text;
    return text;
  }
}

function widen(from: Uint32Array<ArrayBuffer>, to: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  to.set(from);
  return to;
}
