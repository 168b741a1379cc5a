import { AbiCoder, hexlify, keccak256, SigningKey, toUtf8Bytes, verifyTypedData, Wallet } from 'ethers';
import type { GrantId, SubjectKey } from '../../domain/consent/grant.ts';
import {
  type DelegateTerms,
  delegateTypedData,
  type GrantScope,
  type GrantTerms,
  grantArguments,
  grantTypedData,
  narrowTypedData,
  type RebindTerms,
  rebindTypedData,
  revokeTypedData,
  type TypedData,
  type TypedDataDomain,
} from '../../domain/consent/typed-data.ts';

/** Whoever can sign EIP-712 data: an ethers wallet, or a private key as 0x and 64 hex digits. */
export type Signer = Wallet | string;

/** `signer` is 20 bytes for an account or contract wallet, longer for an ERC-7913 key (verifier and key). */
export interface Signature {
  readonly signer: string;
  readonly signature: string;
}

export interface SignedGrant extends Signature {
  readonly id: GrantId;
  readonly terms: GrantTerms;
  readonly deadline: number;
}

export interface SignedRevocation extends Signature {
  readonly subject: SubjectKey;
  readonly id: GrantId;
}

export interface SignedNarrowing extends SignedRevocation {
  readonly scope: GrantScope;
}

export interface SignedDelegation extends Signature {
  readonly terms: DelegateTerms;
}

export interface SignedRebinding extends Signature {
  readonly terms: RebindTerms;
}

/** The id that the registry will give: it binds subject, grantee, terms and nonce. */
export function grantIdOf(terms: GrantTerms): GrantId {
  const { name } = grantArguments(terms);
  const encoded = AbiCoder.defaultAbiCoder().encode(
    ['bytes32', 'uint8', 'bytes32', 'bytes32', 'uint64'],
    [name.subject, name.granteeKind, name.grantee, name.terms, name.nonce],
  );
  return keccak256(encoded) as GrantId;
}

export async function signGrant(
  signer: Signer,
  terms: GrantTerms,
  domain: TypedDataDomain,
  deadline: number,
): Promise<SignedGrant> {
  const signed = await sign(signer, grantTypedData(domain, terms, deadline));
  return { id: grantIdOf(terms), terms, deadline, ...signed };
}

export async function signRevocation(
  signer: Signer,
  subject: SubjectKey,
  id: GrantId,
  domain: TypedDataDomain,
): Promise<SignedRevocation> {
  return { subject, id, ...(await sign(signer, revokeTypedData(domain, subject, id))) };
}

export async function signNarrowing(
  signer: Signer,
  subject: SubjectKey,
  id: GrantId,
  scope: GrantScope,
  domain: TypedDataDomain,
): Promise<SignedNarrowing> {
  return { subject, id, scope, ...(await sign(signer, narrowTypedData(domain, subject, id, scope))) };
}

export async function signDelegation(
  signer: Signer,
  terms: DelegateTerms,
  domain: TypedDataDomain,
): Promise<SignedDelegation> {
  return { terms, ...(await sign(signer, delegateTypedData(domain, terms))) };
}

export async function signRebinding(
  signer: Signer,
  terms: RebindTerms,
  domain: TypedDataDomain,
): Promise<SignedRebinding> {
  return { terms, ...(await sign(signer, rebindTypedData(domain, terms))) };
}

/**
 * The account, in lower case, whose key signed; `undefined` when the signature is not the named account's. Contract
 * wallets and ERC-7913 keys cannot be judged here: only the chain can ask their verifiers.
 */
export function recoverSigner(data: TypedData, signed: Signature): string | undefined {
  if (signed.signer.length !== 42) return undefined;
  try {
    const account = verifyTypedData(data.domain, mutableTypes(data), data.message, signed.signature).toLowerCase();
    return account === signed.signer.toLowerCase() ? account : undefined;
  } catch {
    return undefined;
  }
}

/** What the registry holds for a controller: the account, or the last 20 bytes of the hash of an ERC-7913 signer. */
export function controllerOfSigner(signer: string): string {
  return signer.length === 42 ? signer.toLowerCase() : `0x${keccak256(signer).slice(-40)}`;
}

/** A wallet key as a patient's device would make it. */
export function newWalletKey(random: (length: number) => Uint8Array): {
  readonly key: string;
  readonly address: string;
} {
  const key = hexlify(random(32));
  return { key, address: addressOfKey(key) };
}

export function addressOfKey(key: string): string {
  return new Wallet(new SigningKey(key)).address.toLowerCase();
}

/** The name under which a log is anchored. */
export function originHash(origin: string): string {
  return keccak256(toUtf8Bytes(origin));
}

async function sign(signer: Signer, data: TypedData): Promise<Signature> {
  const wallet = typeof signer === 'string' ? new Wallet(signer) : signer;
  const signature = await wallet.signTypedData(data.domain, mutableTypes(data), data.message);
  return { signer: wallet.address.toLowerCase(), signature };
}

function mutableTypes(data: TypedData): Record<string, { name: string; type: string }[]> {
  return Object.fromEntries(Object.entries(data.types).map(([name, fields]) => [name, [...fields]]));
}
