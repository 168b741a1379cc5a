import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Interface, keccak256, toUtf8Bytes } from 'ethers';
import { directoryAbi } from '../../../src/adapters/chain/generated/directory.ts';
import { issuerRegistryAbi } from '../../../src/adapters/chain/generated/issuer-registry.ts';
import { createIssuerTrust } from '../../../src/adapters/chain/issuers.ts';
import { createRegistryReplica, type RegistryReplica } from '../../../src/adapters/chain/replica.ts';
import { createSender, type Sender } from '../../../src/adapters/chain/sender.ts';
import { type Chain, startChain, until, word } from './fixture.ts';

const issuers = new Interface(issuerRegistryAbi);
const directory = new Interface(directoryAbi);
const university = 'https://university.example';

describe('the issuers of credentials on chain', () => {
  let chain: Chain;
  let sender: Sender;
  let replica: RegistryReplica;

  beforeAll(async () => {
    chain = await startChain();
    const { chainId, consentRegistry: contract, block } = chain.deployment;
    sender = createSender({ rpcUrl: chain.anvil.rpcUrl, key: chain.key, chainId, pollMs: 20 });
    const rpcUrls = [chain.anvil.rpcUrl];
    replica = createRegistryReplica({ rpcUrls, chainId, contract, fromBlock: block, finality: 'latest', pollMs: 20 });
    await replica.start();
  });

  afterAll(async () => {
    await replica.stop();
    await sender.stop();
    await chain.stop();
  });

  async function send(name: string, parameters: readonly unknown[]): Promise<void> {
    const data = issuers.encodeFunctionData(name, parameters);
    const { block } = await sender.send({ to: chain.deployment.issuerRegistry, data });
    await until(() => (replica.view()?.head.number ?? 0) >= block, 'the block is seen');
  }

  it('are believed until their date, and no longer once distrusted', async () => {
    const trust = createIssuerTrust({ replica, contract: chain.deployment.issuerRegistry, maxAgeMs: 0 });
    const key = word();
    const thumbprint = Buffer.from(key.slice(2), 'hex').toString('base64url');
    expect(await trust.trustedUntil(university, thumbprint)).toBe(0);
    await send('trust', [keccak256(toUtf8Bytes(university)), key, 4_000_000_000]);
    expect(await trust.trustedUntil(university, thumbprint)).toBe(4_000_000_000);
    expect(await trust.trustedUntil('https://other.example', thumbprint)).toBe(0);
    await send('distrust', [keccak256(toUtf8Bytes(university)), key]);
    expect(await trust.trustedUntil(university, thumbprint)).toBe(0);
  });

  it('have their registry named in the directory, which only announces what comes next', async () => {
    const name = keccak256(toUtf8Bytes('IssuerRegistry'));
    const to = chain.deployment.directory;
    const data = directory.encodeFunctionData('latest', [name]);
    const answer = await sender.rpc.call<string>('eth_call', [{ to, data }, 'latest']);
    const [version, entry] = directory.decodeFunctionResult('latest', answer);
    expect([version, entry.target.toLowerCase()]).toEqual([1n, chain.deployment.issuerRegistry]);
    const publish = directory.encodeFunctionData('publish', [name, chain.deployment.ledgerAnchor]);
    await expect(sender.send({ to, data: publish })).rejects.toThrow();
  });
});
