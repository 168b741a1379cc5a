import { hkdfSync } from 'node:crypto';
import { join } from 'node:path';
import { openFileJournal } from '../adapters/risk/file-journal.ts';
import { loadProfiles, saveProfiles } from '../adapters/risk/profile-store.ts';
import { openPostgresJournal } from '../adapters/store/postgres-journal.ts';
import type { Config } from '../config/schema.ts';
import type { ConsentryRiskEngine } from '../domain/risk/engine.ts';
import type { AccessEvent, ContextFact } from '../domain/risk/event.ts';
import type { Learnt } from '../domain/risk/journal.ts';
import type { Random, Telemetry } from '../ports.ts';
import { keyBytes, secret } from './secrets.ts';

export interface KeptProfilesParts {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly vaultKey: Uint8Array;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly engine: ConsentryRiskEngine;
}

/** Profiles that outlive the process, and that gateways on one database share. */
export interface KeptProfiles {
  observe(event: AccessEvent, now: number): void;
  observeContext(fact: ContextFact): void;
  /** Resolves when what this gateway saw is kept, and what the others saw is known here. */
  sync(): Promise<void>;
  forget(patient: string): Promise<void>;
  close(): Promise<void>;
}

/** A snapshot holds up the calls while it is written, so it is taken at the end and when a replay would take long. */
const REPLAYED_AT_MOST = 200_000;

export async function openProfiles(parts: KeptProfilesParts): Promise<KeptProfiles> {
  const { config, environment, random, telemetry, engine } = parts;
  // Damaged or foreign profiles begin anew: novelty alone never leads past a notice.
  const file = join(config.data, 'risk.profiles');
  const { journal: mark } = loadProfiles(file, engine.features);
  let taught = 0;
  const learn = (item: Learnt): void => {
    taught++;
    if ('event' in item) engine.observe(item.event, item.at);
    else if ('fact' in item) engine.observeContext(item.fact);
    else engine.features.forgetPatient(item.forgotten);
  };
  const trouble = (error: unknown): void =>
    telemetry.failed('risk-journal', error instanceof Error ? error.name : typeof error);
  const { postgres, store, origin } = config.ledger;
  const journal =
    store === 'postgres' && postgres !== undefined
      ? await openPostgresJournal({
          url: secret(postgres.url, environment),
          origin,
          key: derived(keyBytes(secret(postgres.payloadKey, environment), 'ledger.postgres.payloadKey')),
          random,
          learn,
          trouble,
        })
      : await openFileJournal({
          folder: join(config.data, 'risk'),
          key: derived(parts.vaultKey),
          random,
          learn,
          trouble,
        });
  const save = async (): Promise<void> => {
    taught = 0;
    const now = journal.mark();
    saveProfiles(file, engine.features, now);
    await journal.settle(now);
  };
  const add = (item: Learnt): void => {
    journal.add(item);
    if (++taught >= REPLAYED_AT_MOST) save().catch(trouble);
  };
  if ((await journal.replay(mark)) > REPLAYED_AT_MOST / 2) await save();
  return {
    observe(event, now) {
      engine.observe(event, now);
      add({ at: now, event });
    },
    observeContext(fact) {
      engine.observeContext(fact);
      add({ fact });
    },
    sync: () => journal.sync(),
    async forget(patient) {
      await journal.forget(patient);
      await save();
    },
    async close() {
      await journal.sync().catch(trouble);
      await save();
      await journal.close();
    },
  };
}

const derived = (key: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', key, '', 'consentry risk journal', 32));
