import { AbiCoder, Interface, keccak256, toUtf8Bytes } from 'ethers';
import { authorityAbi, authorityBytecode } from './generated/authority.ts';
import { consentRegistryAbi, consentRegistryBytecode } from './generated/consent-registry.ts';
import { directoryAbi, directoryBytecode } from './generated/directory.ts';
import { issuerRegistryAbi, issuerRegistryBytecode } from './generated/issuer-registry.ts';
import { ledgerAnchorAbi, ledgerAnchorBytecode } from './generated/ledger-anchor.ts';
import { passkeyVerifierBytecode } from './generated/passkey-verifier.ts';
import { quantity } from './header.ts';
import { createRpc } from './rpc.ts';
import { createSender, type Receipt, type Sender } from './sender.ts';
import { addressOfKey, originHash } from './sign.ts';

/** Where the contracts are. Keep it: the gateway's configuration names these addresses. */
export interface Deployment {
  readonly chainId: number;
  readonly authority: string;
  readonly consentRegistry: string;
  /** The same contract: facts share the registry's accumulator, so that one proof covers both. */
  readonly attestations: string;
  readonly ledgerAnchor: string;
  readonly issuerRegistry: string;
  readonly passkeyVerifier: string;
  /** Names and versions of the others. */
  readonly directory: string;
  /** The block the first of them was made in; no event is older. */
  readonly block: number;
}

export interface DeployOptions {
  /** Accounts that may register subjects. The deployer's unless given. */
  readonly registrars?: readonly string[];
  /** Accounts that may attest every condition. The deployer's unless given. */
  readonly attesters?: readonly string[];
  /** Accounts that may pause and unpause. The deployer's unless given. */
  readonly pausers?: readonly string[];
  /** Accounts that may trust issuers of credentials, and distrust them at once. The deployer's unless given. */
  readonly trusters?: readonly string[];
  /** Accounts that may publish new versions, and how many seconds ahead they have to say so: two days unless given. */
  readonly publishers?: readonly string[];
  readonly publishDelay?: number;
  /** Logs to open: origin line and the account that may anchor it. */
  readonly logs?: readonly { readonly origin: string; readonly writer: string }[];
}

/** Roles of the authority contract. Role 0 is its administrator. */
const registrarRole = 1n;
const pauserRole = 2n;
const publisherRole = 3n;
const trusterRole = 4n;
const twoDays = 48 * 3600;
const allConditions = 15;

const authority = new Interface(authorityAbi);
const registry = new Interface(consentRegistryAbi);
const anchor = new Interface(ledgerAnchorAbi);
const issuers = new Interface(issuerRegistryAbi);
const directory = new Interface(directoryAbi);

export async function deployContracts(
  rpcUrl: string,
  deployerKey: string,
  options: DeployOptions = {},
): Promise<Deployment> {
  const rpc = createRpc(rpcUrl);
  const chainId = quantity(await rpc.call('eth_chainId', []).finally(() => rpc.close()));
  const sender = createSender({ rpcUrl, key: deployerKey, chainId });
  try {
    const admin = addressOfKey(deployerKey);
    const manager = await create(sender, authorityBytecode, [admin]);
    const consent = await create(sender, consentRegistryBytecode, [manager.address]);
    const ledger = await create(sender, ledgerAnchorBytecode, [manager.address]);
    const call = async (to: string, data: string) => {
      const receipt = await sender.send({ to, data });
      if (!receipt.ok) throw new Error('The chain refused to set up a role of the contracts.');
    };
    const issuer = await create(sender, issuerRegistryBytecode, [manager.address]);
    const passkeys = await create(sender, passkeyVerifierBytecode, []);
    const names = await create(sender, directoryBytecode, [manager.address]);
    const may = async (
      role: bigint,
      contract: { readonly address: string; readonly abi: Interface },
      functions: readonly string[],
      accounts: readonly string[],
      delay = 0,
    ) => {
      const selectors = functions.map((name) => contract.abi.getFunction(name)?.selector);
      const target = [contract.address, selectors, role];
      await call(manager.address, authority.encodeFunctionData('setTargetFunctionRole', target));
      for (const account of accounts) {
        await call(manager.address, authority.encodeFunctionData('grantRole', [role, account, delay]));
      }
    };
    const onRegistry = { address: consent.address, abi: registry };
    const onIssuers = { address: issuer.address, abi: issuers };
    const onDirectory = { address: names.address, abi: directory };
    await may(registrarRole, onRegistry, ['registerSubject'], options.registrars ?? [admin]);
    await may(pauserRole, onRegistry, ['pause', 'unpause'], options.pausers ?? [admin]);
    await may(trusterRole, onIssuers, ['trust', 'distrust'], options.trusters ?? [admin]);
    // The first versions are published by the administrator; later ones are announced ahead.
    const published = {
      ConsentRegistry: consent,
      LedgerAnchor: ledger,
      IssuerRegistry: issuer,
      PasskeyVerifier: passkeys,
    };
    for (const [name, { address }] of Object.entries(published)) {
      await call(names.address, directory.encodeFunctionData('publish', [keccak256(toUtf8Bytes(name)), address]));
    }
    const delay = options.publishDelay ?? twoDays;
    await may(publisherRole, onDirectory, ['publish'], options.publishers ?? [admin], delay);
    for (const attester of options.attesters ?? [admin]) {
      await call(consent.address, registry.encodeFunctionData('setAttester', [attester, allConditions]));
    }
    for (const { origin, writer } of options.logs ?? []) {
      await call(ledger.address, anchor.encodeFunctionData('setWriter', [originHash(origin), writer]));
    }
    return {
      chainId,
      authority: manager.address,
      consentRegistry: consent.address,
      attestations: consent.address,
      ledgerAnchor: ledger.address,
      issuerRegistry: issuer.address,
      passkeyVerifier: passkeys.address,
      directory: names.address,
      block: manager.block,
    };
  } finally {
    await sender.stop();
  }
}

async function create(
  sender: Sender,
  bytecode: string,
  addresses: readonly string[],
): Promise<{ readonly address: string; readonly block: number }> {
  const types = addresses.map(() => 'address');
  const data = bytecode + AbiCoder.defaultAbiCoder().encode(types, addresses).slice(2);
  const receipt: Receipt = await sender.send({ data });
  if (!receipt.ok || !receipt.contractAddress) throw new Error('The chain refused to make a contract.');
  return { address: receipt.contractAddress.toLowerCase(), block: receipt.block };
}

/** Whether there is a contract at the address. */
export async function hasCode(rpcUrl: string, address: string): Promise<boolean> {
  const rpc = createRpc(rpcUrl);
  return (await rpc.call<string>('eth_getCode', [address, 'latest']).finally(() => rpc.close())) !== '0x';
}
