import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRelayer, type Relayer } from '../../../src/adapters/chain/relayer.ts';
import { createRegistryReplica, type RegistryReplica } from '../../../src/adapters/chain/replica.ts';
import { signGrant, signNarrowing, signRevocation } from '../../../src/adapters/chain/sign.ts';
import type { Instant } from '../../../src/domain/instant.ts';
import { type Chain, far, newPatient, seconds, startChain, termsFor, until, word } from './fixture.ts';

describe('the registry replica with a relayer', () => {
  let chain: Chain;
  let relayer: Relayer;
  let replica: RegistryReplica;

  function replicaOf(file?: string): RegistryReplica {
    return createRegistryReplica({
      rpcUrls: [chain.anvil.rpcUrl],
      chainId: chain.deployment.chainId,
      contract: chain.deployment.consentRegistry,
      fromBlock: chain.deployment.block,
      finality: 'latest',
      pollMs: 20,
      ...(file === undefined ? {} : { snapshotFile: join(chain.folder, file) }),
    });
  }

  beforeAll(async () => {
    chain = await startChain();
    relayer = createRelayer({
      rpcUrl: chain.anvil.rpcUrl,
      key: chain.key,
      chainId: chain.deployment.chainId,
      contract: chain.deployment.consentRegistry,
      queueFile: join(chain.folder, 'queue'),
    });
    await relayer.start();
    replica = replicaOf('events');
    await replica.start();
  });

  afterAll(async () => {
    await replica.stop();
    await relayer.stop();
    await chain.stop();
  });

  async function grantedOne(change = {}) {
    const patient = newPatient();
    await relayer.register(patient.subject, patient.wallet.address);
    const signed = await signGrant(patient.wallet.key, termsFor(patient.subject, change), chain.domain, far);
    const ticket = await relayer.grant(signed);
    expect(await ticket.settled).toMatchObject({ ok: true });
    const seen = () => replica.view()?.grantsOf(patient.subject).length === 1;
    await until(seen, 'the grant is seen');
    return { patient, signed };
  }

  it('shows a signed grant with every field as it was signed', async () => {
    const change = {
      granteeKind: 'study' as const,
      effect: 'permit' as const,
      actions: 0x81,
      purposes: 0x4001,
      classes: 0x1000001,
      labels: 0x1001,
      conditions: 0xf,
      from: seconds(1_000),
      until: seconds(2 ** 40 - 1),
      dataFrom: seconds(5),
      dataUntil: seconds(2 ** 39),
    };
    const { patient, signed } = await grantedOne(change);
    const [grant] = replica.view()?.grantsOf(patient.subject) ?? [];
    const { nonce: _, ...terms } = signed.terms;
    expect(grant).toEqual({ ...terms, id: signed.id, block: expect.any(Number) });
    expect(replica.controllerOf(patient.subject)).toBe(patient.wallet.address);
  });

  it('drops a revoked grant at once', async () => {
    const { patient, signed } = await grantedOne();
    const ticket = await relayer.revoke(
      await signRevocation(patient.wallet.key, patient.subject, signed.id, chain.domain),
    );
    await ticket.settled;
    await until(() => replica.view()?.grantsOf(patient.subject).length === 0, 'the revocation is seen');
  });

  it('shuts a grant on sight, before anything is mined', async () => {
    const { patient, signed } = await grantedOne();
    replica.revokeOnSight(signed.id);
    expect(replica.view()?.grantsOf(patient.subject)).toEqual([]);
  });

  it('lets nobody revoke the grant of another patient', async () => {
    const { patient, signed } = await grantedOne();
    const other = newPatient();
    await (await relayer.register(other.subject, other.wallet.address)).settled;
    const foreign = await signRevocation(other.wallet.key, other.subject, signed.id, chain.domain);
    const outcome = await (await relayer.revoke(foreign)).settled;
    const block = outcome.ok ? (outcome.block ?? 0) : 0;
    await until(() => (replica.view()?.head.number ?? 0) >= block, 'the block is seen');
    replica.revokeOnSight(signed.id, other.subject);
    expect(
      replica
        .view()
        ?.grantsOf(patient.subject)
        .map((grant) => grant.id),
    ).toEqual([signed.id]);
  });

  it('narrows a grant and refuses to widen it', async () => {
    const { patient, signed } = await grantedOne({ classes: 0b11 });
    const narrow = (classes: number) =>
      signNarrowing(patient.wallet.key, patient.subject, signed.id, { ...signed.terms, classes }, chain.domain);
    expect(await (await relayer.narrow(await narrow(0b1))).settled).toMatchObject({ ok: true });
    await until(() => replica.view()?.grantsOf(patient.subject)[0]?.classes === 1, 'the narrowing is seen');
    expect(await (await relayer.narrow(await narrow(0b11))).settled).toEqual({ ok: false, reason: 'NotNarrower' });
  });

  it('shows an attestation until it is withdrawn', async () => {
    const { signed } = await grantedOne({ conditions: 1 });
    const fact = {
      grant: signed.id,
      condition: 'REFERRAL' as const,
      until: seconds(4_000_000_000),
      commitment: word(),
    };
    expect(await (await relayer.attest(fact)).settled).toMatchObject({ ok: true });
    await until(() => replica.view()?.attested(signed.id, 'REFERRAL') === fact.until, 'the referral is seen');
    await relayer.withdraw(signed.id, 'REFERRAL');
    await until(() => replica.view()?.attested(signed.id, 'REFERRAL') === undefined, 'the withdrawal is seen');
  });

  it('does not let a stranger grant', async () => {
    const patient = newPatient();
    await relayer.register(patient.subject, patient.wallet.address);
    const signed = await signGrant(newPatient().wallet.key, termsFor(patient.subject), chain.domain, far);
    expect(await (await relayer.grant(signed)).settled).toEqual({ ok: false, reason: 'NotAuthorised' });
  });

  it('settles every item of a batch on its own', async () => {
    const patients = Array.from({ length: 60 }, newPatient);
    await Promise.all(patients.map((p) => relayer.register(p.subject, p.wallet.address)));
    const tickets = await Promise.all(
      patients.map(async (p, index) => {
        const key = index % 10 === 0 ? newPatient().wallet.key : p.wallet.key;
        return relayer.grant(await signGrant(key, termsFor(p.subject), chain.domain, far));
      }),
    );
    const outcomes = await Promise.all(tickets.map((ticket) => ticket.settled));
    expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(54);
  });

  it('starts again from its file and shows the same', async () => {
    const { patient, signed } = await grantedOne();
    const before = replica.metrics();
    await replica.stop();
    replica = replicaOf('events');
    await replica.start();
    expect(
      replica
        .view()
        ?.grantsOf(patient.subject)
        .map((grant) => grant.id),
    ).toEqual([signed.id]);
    expect(replica.metrics().grants).toBeGreaterThanOrEqual(before.grants);
    expect(replica.metrics()).toMatchObject({ resyncs: 0, proofFailures: 0 });
  });

  it('tells the age of its head', () => {
    expect(replica.headAge(Date.now() as Instant)).toBeLessThan(5);
  });
});
