import { keccak_256 } from '@noble/hashes/sha3.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { fromHex } from '../ledger/base64.ts';
import type { TypedData } from './typed-data.ts';

type Types = TypedData['types'];

const domainType = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
];

/** EIP-712 section "encode": what a key signs for the data. A passkey takes it as its challenge. */
export function typedDataDigest({ domain, types, primaryType, message }: TypedData): Uint8Array {
  const all: Types = { ...types, EIP712Domain: domainType };
  return keccak_256(
    joined([
      Uint8Array.of(0x19, 0x01),
      structHash(all, 'EIP712Domain', domain as unknown as Record<string, unknown>),
      structHash(all, primaryType, message),
    ]),
  );
}

function structHash(types: Types, name: string, value: Readonly<Record<string, unknown>>): Uint8Array {
  const fields = types[name] ?? [];
  return keccak_256(
    joined([
      keccak_256(utf8ToBytes(typeText(types, name))),
      ...fields.map((field) => wordOf(types, field.type, value[field.name])),
    ]),
  );
}

/** The struct, then those it names, by name. */
function typeText(types: Types, name: string): string {
  const named = new Set<string>();
  const collect = (struct: string): void => {
    for (const { type } of types[struct] ?? []) {
      if (type in types && !named.has(type)) {
        named.add(type);
        collect(type);
      }
    }
  };
  collect(name);
  const text = (struct: string): string =>
    `${struct}(${(types[struct] ?? []).map((field) => `${field.type} ${field.name}`).join()})`;
  return [name, ...[...named].sort()].map(text).join('');
}

function wordOf(types: Types, type: string, value: unknown): Uint8Array {
  if (type in types) return structHash(types, type, value as Readonly<Record<string, unknown>>);
  if (type === 'string') return keccak_256(utf8ToBytes(String(value)));
  const digits = type.startsWith('uint') ? BigInt(String(value)).toString(16) : String(value).replace(/^0x/, '');
  const bytes = digits.length > 64 ? undefined : fromHex(digits.padStart(64, '0'));
  if (bytes === undefined) throw new TypeError(`No ${type} of EIP-712.`);
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
