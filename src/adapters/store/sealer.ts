import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { LedgerEntry } from '../../domain/ledger/entry.ts';
import { decodeLeaf, encodeLeaf } from '../../domain/ledger/leaf.ts';
import type { Hash } from '../../domain/ledger/merkle.ts';
import type { Random } from '../../ports.ts';
import { nodeHashing } from './node-hash.ts';
import type { PayloadKeys } from './payload-keys.ts';
import { leafHashOf } from './recovery.ts';
import { type OpenedPayload, openPayload, type Recipient, recipientOf, recipientsNamed, sealEntry } from './seal.ts';
import { LedgerDamaged } from './tile-store.ts';

/** An entry as it is stored: what the tree holds, and what only keys open. */
export interface SealedEntry {
  readonly leaf: Uint8Array;
  readonly payload: Uint8Array;
  readonly hash: Hash;
}

export interface OpenedEntry extends OpenedPayload {
  readonly index: number;
  readonly leaf: Uint8Array;
}

export interface Sealer {
  /** Makes the key of a patient that has none, when the entry gives access; a refusal makes no key. */
  seal(entry: LedgerEntry): Promise<SealedEntry>;
  /** `patients` are those the index still names. `undefined`: the keys were destroyed. */
  open(
    index: number,
    stored: { readonly leaf: Uint8Array; readonly payload: Uint8Array },
    file: string,
    patients: readonly PatientId[],
  ): OpenedEntry | undefined;
  /** Tries every living key: to make the index again. */
  openAny(): (payload: Uint8Array) => OpenedPayload | undefined;
}

export const createSealer = (options: {
  readonly payloadKeys: PayloadKeys;
  /** For what belongs to no patient. */
  readonly ownKey: Uint8Array;
  /** Name of the gateway that writes. */
  readonly node: string;
  readonly random: Random;
}): Sealer => {
  const { payloadKeys, random } = options;
  const own = recipientOf(options.ownKey);
  const node = Buffer.from(nodeHashing.sha256(Buffer.from(options.node)).subarray(0, 8));

  const finder = (keys: Iterable<Uint8Array>): ((name: Buffer) => Recipient | undefined) => {
    const byName = new Map<string, Recipient>([[own.name.toString('hex'), own]]);
    for (const key of keys) byName.set(recipientOf(key).name.toString('hex'), recipientOf(key));
    return (name) => byName.get(name.toString('hex'));
  };
  const openAny: Sealer['openAny'] = () => {
    const find = finder([...payloadKeys.all()].map(([, key]) => key));
    return (payload) => openPayload(payload, find);
  };

  return {
    openAny,
    seal: async (entry) => {
      if (entry.decision === 'permit') {
        for (const patient of entry.patients) {
          if (payloadKeys.keyOf(patient) === undefined) await payloadKeys.makeKey(patient);
        }
      }
      const recipients = entry.patients.map((patient) => {
        const key = payloadKeys.keyOf(patient);
        return key === undefined ? own : recipientOf(key);
      });
      const { commitment, payload } = sealEntry(entry, recipients, own, random);
      const leaf = encodeLeaf({
        kind: entry.kind,
        decision: entry.decision,
        node,
        second: Math.floor(entry.at / 1000),
        height: entry.height,
        commitment,
        payload: nodeHashing.sha256(payload),
      });
      return { leaf, payload, hash: leafHashOf(leaf) };
    },
    open: (index, { leaf, payload }, file, patients) => {
      const digest = decodeLeaf(leaf)?.payload;
      if (digest === undefined || !Buffer.from(nodeHashing.sha256(payload)).equals(digest)) {
        throw new LedgerDamaged(file, `The payload of entry ${index} is not the one its leaf names.`);
      }
      const keys = patients.map(payloadKeys.keyOf).filter((key) => key !== undefined);
      const opened = openPayload(payload, finder(keys));
      if (opened !== undefined) return { ...opened, index, leaf };
      // The index names nobody: erased, or an index that was made while a key was missing.
      if (patients.length > 0 || recipientsNamed(payload).some((name) => name.equals(own.name))) return undefined;
      const again = openAny()(payload);
      return again && { ...again, index, leaf };
    },
  };
};
