import type { FastifyInstance } from 'fastify';
import type { Eraser } from '../adapters/store/erasure.ts';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import { createRetention } from '../adapters/store/retention.ts';
import type { HoldBook } from '../adapters/store/vault-postgres.ts';
import type { Config } from '../config/schema.ts';
import type { PrivacyGateParts } from '../http/privacy-gate.ts';
import { retentionRoutes } from '../http/retention.ts';
import type { Clock, Random } from '../ports.ts';
import { erasers } from './erasure.ts';

/** The end of logs that need not be kept any more, for those who may erase. */
export function mountRetention(
  app: FastifyInstance,
  parts: {
    readonly config: Config;
    readonly ledger: FilesLedger;
    readonly eraser: Eraser;
    /** Of several gateways together. */
    readonly holds: HoldBook | undefined;
    readonly asker: PrivacyGateParts['asker'];
    readonly clock: Clock;
    readonly random: Random;
  },
): void {
  const { config, ledger, eraser, holds, asker, clock, random } = parts;
  const desk = createRetention({
    ledger,
    years: config.ledger.retention?.years,
    held: async () => {
      await holds?.refresh();
      return eraser.holds().map(({ patient }) => patient);
    },
    clock,
    random,
  });
  retentionRoutes(app, { desk, asker, roles: erasers });
}
