import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { RiskContext } from '../../domain/risk/context.ts';
import type { RiskFeatures } from '../../domain/risk/features.ts';

const DIGEST = 32;

/**
 * Profiles and facts in one file: SHA-256, then a structured clone. Written beside and renamed, so a crash leaves the old file or the new.
 * It holds identifiers: it belongs on the disk that holds the ledger's payloads, readable by the gateway alone.
 */
export const saveProfiles = (file: string, features: RiskFeatures): number => {
  const body = serialize({ features: features.state(), context: features.context.state() });
  const digest = createHash('sha256').update(body).digest();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, Buffer.concat([digest, body]), { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
  return body.length;
};

/** `restored`, or why profiles begin anew: `absent`, `damaged`, `version`. None of it stops a start. */
export const loadProfiles = (
  file: string,
  features: RiskFeatures,
  context: RiskContext = features.context,
): 'restored' | 'absent' | 'damaged' | 'version' => {
  if (!existsSync(file)) return 'absent';
  const bytes = readFileSync(file);
  const body = bytes.subarray(DIGEST);
  if (!createHash('sha256').update(body).digest().equals(bytes.subarray(0, DIGEST))) return 'damaged';
  const state = deserialize(body) as { features: unknown; context: unknown };
  return context.restore(state.context) && features.restore(state.features) ? 'restored' : 'version';
};
