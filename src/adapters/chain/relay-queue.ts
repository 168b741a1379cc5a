import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SignedTransaction } from './sender.ts';

export type RelayKind = 'revoke' | 'narrow' | 'withdraw' | 'register' | 'grant' | 'attest' | 'delegate' | 'rebind';

/** How to tell from the contract's state that the call has had its effect: `(view(data) & mask) == value`. */
export interface Effect {
  readonly view: string;
  readonly mask: string;
  readonly value: string;
}

export interface RelayItem {
  readonly id: number;
  readonly kind: RelayKind;
  /** Two items with the same key ask for the same thing. */
  readonly key: string;
  /** The subject and the grant it is about, where the call names them. */
  readonly subject?: string;
  readonly grant?: string;
  readonly data: string;
  readonly gas: number;
  readonly effect: Effect;
}

type Line =
  | { readonly t: 'item'; readonly item: RelayItem }
  | { readonly t: 'sent'; readonly items: readonly number[]; readonly tx: SignedTransaction }
  | { readonly t: 'end'; readonly id: number };

export interface OpenTransactions {
  readonly items: readonly number[];
  readonly signed: readonly SignedTransaction[];
}

/**
 * Calls that are still to be mined, and the transactions signed for them, in a file of JSON lines. A line is on disk
 * before the step it tells of is taken, so a restart neither forgets a call nor signs for a nonce it does not know of.
 */
export class RelayQueue {
  readonly items = new Map<number, RelayItem>();
  readonly #file: string;
  #handle: FileHandle | undefined;
  #nextId = 1;
  #lastSent: OpenTransactions | undefined;
  #lines: string[] = [];
  /** The write that the next line joins, and the end of the one before. */
  #batch: Promise<void> | undefined;
  #tail: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /** Reads what was left, drops what has ended, and returns the transactions that may still be under way. */
  async open(): Promise<OpenTransactions | undefined> {
    mkdirSync(dirname(this.#file), { recursive: true });
    if (existsSync(this.#file)) this.#read(readFileSync(this.#file, 'utf8'));
    this.#compact();
    this.#handle = await open(this.#file, 'a', 0o600);
    const sent = this.#lastSent;
    return sent?.items.some((id) => this.items.has(id)) ? sent : undefined;
  }

  async add(item: Omit<RelayItem, 'id'>): Promise<RelayItem> {
    const full = { ...item, id: this.#nextId++ };
    await this.#write({ t: 'item', item: full });
    this.items.set(full.id, full);
    return full;
  }

  sent(items: readonly number[], tx: SignedTransaction): Promise<void> {
    return this.#write({ t: 'sent', items, tx });
  }

  async end(id: number): Promise<void> {
    this.items.delete(id);
    await this.#write({ t: 'end', id });
  }

  async close(): Promise<void> {
    await this.#tail;
    await this.#handle?.close();
  }

  #read(content: string): void {
    for (const text of content.split('\n')) {
      let line: Line;
      try {
        line = JSON.parse(text) as Line;
      } catch {
        // Only the last line can be torn, and nothing was done on its strength.
        continue;
      }
      if (line.t === 'item') {
        this.items.set(line.item.id, line.item);
        this.#nextId = Math.max(this.#nextId, line.item.id + 1);
      } else if (line.t === 'end') this.items.delete(line.id);
      else if (this.#lastSent?.signed[0]?.nonce === line.tx.nonce) {
        this.#lastSent = { items: line.items, signed: [...this.#lastSent.signed, line.tx] };
      } else this.#lastSent = { items: line.items, signed: [line.tx] };
    }
  }

  #compact(): void {
    const lines: Line[] = [...this.items.values()].map((item) => ({ t: 'item', item }));
    const sent = this.#lastSent;
    if (sent?.items.some((id) => this.items.has(id))) {
      lines.push(...sent.signed.map((tx): Line => ({ t: 'sent', items: sent.items, tx })));
    }
    const next = `${this.#file}.next`;
    writeFileSync(next, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { mode: 0o600, flush: true });
    renameSync(next, this.#file);
    const folder = openSync(dirname(this.#file), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }

  /** Lines that arrive while a sync is under way share the next one. */
  #write(line: Line): Promise<void> {
    this.#lines.push(`${JSON.stringify(line)}\n`);
    if (!this.#batch) {
      this.#batch = this.#tail.then(() => this.#flush());
      this.#tail = this.#batch.catch(() => {});
    }
    return this.#batch;
  }

  async #flush(): Promise<void> {
    const text = this.#lines.join('');
    this.#lines = [];
    this.#batch = undefined;
    // The empty line ends what a failed write may have torn.
    await this.#handle?.appendFile(`\n${text}`);
    await this.#handle?.datasync();
  }
}
