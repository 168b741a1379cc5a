import type { FastifyInstance } from 'fastify';
import { openAnchorDirectory } from '../adapters/chain/anchor-directory.ts';
import { createAuditDesk } from '../adapters/store/audit-desk.ts';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import type { Config } from '../config/schema.ts';
import type { AuditSource } from '../domain/ledger/audit-event.ts';
import { auditRoutes } from '../http/audit.ts';
import type { Opens } from '../http/console-access.ts';
import type { Clock, Random } from '../ports.ts';

/** The API behind the Audit page. */
export function mountAudit(
  app: FastifyInstance,
  parts: {
    readonly config: Config;
    readonly ledger: FilesLedger;
    readonly source: AuditSource;
    readonly clock: Clock;
    readonly random: Random;
    readonly opens: Opens;
  },
): { close(): Promise<void> } {
  const { config, ledger, source, clock, random, opens } = parts;
  const { ledgerAnchor, rpcUrls, fromBlock } = config.chain;
  const anchors =
    ledgerAnchor === undefined
      ? undefined
      : openAnchorDirectory({
          rpcUrls,
          contract: ledgerAnchor,
          fromBlock,
        });
  auditRoutes(app, { desk: createAuditDesk(ledger, source, anchors), ledger, clock, random, opens });
  return { close: async () => anchors?.close() };
}
