import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRelayer, type Relayer, type RelayerOptions } from '../../../src/adapters/chain/relayer.ts';
import { createRpc, type Rpc } from '../../../src/adapters/chain/rpc.ts';
import { signDelegation, signGrant, signRebinding, signRevocation } from '../../../src/adapters/chain/sign.ts';
import { type Chain, far, newPatient, seconds, startChain, termsFor, until } from './fixture.ts';
import { LyingRpc } from './lying-rpc.ts';

describe('the relayer', () => {
  let chain: Chain;
  let direct: Rpc;
  let queues = 0;

  beforeAll(async () => {
    chain = await startChain();
    direct = createRpc(chain.anvil.rpcUrl);
  });

  afterAll(async () => {
    await direct.close();
    await chain.stop();
  });

  async function started(change: Partial<RelayerOptions> = {}): Promise<Relayer> {
    const relayer = createRelayer({
      rpcUrl: chain.anvil.rpcUrl,
      key: chain.key,
      chainId: chain.deployment.chainId,
      contract: chain.deployment.consentRegistry,
      queueFile: join(chain.folder, `queue-${queues++}`),
      pollMs: 20,
      timeoutMs: 500,
      ...change,
    });
    await relayer.start();
    return relayer;
  }

  async function grantOf(patient: ReturnType<typeof newPatient>) {
    return signGrant(patient.wallet.key, termsFor(patient.subject), chain.domain, far);
  }

  const transactions = async () => Number(await direct.call('eth_getTransactionCount', [relayerAddress(), 'latest']));
  const relayerAddress = () => chain.anvil.accounts[0]?.address;

  it('carries what an earlier process had queued, once, and tells its revocations before', async () => {
    const file = join(chain.folder, 'left-over');
    const first = await started({ queueFile: file, rpcUrl: 'http://127.0.0.1:9' });
    const patient = newPatient();
    const signed = await grantOf(patient);
    await first.register(patient.subject, patient.wallet.address);
    await first.grant(signed);
    await first.revoke(await signRevocation(patient.wallet.key, patient.subject, signed.id, chain.domain));
    await first.stop();

    const second = await started({ queueFile: file });
    expect(second.pending()).toContainEqual(
      expect.objectContaining({ kind: 'revoke', grant: signed.id, subject: patient.subject }),
    );
    await until(() => second.pending().length === 0, 'the queue is empty');
    expect(second.metrics()).toMatchObject({ mined: 3, failed: 0 });
    await second.stop();
    const third = await started({ queueFile: file });
    expect(third.pending()).toEqual([]);
    await third.stop();
    expect(await readFile(file, 'utf8')).not.toContain('"t":"item"');
  });

  it('gives one ticket for the same call made twice, and sends it once', async () => {
    const relayer = await started();
    const before = await transactions();
    const patient = newPatient();
    const [one, two] = await Promise.all([
      relayer.register(patient.subject, patient.wallet.address),
      relayer.register(patient.subject, patient.wallet.address),
    ]);
    expect(two).toBe(one);
    expect(await one.settled).toMatchObject({ ok: true });
    expect(await transactions()).toBe(before + 1);
    await relayer.stop();
  });

  it('goes on by itself when the endpoint was away', async () => {
    const endpoint = new LyingRpc(chain.anvil.rpcUrl);
    await endpoint.start();
    const relayer = await started({ rpcUrl: endpoint.url });
    endpoint.mood = 'hung';
    const patient = newPatient();
    const { settled } = await relayer.register(patient.subject, patient.wallet.address);
    await until(() => relayer.metrics().retries > 0, 'it has failed once');
    endpoint.mood = 'honest';
    expect(await settled).toMatchObject({ ok: true });
    await relayer.stop();
    await endpoint.kill();
  });

  it('uses another endpoint while one is down', async () => {
    const relayer = await started({ rpcUrl: ['http://127.0.0.1:9', chain.anvil.rpcUrl] });
    const patient = newPatient();
    const { settled } = await relayer.register(patient.subject, patient.wallet.address);
    expect(await settled).toMatchObject({ ok: true });
    await relayer.stop();
  });

  it('raises the fee of a transaction that is not mined, and spends one nonce', async () => {
    const relayer = await started({ bumpMs: 150 });
    const before = await transactions();
    await direct.call('evm_setIntervalMining', [0]);
    await direct.call('evm_setAutomine', [false]);
    const patient = newPatient();
    const { settled } = await relayer.register(patient.subject, patient.wallet.address);
    const waiting = async () => {
      const block = await direct.call<{ transactions: { maxFeePerGas: string }[] }>('eth_getBlockByNumber', [
        'pending',
        true,
      ]);
      return Number(block.transactions[0]?.maxFeePerGas ?? 0);
    };
    let first = 0;
    await until(async () => {
      first = await waiting();
      return first > 0;
    }, 'the transaction is waiting');
    await until(async () => (await waiting()) > first, 'its fee is raised');
    await direct.call('evm_mine', []);
    await direct.call('anvil_setIntervalMining', [1]);
    expect(await settled).toMatchObject({ ok: true });
    expect(await transactions()).toBe(before + 1);
    await relayer.stop();
  });

  it('carries delegations and rebindings', async () => {
    const relayer = await started();
    const patient = newPatient();
    const carer = newPatient().wallet;
    await relayer.register(patient.subject, patient.wallet.address);
    const base = { subject: patient.subject, deadline: far };
    const delegation = { ...base, delegate: carer.address, rights: 3, until: far, nonce: '0' };
    const delegated = await relayer.delegate(await signDelegation(patient.wallet.key, delegation, chain.domain));
    expect(await delegated.settled).toMatchObject({ ok: true });
    const byCarer = await relayer.grant(await signGrant(carer.key, termsFor(patient.subject), chain.domain, far));
    expect(await byCarer.settled).toMatchObject({ ok: true });
    const next = newPatient().wallet;
    const rebinding = { ...base, controller: next.address, nonce: '1' };
    const rebound = await relayer.rebind(await signRebinding(patient.wallet.key, rebinding, chain.domain));
    expect(await rebound.settled).toMatchObject({ ok: true });
    const old = await relayer.grant(await grantOf(patient));
    expect(await old.settled).toEqual({ ok: false, reason: 'NotAuthorised' });
    await relayer.stop();
  });

  it('tells why the chain would refuse a signature before anything is sent', async () => {
    const relayer = await started();
    const patient = newPatient();
    expect(await relayer.wouldRefuse(await grantOf(patient))).toBe('NotAuthorised');
    const expired = await signGrant(patient.wallet.key, termsFor(patient.subject), chain.domain, seconds(1));
    expect(await relayer.wouldRefuse(expired)).toBe('SignatureExpired');
    const { settled } = await relayer.register(patient.subject, patient.wallet.address);
    await settled;
    expect(await relayer.wouldRefuse(await grantOf(patient))).toBeUndefined();
    await relayer.stop();
  });
});
