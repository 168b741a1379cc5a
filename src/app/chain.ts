import { join } from 'node:path';
import { createLedgerAnchor } from '../adapters/chain/anchor.ts';
import { createRelayer, type Relayer } from '../adapters/chain/relayer.ts';
import { createRegistryReplica, type RegistryReplica } from '../adapters/chain/replica.ts';
import { createSender } from '../adapters/chain/sender.ts';
import type { Config } from '../config/schema.ts';
import type { Clock, Telemetry } from '../ports.ts';
import { openPeers, type Peers } from './peers.ts';
import { secret } from './secrets.ts';

export interface Chain {
  readonly replica: RegistryReplica;
  /** Absent without chain.relayerKey: then grants reach the chain by other ways only. */
  readonly relayer: Relayer | undefined;
  /** Absent without a relayer, or an address of the contract. */
  readonly anchor: ReturnType<typeof createLedgerAnchor> | undefined;
  readonly peers: Peers;
}

/** The registry as it is followed, what writes to it, and the gateways that hear of revocations first. */
export async function openChain(parts: {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly opened: AsyncDisposableStack;
}): Promise<Chain> {
  const { config, environment, clock, telemetry, opened } = parts;
  const { chain, data } = config;
  const replica = createRegistryReplica({
    rpcUrls: chain.rpcUrls,
    chainId: chain.chainId,
    contract: chain.consentRegistry,
    finality: chain.finality,
    pollMs: chain.pollMs,
    fromBlock: chain.fromBlock,
    snapshotFile: join(data, 'replica.snapshot'),
    ...(chain.quorum === undefined ? {} : { quorum: chain.quorum }),
  });
  opened.defer(() => replica.stop());
  await replica.start();
  const carrier = openCarrier(config, environment);
  if (carrier !== undefined) opened.defer(() => carrier.stop());
  await carrier?.relayer.start();
  // A revocation that was signed and queued before a stop holds again before anybody is served.
  for (const { kind, grant, subject } of carrier?.relayer.pending() ?? []) {
    if (kind === 'revoke' && grant !== undefined) replica.revokeOnSight(grant, subject);
  }
  const peers = await openPeers({ config, replica, relayer: carrier?.relayer, clock, telemetry });
  opened.defer(() => peers.close());
  return { replica, relayer: carrier?.relayer, anchor: carrier?.anchor, peers };
}

/** What writes to the chain: one account, one sender, so that its nonces never clash. */
function openCarrier({ chain, data }: Config, environment: Readonly<Record<string, string | undefined>>) {
  if (chain.relayerKey === undefined) return undefined;
  const options = { rpcUrl: chain.rpcUrls, key: secret(chain.relayerKey, environment), chainId: chain.chainId };
  const sender = createSender(options);
  const relayer = createRelayer({
    ...options,
    sender,
    contract: chain.consentRegistry,
    queueFile: join(data, 'relay-queue.ndjson'),
  });
  const anchor =
    chain.ledgerAnchor === undefined
      ? undefined
      : createLedgerAnchor({ ...options, sender, contract: chain.ledgerAnchor, fromBlock: chain.fromBlock });
  return {
    relayer,
    anchor,
    async stop() {
      await relayer.stop();
      await sender.stop();
    },
  };
}
