import { closeSync, constants, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * The replica's snapshot: every folded event, in order, with a mark after each step. It needs no trust: whatever is read
 * back is folded again and must meet the accumulator on chain, so an edited file opens nothing. A torn tail is cut.
 *
 * File: 8 bytes magic; then frames. Event: 0x01, u16 length, u48 block, record. Mark: 0x02, u48 block, u48 time,
 * 32 bytes hash, 32 bytes accumulator. Big-endian.
 */
export interface Mark {
  readonly number: number;
  readonly time: number;
  readonly hash: string;
  readonly accumulator: Buffer;
}

export interface PlacedMark extends Mark {
  /** Where the file ends when this mark is the last. */
  readonly offset: number;
}

/** Read and write at given places; made when absent. */
const openFlags = constants.O_RDWR | constants.O_CREAT;
const magic = Buffer.from('cnsnt\x00\x01\n', 'latin1');
const eventHead = 9;
const markLength = 1 + 6 + 6 + 32 + 32;
const chunkLength = 1 << 22;

export class EventLog {
  readonly #fd: number;
  #end = 0;
  #pending: Buffer[] = [];
  #broken = false;

  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true });
    this.#fd = openSync(file, openFlags, 0o600);
  }

  /**
   * Reads from the start and calls back per event. What follows the last whole mark is not to be used: the caller keeps
   * the accumulator, and learns from `onMark` up to where the file is whole.
   */
  load(onEvent: (record: Buffer, block: number) => void, onMark: (mark: PlacedMark) => boolean): void {
    let buffer = Buffer.alloc(0);
    let position = 0;
    let base = 0;
    this.#end = 0;
    const refill = (): boolean => {
      const chunk = Buffer.allocUnsafe(chunkLength);
      const count = readSync(this.#fd, chunk, 0, chunkLength, base + buffer.length);
      if (count === 0) return false;
      buffer = Buffer.concat([buffer.subarray(position), chunk.subarray(0, count)]);
      base += position;
      position = 0;
      return true;
    };
    const has = (length: number): boolean => {
      while (buffer.length - position < length) if (!refill()) return false;
      return true;
    };
    if (has(magic.length) && buffer.subarray(0, magic.length).equals(magic)) {
      position = magic.length;
      while (has(1)) {
        const type = buffer[position];
        if (type === 1) {
          if (!has(eventHead)) break;
          const length = buffer.readUInt16BE(position + 1);
          if (!has(eventHead + length)) break;
          const start = position + eventHead;
          onEvent(buffer.subarray(start, start + length), buffer.readUIntBE(position + 3, 6));
          position = start + length;
        } else if (type === 2) {
          if (!has(markLength)) break;
          const mark = {
            number: buffer.readUIntBE(position + 1, 6),
            time: buffer.readUIntBE(position + 7, 6),
            hash: `0x${buffer.toString('hex', position + 13, position + 45)}`,
            accumulator: Buffer.from(buffer.subarray(position + 45, position + 77)),
          };
          position += markLength;
          const offset = base + position;
          if (!onMark({ ...mark, offset })) break;
          this.#end = offset;
        } else break;
      }
    }
    this.truncate(this.#end);
  }

  /** The disk refused a write. The replica goes on without; its next start takes longer. */
  get broken(): boolean {
    return this.#broken;
  }

  /** The block of the mark that the file ends with; `undefined` when it ends otherwise. */
  lastMarked(): number | undefined {
    const tail = Buffer.alloc(markLength);
    const size = fstatSync(this.#fd).size;
    if (size < markLength || readSync(this.#fd, tail, 0, markLength, size - markLength) < markLength) return undefined;
    return tail[0] === 2 ? tail.readUIntBE(1, 6) : undefined;
  }

  append(record: Buffer, block: number): void {
    const head = Buffer.allocUnsafe(eventHead);
    head[0] = 1;
    head.writeUInt16BE(record.length, 1);
    head.writeUIntBE(block, 3, 6);
    this.#pending.push(head, record);
    if (this.#pending.length >= 4096) this.#flush();
  }

  /** @returns where the file now ends. */
  mark(mark: Mark): number {
    const frame = Buffer.allocUnsafe(markLength);
    frame[0] = 2;
    frame.writeUIntBE(mark.number, 1, 6);
    frame.writeUIntBE(mark.time, 7, 6);
    frame.write(mark.hash.slice(2), 13, 'hex');
    mark.accumulator.copy(frame, 45);
    this.#pending.push(frame);
    this.#flush();
    return this.#end;
  }

  truncate(offset: number): void {
    this.#pending = [];
    this.#end = offset;
    this.#try(() => ftruncateSync(this.#fd, offset));
    if (offset === 0) {
      this.#pending.push(magic);
      this.#flush();
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#try(() => {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at, bytes.length - at, this.#end + at);
      this.#end += bytes.length;
    });
  }

  #try(write: () => void): void {
    if (this.#broken) return;
    try {
      write();
    } catch {
      // After a gap nothing may follow; what stands up to the last mark remains good.
      this.#broken = true;
    }
  }
}
