import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import type { AnchorEvent } from '../../../src/domain/console/audit.ts';
import { fromBase64, fromHex, toHex } from '../../../src/domain/ledger/base64.ts';
import { parseCheckpoint } from '../../../src/domain/ledger/checkpoint.ts';
import { groupNames, type Opening, verifyOpening } from '../../../src/domain/ledger/commitment.ts';
import type { LedgerEntry } from '../../../src/domain/ledger/entry.ts';
import { entryOf, showPatients } from '../../../src/domain/ledger/field-groups.ts';
import { firstOriginOf } from '../../../src/domain/ledger/half-year.ts';
import type { Hashing } from '../../../src/domain/ledger/hash.ts';
import { decodeLeaf, type Leaf } from '../../../src/domain/ledger/leaf.ts';
import { leafHash, verifyInclusion } from '../../../src/domain/ledger/merkle.ts';
import {
  keyId,
  type NoteVerifier,
  openNote,
  parseNote,
  parseVerifierKey,
  signatureType,
} from '../../../src/domain/ledger/note.ts';
import { parseProofFile } from '../../../src/domain/ledger/receipt.ts';

const hashing: Hashing = { sha256: (data) => sha256(data) };
const utf8 = new TextEncoder();

/** Each link of the chain from what is shown to what the chain holds. `absent`: there is nothing to check yet. */
export type Step = 'good' | 'bad' | 'absent';

export interface Verified {
  readonly openings: Step;
  readonly leaf: Step;
  readonly checkpoint: Step;
  readonly anchor: Step;
  readonly index: number;
  readonly origin: string;
  readonly size: number;
  readonly signedBy: readonly string[];
  /** What the openings say: the entry itself, from no other source. */
  readonly entry: LedgerEntry | undefined;
  readonly leafFacts: Leaf | undefined;
  readonly openingsShown: readonly Opening[];
}

/** The browser signs and verifies asynchronously, the ledger code does not: every line is tried beforehand. */
async function verifierFor(keyText: string, note: string): Promise<NoteVerifier | undefined> {
  const key = parseVerifierKey(hashing, keyText.trim());
  const parsed = parseNote(note);
  if (key === undefined || parsed === undefined || key.type !== signatureType.ed25519) return undefined;
  // A key is trusted for the first log and for those of later half-years, which it signs under their own origins.
  const origin = parsed.text.split('\n', 1)[0] ?? '';
  const name = firstOriginOf(origin) === key.name ? origin : key.name;
  const own = toHex(keyId(hashing, name, key.type, key.publicKey));
  const imported = await crypto.subtle.importKey('raw', key.publicKey.slice(), 'Ed25519', false, ['verify']);
  const good = new Set<string>();
  for (const { name: signer, id, signature } of parsed.signatures) {
    if (signer !== name || toHex(id) !== own) continue;
    if (await crypto.subtle.verify('Ed25519', imported, signature.slice(), utf8.encode(parsed.text)))
      good.add(toHex(signature));
  }
  return { name, id: fromHex(own) ?? key.id, verify: (_text, signature) => good.has(toHex(signature)) };
}

const isKey = (text: string): boolean => parseVerifierKey(hashing, text.trim())?.type === signatureType.ed25519;

function entryFrom(openings: readonly Opening[]): LedgerEntry | undefined {
  const texts = groupNames.map((_, index) => openings.find((opening) => opening.index === index)?.text);
  if (texts.some((text) => text === undefined)) return undefined;
  const count = openings[0]?.count ?? groupNames.length;
  const patients = Array.from({ length: count - groupNames.length }, (_, slot) => {
    const text = openings.find((opening) => opening.index === groupNames.length + slot)?.text;
    return text === undefined ? undefined : (JSON.parse(text) as { patient: LedgerEntry['patients'][number] }).patient;
  });
  try {
    return entryOf(
      // Where several patients share an entry, its groups name them by slot.
      texts.map((text) => (patients.length > 1 ? showPatients(text ?? '', patients) : (text ?? ''))),
      patients.filter((patient) => patient !== undefined),
    );
  } catch {
    return undefined;
  }
}

export interface AnchorClaim {
  readonly event: AnchorEvent;
  readonly size: number;
  readonly path: readonly string[];
}

/** Checks a proof file, and the anchor where one is given, with nothing but the key that is trusted. `undefined`: no proof of an entry. */
export async function verifyInBrowser(
  file: string,
  trustedKey: string,
  anchor?: AnchorClaim,
): Promise<Verified | undefined> {
  const proof = parseProofFile(file);
  if (proof === undefined) return undefined;
  const { index, leaf, openings, path, checkpoint: note } = proof;
  const unverified = parseCheckpoint(note.split('\n\n')[0]?.concat('\n') ?? '');
  const verifier = isKey(trustedKey) ? await verifierFor(trustedKey, note) : undefined;
  const opened = verifier === undefined ? undefined : openNote(note, [verifier]);
  const signed = opened?.signedBy.some((name) => name === unverified?.origin) === true;
  const hash = leafHash(hashing, leaf);
  const included =
    unverified !== undefined && verifyInclusion(hashing, index, unverified.size, hash, path, unverified.root);
  const facts = decodeLeaf(leaf);
  const told = facts !== undefined && openings.every((opening) => verifyOpening(hashing, facts.commitment, opening));
  return {
    openings: openings.length === 0 ? 'absent' : told ? 'good' : 'bad',
    leaf: included && facts !== undefined ? 'good' : 'bad',
    checkpoint: signed ? 'good' : 'bad',
    anchor:
      anchor === undefined ? 'absent' : anchorHolds(anchor, unverified?.origin ?? '', index, hash) ? 'good' : 'bad',
    index,
    origin: unverified?.origin ?? '',
    size: unverified?.size ?? 0,
    signedBy: opened?.signedBy ?? [],
    entry: told ? entryFrom(openings) : undefined,
    leafFacts: facts,
    openingsShown: told ? openings : [],
  };
}

/** The event is of this log, of that size, and the entry lies under the root that it carries. */
function anchorHolds({ event, size, path }: AnchorClaim, origin: string, index: number, hash: Uint8Array): boolean {
  const [, originTopic, sizeTopic] = event.topics;
  const root = fromHex(event.data.replace(/^0x/, ''));
  const hashes = path.map(fromBase64);
  if (root?.length !== 32 || hashes.some((one) => one?.length !== 32)) return false;
  return (
    originTopic === `0x${toHex(keccak_256(utf8.encode(origin)))}` &&
    sizeTopic !== undefined &&
    BigInt(sizeTopic) === BigInt(size) &&
    verifyInclusion(
      hashing,
      index,
      size,
      hash,
      hashes.filter((one) => one !== undefined),
      root,
    )
  );
}
