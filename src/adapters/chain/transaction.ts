import { keccak256, SigningKey } from 'ethers';

export interface FeeTransaction {
  readonly chainId: number;
  readonly nonce: number;
  readonly maxPriorityFeePerGas: bigint;
  readonly maxFeePerGas: bigint;
  readonly gasLimit: number;
  /** Absent: makes a contract. */
  readonly to: string | undefined;
  readonly data: string;
}

/**
 * Signs an EIP-1559 transaction. The client library's own way goes through hex text and a number per byte, which for a
 * batch of 250 grants (190 kB) takes longer than a block; this takes a twentieth.
 */
export function signTransaction(tx: FeeTransaction, key: string): { readonly raw: string; readonly hash: string } {
  const { chainId, nonce, maxPriorityFeePerGas, maxFeePerGas, gasLimit, to, data } = tx;
  const numbers = [chainId, nonce, maxPriorityFeePerGas, maxFeePerGas, gasLimit].map((n) =>
    item(numberBytes(BigInt(n))),
  );
  const noAccessList = Buffer.of(0xc0);
  const fields = [...numbers, item(hexBytes(to ?? '0x')), item(Buffer.alloc(0)), item(hexBytes(data)), noAccessList];
  const signature = new SigningKey(key).sign(keccak256(envelope(fields)));
  const { yParity, r, s } = signature;
  const signed = [yParity, r, s].map((n) => item(numberBytes(BigInt(n))));
  const bytes = envelope([...fields, ...signed]);
  return { raw: `0x${bytes.toString('hex')}`, hash: keccak256(bytes) };
}

/** The call data of `batch(bytes[])`. */
export function encodeBatch(selector: string, calls: readonly string[]): string {
  const bodies = calls.map(hexBytes);
  const padded = bodies.map((body) => Math.ceil(body.length / 32) * 32);
  const total = 32 * (2 + calls.length) + padded.reduce((sum, length) => sum + 32 + length, 0);
  const out = Buffer.alloc(total);
  const put = (value: number, at: number) => out.writeUIntBE(value, at + 26, 6);
  put(32, 0);
  put(calls.length, 32);
  let at = 32 * calls.length;
  for (const [index, body] of bodies.entries()) {
    put(at, 64 + 32 * index);
    put(body.length, 64 + at);
    body.copy(out, 64 + at + 32);
    at += 32 + (padded[index] ?? 0);
  }
  return selector + out.toString('hex');
}

/** RLP of a string of bytes. */
function item(bytes: Buffer): Buffer {
  if (bytes.length === 1 && (bytes[0] ?? 0) < 0x80) return bytes;
  return Buffer.concat([lengthPrefix(0x80, bytes.length), bytes]);
}

/** EIP-2718 type 2 around an RLP list. */
function envelope(items: readonly Buffer[]): Buffer {
  const length = items.reduce((sum, one) => sum + one.length, 0);
  return Buffer.concat([Buffer.of(2), lengthPrefix(0xc0, length), ...items]);
}

function lengthPrefix(base: number, length: number): Buffer {
  if (length < 56) return Buffer.of(base + length);
  const size = numberBytes(BigInt(length));
  return Buffer.concat([Buffer.of(base + 55 + size.length), size]);
}

/** Big-endian without leading zeros; zero is no byte at all. */
function numberBytes(value: bigint): Buffer {
  if (value === 0n) return Buffer.alloc(0);
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

function hexBytes(hex: string): Buffer {
  return Buffer.from(hex.slice(2), 'hex');
}
