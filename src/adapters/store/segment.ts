import { crc32 } from 'node:zlib';
import { LEAF_BYTES } from '../../domain/ledger/leaf.ts';

/**
 * A segment is the durable order of entries: the file an append is synced to, and for good the home of the encrypted
 * payloads. Header: 8 bytes of magic, the index of its first entry (8). Record: length (4), CRC-32 (4),
 * batch number and first-of-batch bit (4), leaf, payload.
 */
const MAGIC = Buffer.from('CLSEG\0\0\x01', 'latin1');
export const SEGMENT_HEADER = 16;
export const RECORD_HEADER = 12;

export const segmentHeader = (first: number): Buffer => {
  const bytes = Buffer.alloc(SEGMENT_HEADER);
  MAGIC.copy(bytes);
  bytes.writeBigUInt64BE(BigInt(first), 8);
  return bytes;
};

/** The epoch is the writer's, the serial counts its segments: together they say which of two that overlap is later. */
export const segmentName = (first: number, epoch: number, serial: number): string =>
  `${first.toString().padStart(16, '0')}-${epoch.toString().padStart(8, '0')}-${serial.toString().padStart(6, '0')}.seg`;

export interface SegmentName {
  readonly name: string;
  readonly first: number;
  readonly epoch: number;
  readonly serial: number;
}

export const parseSegmentName = (name: string): SegmentName | undefined => {
  const match = /^([0-9]{16})-([0-9]{8})-([0-9]{6})\.seg$/.exec(name);
  return match === null
    ? undefined
    : { name, first: Number(match[1]), epoch: Number(match[2]), serial: Number(match[3]) };
};

export interface SegmentSpan extends SegmentName {
  /** Exclusive: records from here on belong to a later segment, or to nobody. */
  readonly limit: number;
}

/**
 * Which entries each segment holds. An index belongs to the latest writer that began a segment at or before it; what an
 * older one holds beyond was never acknowledged. In the order of the log.
 */
export const spansOf = (names: readonly string[]): SegmentSpan[] => {
  const latestFirst = names
    .map(parseSegmentName)
    .filter((name) => name !== undefined)
    .sort((a, b) => b.epoch - a.epoch || b.serial - a.serial);
  const spans: SegmentSpan[] = [];
  let limit = Number.POSITIVE_INFINITY;
  for (const name of latestFirst) {
    if (name.first >= limit) continue;
    spans.unshift({ ...name, limit });
    limit = name.first;
  }
  return spans;
};

/** The header and bodies of one record; the batch is known only when the batch is written. */
export const encodeRecord = (leaf: Uint8Array, payload: Uint8Array, batch: number, first: boolean): Buffer => {
  const bytes = Buffer.allocUnsafe(RECORD_HEADER + leaf.length + payload.length);
  bytes.writeUInt32BE(leaf.length + payload.length, 0);
  bytes.writeUInt32BE(((batch << 1) | (first ? 1 : 0)) >>> 0, 8);
  bytes.set(leaf, RECORD_HEADER);
  bytes.set(payload, RECORD_HEADER + leaf.length);
  bytes.writeUInt32BE(crc32(bytes.subarray(8)), 4);
  return bytes;
};

export interface SegmentRecord {
  readonly offset: number;
  readonly length: number;
  readonly batch: number;
  readonly firstOfBatch: boolean;
  readonly leaf: Uint8Array;
  readonly payload: Uint8Array;
}

export const readRecord = (bytes: Buffer, offset: number): SegmentRecord | undefined => {
  if (offset + RECORD_HEADER + LEAF_BYTES > bytes.length) return undefined;
  const length = bytes.readUInt32BE(offset);
  const end = offset + RECORD_HEADER + length;
  if (length < LEAF_BYTES || end > bytes.length) return undefined;
  if (crc32(bytes.subarray(offset + 8, end)) !== bytes.readUInt32BE(offset + 4)) return undefined;
  const mark = bytes.readUInt32BE(offset + 8);
  const start = offset + RECORD_HEADER;
  return {
    offset,
    length: RECORD_HEADER + length,
    batch: mark >>> 1,
    firstOfBatch: (mark & 1) === 1,
    leaf: bytes.subarray(start, start + LEAF_BYTES),
    payload: bytes.subarray(start + LEAF_BYTES, end),
  };
};

export interface ScannedSegment {
  readonly first: number;
  readonly records: readonly SegmentRecord[];
  /** Where the good records end; anything after is a torn tail. */
  readonly end: number;
  /**
   * A bad record with good ones of a later batch behind it. A crash cannot do that, since a batch is written only when
   * the one before it was synced: the file was damaged or altered, and cutting it would lose acknowledged entries.
   */
  readonly damaged: boolean;
}

/** `undefined`: not a segment, or one whose header never reached the disk. */
export const scanSegment = (bytes: Buffer): ScannedSegment | undefined => {
  if (bytes.length < SEGMENT_HEADER || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  const records: SegmentRecord[] = [];
  let at = SEGMENT_HEADER;
  for (let record = readRecord(bytes, at); record !== undefined; record = readRecord(bytes, at)) {
    records.push(record);
    at += record.length;
  }
  const last = records.at(-1)?.batch ?? -1;
  let damaged = false;
  for (let probe = at + 1; probe < bytes.length && !damaged; probe++) {
    const later = readRecord(bytes, probe);
    if (later === undefined) continue;
    damaged = later.batch > last + 1 || (later.batch === last + 1 && later.firstOfBatch && later.offset > at);
    probe += later.length - 1;
  }
  return { first: Number(bytes.readBigUInt64BE(8)), records, end: at, damaged };
};
