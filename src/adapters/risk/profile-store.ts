import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { RiskContext } from '../../domain/risk/context.ts';
import type { RiskFeatures } from '../../domain/risk/features.ts';
import type { JournalMark } from '../../domain/risk/journal.ts';

const DIGEST = 32;

/**
 * Profiles and facts in one file: SHA-256, then a structured clone. Written beside and renamed, so a crash leaves the old file or the new.
 * It holds identifiers: it belongs on the disk that holds the ledger's payloads, readable by the gateway alone.
 */
export const saveProfiles = (file: string, features: RiskFeatures, journal?: JournalMark): number => {
  const body = serialize({ features: features.state(), context: features.context.state(), journal });
  const digest = createHash('sha256').update(body).digest();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, Buffer.concat([digest, body]), { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
  return body.length;
};

export interface Loaded {
  /** Why profiles begin anew, if they do; none of it stops a start. */
  readonly outcome: 'restored' | 'absent' | 'damaged' | 'version';
  /** From where on the journal tells what the profiles do not hold. */
  readonly journal: JournalMark | undefined;
}

export const loadProfiles = (file: string, features: RiskFeatures, context: RiskContext = features.context): Loaded => {
  if (!existsSync(file)) return anew('absent');
  const bytes = readFileSync(file);
  const body = bytes.subarray(DIGEST);
  if (!createHash('sha256').update(body).digest().equals(bytes.subarray(0, DIGEST))) return anew('damaged');
  const state = deserialize(body) as { features: unknown; context: unknown; journal?: JournalMark };
  return context.restore(state.context) && features.restore(state.features)
    ? { outcome: 'restored', journal: state.journal }
    : anew('version');
};

const anew = (outcome: Loaded['outcome']): Loaded => ({ outcome, journal: undefined });
