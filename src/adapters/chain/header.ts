import { RpcError } from './rpc.ts';

/** What of a block header the replica relies on. Two endpoints agree when all of it is equal. */
export interface Header {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly stateRoot: string;
  readonly logsBloom: string;
  readonly time: number;
}

const hash = /^0x[0-9a-f]{64}$/;
const bloom = /^0x[0-9a-f]{512}$/;

export function quantity(value: unknown): number {
  const number = typeof value === 'string' && /^0x[0-9a-f]+$/i.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new RpcError('The endpoint sent something that is not a quantity.');
  return number;
}

export function hexQuantity(value: number): string {
  return `0x${value.toString(16)}`;
}

/** `undefined` when the endpoint has no such block. */
export function parseHeader(value: unknown): Header | undefined {
  if (value === null || value === undefined) return undefined;
  const block = value as Record<string, unknown>;
  const header = {
    number: quantity(block.number),
    hash: block.hash,
    parentHash: block.parentHash,
    stateRoot: block.stateRoot,
    logsBloom: block.logsBloom,
    time: quantity(block.timestamp),
  };
  const whole = [header.hash, header.parentHash, header.stateRoot].every((v) => typeof v === 'string' && hash.test(v));
  if (!whole || typeof header.logsBloom !== 'string' || !bloom.test(header.logsBloom)) {
    throw new RpcError('The endpoint sent something that is not a block header.');
  }
  return header as Header;
}

export function fingerprint(header: Header): string {
  return `${header.number}${header.hash}${header.parentHash}${header.stateRoot}${header.time}${header.logsBloom}`;
}

/** Whether the block can hold logs of an address. A bloom filter has false positives and no false negatives. */
export function bloomTest(addressHash: Uint8Array): (logsBloom: string) => boolean {
  const bits = [0, 2, 4].map((at) => (((addressHash[at] ?? 0) << 8) | (addressHash[at + 1] ?? 0)) & 2047);
  return (logsBloom) =>
    bits.every((bit) => {
      const digit = Number.parseInt(logsBloom.charAt(logsBloom.length - 1 - (bit >> 2)), 16);
      return ((digit >> (bit & 3)) & 1) === 1;
    });
}
