import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createSender, NonceTakenError } from '../../../src/adapters/chain/sender.ts';
import { type Chain, startChain, word } from './fixture.ts';
import { LyingRpc } from './lying-rpc.ts';

describe('the transactions of one key', () => {
  let chain: Chain;
  let endpoint: LyingRpc;
  beforeAll(async () => {
    chain = await startChain();
    endpoint = new LyingRpc(chain.anvil.rpcUrl);
    await endpoint.start();
  });
  afterAll(async () => {
    await endpoint.kill();
    await chain.stop();
  });

  const sender = () =>
    createSender({
      rpcUrl: endpoint.url,
      key: chain.key,
      chainId: chain.deployment.chainId,
      pollMs: 20,
      settleMs: 300,
    });
  const call = { to: `0x${'5'.repeat(40)}`, data: '0x' };

  it('are told as mined when an endpoint counts them before it shows their receipts', async () => {
    endpoint.mood = 'late-receipts';
    const ours = sender();
    await expect(ours.send(call)).resolves.toMatchObject({ ok: true });
    await ours.stop();
  });

  it('are told as not carried out when another of the same key was mined in their place', async () => {
    endpoint.mood = 'honest';
    const [ours, theirs] = [sender(), sender()];
    const onSigned = async () => {
      await theirs.send({ ...call, data: word() });
    };
    await expect(ours.send({ ...call, onSigned })).rejects.toBeInstanceOf(NonceTakenError);
    await Promise.all([ours.stop(), theirs.stop()]);
  });
});
