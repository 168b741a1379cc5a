import { mkdtemp, rm, stat, truncate } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { startAnvil } from '../../../src/adapters/chain/anvil.ts';
import { deployContracts } from '../../../src/adapters/chain/deploy.ts';
import { createRegistryReplica } from '../../../src/adapters/chain/replica.ts';
import { createRpc } from '../../../src/adapters/chain/rpc.ts';
import { until } from './fixture.ts';

describe('the development chain', () => {
  it('comes back after a kill with its contracts, and the replica with it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'consentry-anvil-'));
    const stateFile = join(folder, 'state', 'chain.json');
    const first = await startAnvil({ stateFile, blockTime: 0.1 });
    const deployment = await deployContracts(first.rpcUrl, first.accounts[0]?.key ?? '');
    const file = join(folder, 'events');
    const options = { chainId: 31337, contract: deployment.consentRegistry, fromBlock: deployment.block };
    const follow = (rpcUrl: string) =>
      createRegistryReplica({ ...options, rpcUrls: [rpcUrl], finality: 'latest', pollMs: 20, snapshotFile: file });
    const before = follow(first.rpcUrl);
    await before.start();
    await before.stop();
    const now = Date.now();
    const kept = async () => (await stat(`${stateFile}.previous`).catch(() => undefined))?.mtimeMs ?? 0;
    await until(async () => (await kept()) > now + 1_000, 'the state is written');
    process.kill(first.pid, 'SIGKILL');
    await first.stop();

    // As if it had been killed in the middle of writing.
    await truncate(stateFile, 1_000);

    const second = await startAnvil({ stateFile, blockTime: 0.1 });
    const rpc = createRpc(second.rpcUrl);
    expect(await rpc.call('eth_getCode', [deployment.consentRegistry, 'latest'])).not.toBe('0x');
    await rpc.close();
    const after = follow(second.rpcUrl);
    await after.start();
    const head = after.view()?.head.number ?? 0;
    await until(() => (after.view()?.head.number ?? 0) > head, 'the chain goes on');
    await after.stop();
    await second.stop();
    await rm(folder, { recursive: true });
  });

  it('says what to do when its port is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(startAnvil({ port })).rejects.toThrow(`port ${port} is in use`);
    server.close();
  });
});
