import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventTopics } from '../../../src/adapters/chain/event-codec.ts';
import { createRelayer, type Relayer } from '../../../src/adapters/chain/relayer.ts';
import { createRegistryReplica, type RegistryReplica } from '../../../src/adapters/chain/replica.ts';
import { createRpc, type Rpc } from '../../../src/adapters/chain/rpc.ts';
import { signGrant, signRevocation } from '../../../src/adapters/chain/sign.ts';
import type { GrantId } from '../../../src/domain/consent/grant.ts';
import type { Instant } from '../../../src/domain/instant.ts';
import { type Chain, far, newPatient, startChain, termsFor, until, word } from './fixture.ts';
import { LyingRpc, type Mood } from './lying-rpc.ts';

describe('the replica among endpoints that fail and lie', () => {
  let chain: Chain;
  let direct: Rpc;
  let relayer: Relayer;
  let replica: RegistryReplica;
  let endpoints: LyingRpc[];

  beforeAll(async () => {
    chain = await startChain();
    direct = createRpc(chain.anvil.rpcUrl, { timeoutMs: 10_000 });
    const { chainId, consentRegistry: contract } = chain.deployment;
    relayer = createRelayer({
      rpcUrl: chain.anvil.rpcUrl,
      key: chain.key,
      chainId,
      contract,
      queueFile: join(chain.folder, 'queue'),
      pollMs: 20,
    });
    await relayer.start();
  });

  afterAll(async () => {
    await relayer.stop();
    await direct.close();
    await chain.stop();
  });

  function replicaOf(rpcUrls: readonly string[], change = {}): RegistryReplica {
    return createRegistryReplica({
      rpcUrls,
      chainId: chain.deployment.chainId,
      contract: chain.deployment.consentRegistry,
      fromBlock: chain.deployment.block,
      quorum: 2,
      finality: 'latest',
      pollMs: 20,
      timeoutMs: 300,
      ...change,
    });
  }

  beforeEach(async () => {
    endpoints = Array.from({ length: 4 }, () => new LyingRpc(chain.anvil.rpcUrl));
    await Promise.all(endpoints.map((endpoint) => endpoint.start()));
    replica = replicaOf(endpoints.map((endpoint) => endpoint.url));
    await replica.start();
  });

  afterEach(async () => {
    await replica.stop();
    await Promise.all(endpoints.map((endpoint) => endpoint.kill()));
  });

  const shows = (id: GrantId, subject: Parameters<RegistryReplica['controllerOf']>[0]) =>
    replica
      .view()
      ?.grantsOf(subject)
      .some((grant) => grant.id === id) ?? false;

  async function granted() {
    const patient = newPatient();
    await relayer.register(patient.subject, patient.wallet.address);
    const signed = await signGrant(patient.wallet.key, termsFor(patient.subject), chain.domain, far);
    const { settled } = await relayer.grant(signed);
    expect(await settled).toMatchObject({ ok: true });
    return { ...patient, id: signed.id };
  }

  async function revoked(patient: Awaited<ReturnType<typeof granted>>): Promise<number> {
    const signed = await signRevocation(patient.wallet.key, patient.subject, patient.id, chain.domain);
    const outcome = await (await relayer.revoke(signed)).settled;
    if (!outcome.ok || outcome.block === undefined) throw new Error('The revocation was not mined.');
    return outcome.block;
  }

  const moods: readonly Mood[] = [
    'hung',
    'refusing',
    'garbled',
    'stale',
    'wrong-chain',
    'missing-log',
    'forged-log',
    'forged-header',
    'forged-proof',
  ];

  it.each(moods)('sees grants and revocations while an endpoint is %s', async (mood) => {
    const never = newPatient();
    const liar = endpoints[0];
    if (liar) {
      liar.mood = mood;
      liar.forgery = {
        address: chain.deployment.consentRegistry,
        topics: [eventTopics.granted, word(), never.subject, word()],
        data: `0x${'0'.repeat(62)}01${'0'.repeat(64)}`,
        blockHash: word(),
        logIndex: '0x0',
        transactionHash: word(),
      };
    }
    let forged = false;
    const watching = replica.onView((view) => {
      forged ||= view.grantsOf(never.subject).length > 0;
    });
    const patient = await granted();
    await until(() => shows(patient.id, patient.subject), 'the grant is seen');
    const block = await revoked(patient);
    await until(() => (replica.view()?.head.number ?? 0) >= block, 'the block of the revocation is seen');
    expect(shows(patient.id, patient.subject)).toBe(false);
    expect(forged).toBe(false);
    watching();
  });

  it.each([
    ['missing-log', 3],
    ['forged-proof', 3],
    ['stale', 2],
  ] as const)('sees a revocation with %s from %d of 4 endpoints', async (mood, count) => {
    const patient = await granted();
    await until(() => shows(patient.id, patient.subject), 'the grant is seen');
    for (const endpoint of endpoints.slice(0, count)) endpoint.mood = mood;
    const block = await revoked(patient);
    await until(() => (replica.view()?.head.number ?? 0) >= block, 'the block of the revocation is seen');
    expect(shows(patient.id, patient.subject)).toBe(false);
  });

  it('stands still rather than believe a history without its revocation, and goes on when the truth is back', async () => {
    const patient = await granted();
    await until(() => shows(patient.id, patient.subject), 'the grant is seen');
    for (const endpoint of endpoints) endpoint.mood = 'missing-log';
    const block = await revoked(patient);
    await until(() => replica.metrics().problem === 'disproved', 'the lie is noticed');
    const head = replica.view()?.head.number;
    expect(head === undefined || head < block).toBe(true);
    for (const endpoint of endpoints) endpoint.mood = 'honest';
    await until(() => (replica.view()?.head.number ?? 0) >= block, 'the truth is seen');
    expect(shows(patient.id, patient.subject)).toBe(false);
  });

  it('is not moved by two endpoints that tell the same lie where three must agree', async () => {
    const careful = replicaOf(
      endpoints.map((endpoint) => endpoint.url),
      { quorum: 3 },
    );
    await careful.start();
    for (const endpoint of endpoints.slice(0, 2)) endpoint.mood = 'forged-header';
    await until(() => careful.metrics().problem === 'no-quorum', 'the quorum is missed');
    expect(careful.view()?.head.hash).not.toMatch(/^0x6767/);
    for (const endpoint of endpoints) endpoint.mood = 'honest';
    await until(() => careful.metrics().problem === undefined, 'it goes on');
    await careful.stop();
  });

  it.each([1, 2])('goes on with %d of 4 endpoints down', async (down) => {
    await Promise.all(endpoints.slice(0, down).map((endpoint) => endpoint.kill()));
    const patient = await granted();
    await until(() => shows(patient.id, patient.subject), 'the grant is seen');
    const block = await revoked(patient);
    await until(() => (replica.view()?.head.number ?? 0) >= block, 'the revocation is seen');
    expect(shows(patient.id, patient.subject)).toBe(false);
  });

  it('lets its head grow old without a quorum, and catches up by itself', async () => {
    const patient = await granted();
    await until(() => shows(patient.id, patient.subject), 'the grant is seen');
    const dead = endpoints.slice(1);
    await Promise.all(dead.map((endpoint) => endpoint.kill()));
    await until(() => replica.metrics().problem === 'no-quorum', 'the quorum is missed', 20_000);
    const head = replica.view()?.head;
    const block = await revoked(patient);
    expect(replica.view()?.head).toEqual(head);
    await Promise.all(dead.map((endpoint) => endpoint.start()));
    await until(() => (replica.view()?.head.number ?? 0) >= block, 'the replica caught up', 20_000);
    expect(shows(patient.id, patient.subject)).toBe(false);
    expect(replica.headAge(Date.now() as Instant)).toBeLessThan(5);
  });

  it('drops a grant that a reorganisation took back', async () => {
    const snapshot = await direct.call('evm_snapshot', []);
    const patient = await granted();
    await until(() => shows(patient.id, patient.subject), 'the grant is seen');
    await direct.call('evm_revert', [snapshot]);
    await direct.call('anvil_mine', ['0x20']);
    await until(() => !shows(patient.id, patient.subject), 'the grant is gone');
    const next = await granted();
    await until(() => shows(next.id, next.subject), 'new grants are seen');
    expect(replica.metrics().reorgs + replica.metrics().resyncs).toBeGreaterThan(0);
  });

  it('keeps a grant shut whose revocation a reorganisation took back, and opens it when the chain has left that behind', async () => {
    const patient = await granted();
    await until(() => shows(patient.id, patient.subject), 'the grant is seen');
    const snapshot = await direct.call('evm_snapshot', []);
    const block = await revoked(patient);
    await until(() => !shows(patient.id, patient.subject), 'the revocation is seen');
    let opened = 0;
    const watching = replica.onView((view) => {
      if (view.grantsOf(patient.subject).length > 0 && view.head.number < block + 60) opened++;
    });
    await direct.call('evm_revert', [snapshot]);
    await direct.call('anvil_mine', ['0x4']);
    await until(() => replica.metrics().reorgs > 0, 'the reorganisation is noticed');
    for (let batch = 0; batch < 6; batch++) await direct.call('anvil_mine', ['0x20']);
    await until(() => shows(patient.id, patient.subject), 'the grant is open again');
    expect(opened).toBe(0);
    watching();
  });

  it('survives being killed at any instant of its start', async () => {
    const patient = await granted();
    const { chainId, consentRegistry, block } = chain.deployment;
    const file = join(chain.folder, 'killed');
    const child = join(import.meta.dirname, 'replica-child.ts');
    for (let cycle = 0; cycle < 3; cycle++) {
      const run = spawn(process.execPath, [
        child,
        chain.anvil.rpcUrl,
        String(chainId),
        consentRegistry,
        String(block),
        file,
      ]);
      await new Promise((resolve) => run.stdout.once('data', resolve));
      await new Promise((resolve) => setTimeout(resolve, randomInt(0, 120)));
      run.kill('SIGKILL');
      await new Promise((resolve) => run.once('exit', resolve));
    }
    const last = replicaOf([chain.anvil.rpcUrl], { quorum: 1, snapshotFile: file });
    await last.start();
    expect(
      last
        .view()
        ?.grantsOf(patient.subject)
        .map((grant) => grant.id),
    ).toEqual([patient.id]);
    expect(last.metrics()).toMatchObject({ proofFailures: 0, resyncs: 0 });
    await last.stop();
  });
});
