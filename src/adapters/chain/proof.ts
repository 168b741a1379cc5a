import { decodeRlp, getBytes, hexlify, keccak256 } from 'ethers';

/** The answer of `eth_getProof`, as far as it is used. */
export interface StorageProof {
  readonly accountProof: readonly string[];
  readonly storageProof: readonly { readonly proof: readonly string[] }[];
}

/**
 * The word in a contract's storage slot, proven against a block's state root through two Merkle-Patricia tries: the
 * account in the state trie, the slot in the account's storage trie. `undefined` when the proof does not hold.
 */
export function provenWord(stateRoot: string, contract: string, slot: string, proof: StorageProof): string | undefined {
  try {
    const account = trieValue(stateRoot, keccak256(contract), proof.accountProof);
    if (account === undefined) return undefined;
    const fields = decodeRlp(account);
    const storageRoot = Array.isArray(fields) ? fields[2] : undefined;
    if (typeof storageRoot !== 'string') return undefined;
    const value = trieValue(storageRoot, keccak256(slot), proof.storageProof[0]?.proof ?? []);
    if (value === undefined) return undefined;
    const word = decodeRlp(value);
    return typeof word === 'string' ? `0x${word.slice(2).padStart(64, '0')}` : undefined;
  } catch {
    // Bytes that are not RLP prove nothing.
    return undefined;
  }
}

/** Walks from the root along the nibbles of the key. Every node must have the hash that its parent names. */
function trieValue(root: string, key: string, proof: readonly string[]): string | undefined {
  const nibbles = key.slice(2);
  let at = 0;
  let expected: string = root;
  for (const encoded of proof) {
    if (keccak256(encoded) !== expected) return undefined;
    const node = decodeRlp(encoded);
    if (!Array.isArray(node)) return undefined;
    let child: unknown;
    if (node.length === 17) {
      if (at === nibbles.length) return undefined;
      child = node[Number.parseInt(nibbles.charAt(at), 16)];
      at += 1;
    } else {
      const path = pathOf(node[0]);
      if (!path || !nibbles.startsWith(path.nibbles, at)) return undefined;
      at += path.nibbles.length;
      if (path.leaf) return at === nibbles.length && typeof node[1] === 'string' ? node[1] : undefined;
      child = node[1];
    }
    // A node shorter than 32 bytes would be embedded in its parent; no path to a 32-byte value has one.
    if (typeof child !== 'string' || getBytes(child).length !== 32) return undefined;
    expected = child;
  }
  return undefined;
}

/** The hex-prefix encoding: the first nibble tells leaf or extension, and whether the count of nibbles is odd. */
function pathOf(encoded: unknown): { readonly leaf: boolean; readonly nibbles: string } | undefined {
  if (typeof encoded !== 'string' || encoded.length < 4) return undefined;
  const digits = hexlify(encoded).slice(2);
  const flag = Number.parseInt(digits.charAt(0), 16);
  return { leaf: (flag & 2) !== 0, nibbles: digits.slice((flag & 1) === 1 ? 1 : 2) };
}
