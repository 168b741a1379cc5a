import { concat, keccak256 } from 'ethers';
import type { BlockRef, GrantId, SubjectKey } from '../../domain/consent/grant.ts';
import type { RegistryReplica } from './replica-contract.ts';

/** `_grants` in the storage layout of ConsentRegistry: by subject, then by id. */
const grantsSlot = `0x${'9'.padStart(64, '0')}`;

/** The low two bits of a grant's word (GrantWord.sol). */
const states = [undefined, 'active', 'revoked', undefined] as const;

export interface ProvenGrant {
  readonly state: 'active' | 'revoked';
  /** The block whose state root the proof was checked against. */
  readonly block: BlockRef;
}

/** What the contract's storage holds of a grant now, by a proof against the quorum's state root; undefined without one. */
export async function proveGrant(
  replica: RegistryReplica,
  contract: string,
  subject: SubjectKey,
  id: GrantId,
): Promise<ProvenGrant | undefined> {
  const block = replica.view()?.head;
  const slot = keccak256(concat([id, keccak256(concat([subject, grantsSlot]))]));
  const word = await replica.provenWord(contract, slot);
  const state = word === undefined ? undefined : states[Number(BigInt(word) & 3n)];
  return state === undefined || block === undefined ? undefined : { state, block };
}
