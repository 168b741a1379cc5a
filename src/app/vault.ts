import { join } from 'node:path';
import { openVault, type Vault } from '../adapters/store/vault.ts';
import { type HoldBook, sharedVault } from '../adapters/store/vault-postgres.ts';
import type { Config } from '../config/schema.ts';
import type { Random, Telemetry } from '../ports.ts';
import { secret } from './secrets.ts';

export interface KeyVault {
  readonly vault: Vault;
  /** Legal holds, where several gateways keep them together. */
  readonly holds: HoldBook | undefined;
}

/** The patients' keys where the log is: a file of this gateway, or the database that several share. */
export async function openKeyVault(parts: {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly key: Uint8Array;
  readonly random: Random;
  readonly telemetry: Telemetry;
}): Promise<KeyVault> {
  const { config, environment, key, random, telemetry } = parts;
  const { store, postgres } = config.ledger;
  const options = {
    folder: join(config.data, 'vault'),
    masterKey: key,
    organisation: config.organisation,
    epoch: String(config.epoch),
    random,
  };
  if (store !== 'postgres' || postgres === undefined) return { vault: await openVault(options), holds: undefined };
  const shared = sharedVault(secret(postgres.url, environment), (error) =>
    telemetry.failed('vault', error instanceof Error ? error.name : typeof error),
  );
  const vault = await openVault({ ...options, store: shared.store }).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'VaultUnreadable') throw error;
    throw new Error('The key vault in the PostgreSQL of the ledger cannot be opened.', { cause: error });
  });
  return { vault, holds: shared.holds };
}
