import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Deployment, deployContracts } from '../../src/adapters/chain/deploy.ts';
import { createRelayer, type Relayer } from '../../src/adapters/chain/relayer.ts';
import { createRegistryReplica, type RegistryReplica } from '../../src/adapters/chain/replica.ts';
import { signGrant, signRevocation } from '../../src/adapters/chain/sign.ts';
import { consentDomain } from '../../src/domain/consent/typed-data.ts';
import { far, newPatient, termsFor, until } from '../adapters/chain/fixture.ts';
import { GethNetwork } from './geth-network.ts';

describe('a network of three go-ethereum nodes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'consentry-network-'));
  let network: GethNetwork;
  let deployment: Deployment;
  let relayer: Relayer;
  let replica: RegistryReplica;

  beforeAll(async () => {
    network = new GethNetwork();
    await network.start();
    const urls = network.nodes.map((node) => node.rpcUrl);
    deployment = await deployContracts(urls[0] ?? '', network.key);
    const at = { chainId: network.chainId, contract: deployment.consentRegistry };
    // What is sent to one node is mined by another.
    relayer = createRelayer({
      ...at,
      rpcUrl: [...urls].reverse(),
      key: network.key,
      queueFile: join(folder, 'queue'),
      pollMs: 100,
    });
    replica = createRegistryReplica({
      ...at,
      rpcUrls: urls,
      fromBlock: deployment.block,
      quorum: 2,
      finality: 'finalized',
      pollMs: 100,
      snapshotFile: join(folder, 'snapshot'),
    });
    await relayer.start();
    await replica.start();
  }, 600_000);

  afterAll(async () => {
    await replica?.stop();
    await relayer?.stop();
    await network?.stop();
    rmSync(folder, { recursive: true });
  });

  const shows = (patient: { readonly subject: Parameters<RegistryReplica['controllerOf']>[0] }): boolean =>
    (replica.view()?.grantsOf(patient.subject).length ?? 0) > 0;

  async function granted() {
    const patient = newPatient();
    const domain = consentDomain(deployment.chainId, deployment.consentRegistry);
    await relayer.register(patient.subject, patient.wallet.address);
    const signed = await signGrant(patient.wallet.key, termsFor(patient.subject), domain, far);
    const outcome = await (await relayer.grant(signed)).settled;
    if (!outcome.ok) throw new Error(`The grant was not mined: ${outcome.reason}. ${String(network.trouble)}`);
    const revoke = async () =>
      relayer.revoke(await signRevocation(patient.wallet.key, patient.subject, signed.id, domain));
    return { ...patient, id: signed.id, block: outcome.block ?? 0, revoke };
  }

  it('is followed with proofs: a grant counts once it is final, a revocation at the head', async () => {
    const patient = await granted();
    let early = 0;
    const watching = replica.onView((view) => {
      if (view.grantsOf(patient.subject).length > 0 && view.head.number < patient.block + 2) early++;
    });
    await until(() => shows(patient), 'the grant is final and seen', 60_000);
    expect(early).toBe(0);
    watching();
    const outcome = await (await patient.revoke()).settled;
    const block = outcome.ok ? (outcome.block ?? 0) : 0;
    await until(() => (replica.view()?.head.number ?? 0) >= block, 'the block of the revocation is seen', 30_000);
    expect(shows(patient)).toBe(false);
    expect(replica.metrics()).toMatchObject({ proofFailures: 0, problem: undefined });
    expect(replica.metrics().proofs).toBeGreaterThan(0);
  }, 120_000);

  it('goes on while one node is killed, and takes the node back when it has caught up', async () => {
    const [, , last] = network.nodes;
    await last?.kill();
    const patient = await granted();
    await until(() => shows(patient), 'the grant is seen by two nodes', 60_000);
    await last?.start();
    await network.meet();
    await until(
      async () => {
        const block = await last?.call<{ number: string }>('eth_getBlockByNumber', ['latest', false]);
        return Number(block?.number) >= patient.block;
      },
      'the node has caught up from its peers',
      120_000,
    );
    await (await patient.revoke()).settled;
    await until(() => !shows(patient), 'the revocation is seen', 30_000);
  }, 240_000);

  it('never opens a grant again while the blocks of its revocation are taken back and mined anew', async () => {
    const patient = await granted();
    await until(() => shows(patient), 'the grant is final and seen', 60_000);
    const reorgs = replica.metrics().reorgs;
    await network.split();
    await (await patient.revoke()).settled;
    await until(() => !shows(patient), 'the revocation is seen', 30_000);
    let opened = 0;
    const watching = replica.onView((view) => {
      if (view.grantsOf(patient.subject).length > 0) opened++;
    });
    await network.reunite();
    await until(() => replica.metrics().reorgs > reorgs, 'the other branch is seen', 60_000);
    const seen = replica.view()?.head.number ?? 0;
    await until(() => (replica.view()?.head.number ?? 0) > seen + 3, 'the other branch grows', 60_000);
    expect(opened).toBe(0);
    expect(shows(patient)).toBe(false);
    watching();
  }, 240_000);
});
