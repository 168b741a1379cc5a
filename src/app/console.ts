import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { disclosureProof, disclosureProofs } from '../adapters/store/disclosure-proof.ts';
import type { FilesLedger } from '../adapters/store/files-ledger.ts';
import type { ConsoleSettings } from '../domain/console/settings.ts';
import type { Bases } from '../domain/fhir/references.ts';
import type { AuditSource } from '../domain/ledger/audit-event.ts';
import type { BreakGlassDesk } from '../http/break-glass.ts';
import { type ConsoleAccessParts, consoleAccess, meRoutes, type Opens } from '../http/console-access.ts';
import { consoleFiles } from '../http/console-files.ts';
import { disclosureProofRoutes } from '../http/disclosure-proof.ts';
import { overviewRoutes } from '../http/overview.ts';
import { systemRoutes } from '../http/system.ts';
import type { Random } from '../ports.ts';
import { chainFigures, ledgerFigures, type SystemSources, systemState } from './system.ts';

export interface ConsoleParts extends ConsoleAccessParts, SystemSources {
  readonly bases: Bases;
  readonly random: Random;
  readonly source: AuditSource;
  readonly ledger: FilesLedger;
  readonly breakGlass: Pick<BreakGlassDesk, 'tasks'>;
}

/** The officers' console and the patient pages, when they are configured; the result guards the API behind their pages. */
export function mountConsole(app: FastifyInstance, parts: ConsoleParts): Opens {
  const { config } = parts;
  meRoutes(app, parts);
  const { console: wanted } = config;
  if (wanted !== undefined) {
    const issuer = wanted.issuer ?? config.issuers[0]?.issuer ?? '';
    if (!config.issuers.some((each) => each.issuer === issuer))
      throw new Error('console.issuer names none of the configured issuers.');
    const settings = (place: 'console' | 'my'): ConsoleSettings => {
      const known = parts.directory.current().find((each) => each.issuer === issuer);
      return {
        issuer,
        ...(known?.authorizationEndpoint === undefined ? {} : { authorizationEndpoint: known.authorizationEndpoint }),
        ...(known?.tokenEndpoint === undefined ? {} : { tokenEndpoint: known.tokenEndpoint }),
        ...(known?.endSessionEndpoint === undefined ? {} : { endSessionEndpoint: known.endSessionEndpoint }),
        clientId: place === 'my' ? wanted.patientClientId : wanted.clientId,
        scopes: place === 'my' ? wanted.patientScopes : wanted.scopes,
        audience: parts.bases.gatewayBase,
        organisation: config.organisation,
        sandbox: config.profile === 'sandbox',
      };
    };
    consoleFiles(app, { files: builtFiles(), settings, random: parts.random });
  }
  const opens = consoleAccess(parts);
  const startedAt = parts.clock.now();
  overviewRoutes(app, {
    opens,
    clock: parts.clock,
    startedAt,
    figures: () => parts.telemetry.figures(),
    health: parts.health,
    chain: () => chainFigures(parts),
    ledger: () => ledgerFigures(parts),
    anchorSeconds: config.ledger.anchorSeconds,
    breakGlass: parts.breakGlass,
  });
  disclosureProofRoutes(app, {
    ...parts,
    proof: (index, patient) => disclosureProof(parts.ledger, index, patient),
    proofs: (patient, query) => disclosureProofs(parts.ledger, parts.source, patient, query),
  });
  systemRoutes(app, { opens, state: () => systemState(parts, startedAt) });
  return opens;
}

/** Beside the compiled server in an image, below the checkout otherwise: the same folder seen from src/app and dist/app. */
const builtFolder = fileURLToPath(new URL('../../dist/web', import.meta.url));

function builtFiles(): ReadonlyMap<string, Uint8Array> {
  if (!existsSync(builtFolder)) return new Map();
  return new Map(
    readdirSync(builtFolder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [path.slice(builtFolder.length + 1).replaceAll(sep, '/'), readFileSync(path)];
      }),
  );
}
