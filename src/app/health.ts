import type { FastifyInstance } from 'fastify';
import type { RegistryReplica } from '../adapters/chain/replica.ts';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import type { TelemetryAdapter } from '../adapters/telemetry/telemetry.ts';
import type { Config } from '../config/schema.ts';
import { healthRoutes, type PartHealth } from '../http/health.ts';
import type { Clock } from '../ports.ts';
import type { OpenPolicies } from './policies.ts';

interface HealthOf {
  readonly config: Config;
  readonly ledger: FilesLedger;
  readonly replica: RegistryReplica;
  readonly policies: OpenPolicies;
  readonly clock: Clock;
  readonly telemetry: TelemetryAdapter;
}

/** What keeps calls from being served, and the figures of the ledger and the replica. */
export function mountHealth(app: FastifyInstance, parts: HealthOf): () => readonly PartHealth[] {
  const { config, ledger, replica, policies, clock, telemetry } = parts;
  const health = (): readonly PartHealth[] => [
    {
      name: 'ledger',
      ok: ledger.healthy(),
      detail: ledger.healthy() ? 'Entries are durable.' : 'The ledger cannot be written; every call is refused.',
    },
    consentHealth(replica, clock, config.chain.maxHeadAgeSeconds),
    { name: 'policies', ok: policies.current() !== undefined, detail: policies.detail() },
  ];
  healthRoutes(app, {
    parts: health,
    metrics: () => {
      const { lag, head, grants, proofs, reorgs } = replica.metrics();
      for (const [name, value] of Object.entries({ lag, head, grants, proofs, reorgs })) {
        if (value !== undefined) telemetry.gauge(`replica_${name}`, value);
      }
      telemetry.gauge('replica_head_age_seconds', replica.headAge(clock.now()));
      telemetry.gauge('ledger_size', ledger.size());
      return telemetry.metrics();
    },
    metricsType: telemetry.contentType,
  });
  return health;
}

function consentHealth(replica: RegistryReplica, clock: Clock, most: number): PartHealth {
  const age = replica.headAge(clock.now());
  const ok = replica.view() !== undefined && age <= most;
  return {
    name: 'consent',
    ok,
    detail: ok
      ? 'The replica is proven and fresh.'
      : 'The chain is stale or unproven; calls that need consent are refused.',
  };
}
