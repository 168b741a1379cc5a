import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { signingWithPasskeys } from '../adapters/chain/consent-signing.ts';
import { createPeerBus } from '../adapters/chain/peer-bus.ts';
import { signedRevocationOf } from '../adapters/chain/relay-calls.ts';
import type { Relayer } from '../adapters/chain/relayer.ts';
import type { RegistryReplica } from '../adapters/chain/replica.ts';
import type { SignedRevocation } from '../adapters/chain/sign.ts';
import { openHeldRevocations } from '../adapters/store/held-revocations.ts';
import type { Config } from '../config/schema.ts';
import { peerPath, peerRoutes } from '../http/peers.ts';
import type { Clock, Telemetry } from '../ports.ts';

export interface Peers {
  /** Tells the other gateways. */
  announce(signed: SignedRevocation): void;
  mount(app: FastifyInstance): void;
  close(): Promise<void>;
}

export interface PeersParts {
  readonly config: Config;
  readonly replica: RegistryReplica;
  readonly relayer: Relayer | undefined;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

interface Held extends SignedRevocation {
  /** Milliseconds. */
  readonly at: number;
}

const day = 86_400_000;
const silent: Peers = { announce: () => {}, mount: () => {}, close: async () => {} };

/** Revocations from and to the other gateways of the house, before the chain carries them. Nothing without peers. */
export async function openPeers({ config, replica, relayer, clock, telemetry }: PeersParts): Promise<Peers> {
  const { peers } = config.consent;
  if (peers.length === 0) return silent;
  // A signed grant can be brought to the chain for an hour: one that is not there after a day never comes.
  const wanted = (held: unknown): held is Held =>
    isHeld(held) && (replica.grant(held.id) !== undefined || held.at > clock.now() - day);
  const held = await openHeldRevocations<Held>(join(config.data, 'peer-revocations.ndjson'), wanted);
  for (const { id, subject } of held.before) replica.revokeOnSight(id, subject);
  const bus = createPeerBus({
    peers,
    path: peerPath,
    timeoutMs: 2_000,
    keepMs: 3_600_000,
    failed: (name) => telemetry.failed('peers', name),
  });
  // What was not mined before a stop may not have reached the others either.
  for (const { kind, data } of relayer?.pending() ?? []) {
    const signed = kind === 'revoke' ? signedRevocationOf(data) : undefined;
    if (signed !== undefined) bus.announce(signed);
  }
  return {
    announce: (signed) => bus.announce(signed),
    mount(app) {
      peerRoutes(app, {
        registry: replica,
        signing: signingWithPasskeys(config.chain.passkeyVerifier),
        chain: { chainId: config.chain.chainId, contract: config.chain.consentRegistry },
        clock,
        askChain: relayer === undefined ? undefined : (signed) => relayer.wouldRefuse(signed),
        keep: ({ subject, id, signer, signature }) => held.add({ subject, id, signer, signature, at: clock.now() }),
      });
    },
    async close() {
      await bus.close();
      await held.close();
    },
  };
}

const isHeld = (value: unknown): value is Held =>
  typeof value === 'object' &&
  value !== null &&
  'id' in value &&
  typeof value.id === 'string' &&
  'subject' in value &&
  typeof value.subject === 'string' &&
  'at' in value &&
  typeof value.at === 'number';
