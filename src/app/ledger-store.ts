import { join } from 'node:path';
import type { FileSystem } from '../adapters/store/file-system.ts';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import { openPostgresLedger } from '../adapters/store/postgres-ledger.ts';
import { LedgerTablesUnknown } from '../adapters/store/postgres-prepare.ts';
import { openRotatingFiles } from '../adapters/store/rotating-files.ts';
import { openRotatingLedger } from '../adapters/store/rotating-ledger.ts';
import type { Vault } from '../adapters/store/vault.ts';
import type { Config } from '../config/schema.ts';
import type { Clock, Random, Telemetry } from '../ports.ts';
import { keyBytes, secret } from './secrets.ts';
import { secondSigner } from './witnessing.ts';

export interface LedgerStoreParts {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly files?: FileSystem;
}

/** The log where the configuration says: files of this gateway alone, or a database that several share. */
export async function openLedgerStore(parts: LedgerStoreParts): Promise<FilesLedger> {
  const { config, environment, vault, clock, random, telemetry, files } = parts;
  const { origin, postgres, node } = config.ledger;
  const second = secondSigner(config, environment, clock);
  const signers = second === undefined ? {} : { signers: () => [second.signer] };
  const shared = { ...signers, origin, payloadKeys: vault, clock, random, ...(node === undefined ? {} : { node }) };
  const ledger =
    config.ledger.store === 'postgres' && postgres !== undefined
      ? await openRotatingLedger({
          origin,
          random,
          openLog: (name) =>
            openPostgresLedger({
              ...shared,
              origin: name,
              url: secret(postgres.url, environment),
              signingKey: secret(postgres.signingKey, environment),
              ownKey: keyBytes(secret(postgres.payloadKey, environment), 'ledger.postgres.payloadKey'),
            }),
          // Rows do not go as folders do: what is gone of a database shows at its anchors and witnesses.
          followed: { has: async () => false, note: async () => undefined },
        }).catch((error: unknown) => {
          if (error instanceof LedgerTablesUnknown) throw error;
          throw new Error('The PostgreSQL of the ledger cannot be reached, or does not let the gateway in.', {
            cause: error,
          });
        })
      : await openRotatingFiles({
          ...shared,
          folder: join(config.data, 'ledger'),
          ...(files === undefined ? {} : { files }),
        });
  ledger.onTrouble((event, error) =>
    telemetry.failed(`ledger-${event}`, error instanceof Error ? error.name : typeof error),
  );
  return ledger;
}
