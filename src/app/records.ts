import { join } from 'node:path';
import { openRecordNotary, type RecordNotary } from '../adapters/store/record-notary.ts';
import type { Vault } from '../adapters/store/vault.ts';
import type { Config } from '../config/schema.ts';
import type { Clock, Telemetry } from '../ports.ts';
import type { ResourceReleaseParts } from '../stages/release/resource.ts';

export interface RecordParts {
  readonly config: Config;
  readonly vault: Vault;
  readonly ledger: Parameters<typeof openRecordNotary>[0]['ledger'];
  readonly key: Uint8Array;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** `undefined` when the configuration says that records are not checked. */
export function openRecords(parts: RecordParts): RecordNotary | undefined {
  const { config, vault, ledger, key, clock, telemetry } = parts;
  if (!config.ledger.records.check) return undefined;
  return openRecordNotary({
    path: join(config.data, 'records.db'),
    ledger,
    keys: vault,
    ownKey: key,
    clock,
    alarm: () => telemetry.failed('record-integrity', 'RecordAltered'),
    failed: (error) => telemetry.failed('record-integrity', error instanceof Error ? error.name : typeof error),
  });
}

export const releaseIntegrity = (
  notary: RecordNotary | undefined,
  config: Config,
): Pick<ResourceReleaseParts, 'integrity'> =>
  notary === undefined ? {} : { integrity: { records: notary, altered: config.ledger.records.altered } };
