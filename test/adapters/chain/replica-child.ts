import { createRegistryReplica } from '../../../src/adapters/chain/replica.ts';

/** A replica in a process of its own, so that it can be killed at any instant. Prints a dot for each view. */
const [rpcUrl = '', chainId = '', contract = '', fromBlock = '', snapshotFile = ''] = process.argv.slice(2);
const replica = createRegistryReplica({
  rpcUrls: [rpcUrl],
  chainId: Number(chainId),
  contract,
  fromBlock: Number(fromBlock),
  finality: 'latest',
  pollMs: 5,
  maxRange: 3,
  snapshotFile,
});
process.stdout.write('up');
replica.onView(() => process.stdout.write('.'));
await replica.start();
