import { hkdfSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCaseFile } from '../adapters/risk/case-file.ts';
import type { Config } from '../config/schema.ts';
import { BoundedMap } from '../domain/bounded-map.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import { member, stringOf, toValue } from '../domain/json/cursor.ts';
import type { Tape } from '../domain/json/tape.ts';
import { positionedYaml } from '../domain/policy/positioned-yaml.ts';
import { type DriftState, DriftWatch } from '../domain/risk/drift.ts';
import { type ConsentryRiskEngine, createRiskEngine, type ShadowCounts } from '../domain/risk/engine.ts';
import { factsOf } from '../domain/risk/fhir-facts.ts';
import { loadModel } from '../domain/risk/model.ts';
import { Pace } from '../domain/risk/pace.ts';
import { type ReviewCase, ReviewQueue } from '../domain/risk/review-queue.ts';
import { failureMode, type RiskPolicy, readRiskPolicy } from '../domain/risk/risk-policy.ts';
import { type HistoryState, ScoreHistory } from '../domain/risk/score-history.ts';
import { ThreatFeeds } from '../domain/risk/threat.ts';
import { VolumeGuard } from '../domain/risk/volume-guard.ts';
import type { Clock, LedgerStore, Random, RiskEngine, Telemetry } from '../ports.ts';
import type { RiskRules } from '../stages/assess.ts';
import { type KeptProfiles, openProfiles } from './risk-journal.ts';
import { openRiskModels, type RiskModels } from './risk-models.ts';

export interface RiskParts {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly vaultKey: Uint8Array;
  readonly ledger: Pick<LedgerStore, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
}

export interface OpenRisk extends RiskEngine {
  readonly engine: ConsentryRiskEngine;
  readonly policy: RiskPolicy;
  readonly rules: RiskRules;
  readonly volume: VolumeGuard;
  readonly feeds: ThreatFeeds;
  readonly queue: ReviewQueue;
  readonly history: ScoreHistory;
  readonly drift: DriftWatch;
  readonly models: RiskModels;
  readonly profiles: Pick<KeptProfiles, 'sync'>;
  /** Learns who treats whom from the resources that pass. */
  readonly seen: (tape: Tape, node: number) => void;
  /** Resolves when every case as it stands survives a crash. */
  keepCases(): Promise<void>;
  /** Of a patient who is erased. */
  forget(patient: PatientId): void;
  /** Keeps what was learnt of people and programs for the next start. */
  close(): Promise<void>;
}

/** The types that tell who treats whom, who works where, and who is who. */
const telling: ReadonlySet<string> = new Set([
  'Appointment',
  'CareTeam',
  'Encounter',
  'MedicationRequest',
  'Patient',
  'Practitioner',
  'PractitionerRole',
  'ServiceRequest',
]);

/** Alerts are on disk within this time; what people decided, before they are answered. */
const KEEP_MS = 1_000;
const SAVE_MS = 300_000;

/** Throws with a sentence when the model or its policy is broken: a gateway without a score does not start. */
export async function openRisk(parts: RiskParts): Promise<OpenRisk> {
  const { config, telemetry } = parts;
  const folder = join(config.data, 'risk');
  mkdirSync(folder, { recursive: true });
  const shipped = loadModel(read(config.riskModel, JSON.parse));
  if ('fault' in shipped) throw new Error(`The risk model ${config.riskModel} does not load: ${shipped.text}`);
  const policyFile = join(config.policies, 'risk.yaml');
  const policy = readRiskPolicy(read(policyFile, yaml));
  if ('fault' in policy) throw new Error(`The risk policy ${policyFile} does not load: ${policy.text}`);

  const models = openRiskModels({ ...parts, folder, shipped, promotion: policy.promotion });
  const feeds = new ThreatFeeds(config.threatFeeds.ownNetworks, policy.threat.staleHours);
  const engine = createRiskEngine({
    model: models.champion(),
    policy,
    threat: (event, time) => feeds.match(event.ip, event.agent, time),
  });
  const profiles = await openProfiles({ ...parts, engine });
  for (const id of config.clients) engine.observeContext({ kind: 'client', id });

  const queue = new ReviewQueue();
  const cases = await openCaseFile<ReviewCase>({
    folder,
    name: 'cases.sealed',
    key: new Uint8Array(hkdfSync('sha256', parts.vaultKey, '', 'consentry risk cases', 32)),
    random: parts.random,
  });
  if (cases.unreadable > 0) telemetry.failed('risk-cases', 'UnreadableCases');
  for (const known of cases.entries.values()) queue.restore(known);

  const history = new ScoreHistory();
  const drift = new DriftWatch();
  const measuresFile = join(folder, 'measures.json');
  const measures = readMeasures(measuresFile);
  if (measures !== undefined) {
    history.restore(measures.history);
    drift.restore(measures.drift);
  }
  const trouble = (error: unknown): void =>
    telemetry.failed('risk-cases', error instanceof Error ? error.name : typeof error);
  const keepCases = async (): Promise<void> => {
    const changes = queue.takeChanged();
    try {
      await cases.write(changes);
    } catch (error) {
      queue.keepAgain(changes.map(([id]) => id));
      throw error;
    }
  };
  const keepMeasures = (): void => {
    const { challenger, shadow } = engine.status();
    const kept: Measures = { history: history.state(), drift: drift.state(), challenger, shadow };
    writeFileSync(`${measuresFile}.new`, JSON.stringify(kept), { mode: 0o600, flush: true });
    renameSync(`${measuresFile}.new`, measuresFile);
  };
  await models.follow(engine);
  if (measures?.challenger !== undefined && measures.challenger === engine.status().challenger)
    engine.challenge(models.store.challenger(), measures.shadow);

  const timers = [
    setInterval(() => {
      keepCases().catch(trouble);
    }, KEEP_MS),
    setInterval(keepMeasures, SAVE_MS),
  ];
  for (const timer of timers) timer.unref();

  const pace = new Pace(policy.rateLimit.callsPerMinute);
  const rules: RiskRules = {
    failureMode: (purpose) => failureMode(policy, purpose),
    stepUp: policy.stepUp,
    pace: (user, now, only) => pace.take(user, now, only),
    flag: (event, assessment, now) => queue.add(event, assessment, now),
  };
  // A version that was read before tells nothing new, and most traffic reads the same few again.
  const known = new BoundedMap<string, true>(100_000);
  return {
    engine,
    policy,
    rules,
    feeds,
    queue,
    history,
    drift,
    models,
    volume: new VolumeGuard(policy.volume),
    assess(event, now, batch) {
      const assessment = engine.assess(event, now, batch);
      history.add(event.user ?? '', assessment.score, now);
      drift.add(assessment.model, assessment.score, assessment.explained);
      if (assessment.action !== 'allow') queue.add(event, assessment, now);
      return assessment;
    },
    profiles,
    observe(event, now, batch) {
      if (batch === undefined) profiles.observe(event, now);
      else engine.observe(event, now, batch);
    },
    seen(tape, node) {
      const type = stringOf(tape, member(tape, node, 'resourceType'));
      if (type === undefined || !telling.has(type)) return;
      const version = stringOf(tape, member(tape, member(tape, node, 'meta'), 'versionId'));
      const key = `${type}/${stringOf(tape, member(tape, node, 'id'))}/${version}`;
      if (known.get(key) !== undefined) return;
      known.set(key, true);
      for (const fact of factsOf(toValue(tape, node))) profiles.observeContext(fact);
    },
    keepCases,
    forget(patient) {
      engine.features.forgetPatient(patient);
      queue.forget(patient);
      keepCases()
        .then(() => cases.rewrite())
        .then(() => profiles.forget(patient))
        .catch(trouble);
    },
    async close() {
      for (const timer of timers) clearInterval(timer);
      await models.stop();
      await keepCases().catch(trouble);
      await cases.close();
      keepMeasures();
      await profiles.close();
    },
  };
}

/** What is measured of the scores, beside the profiles. */
interface Measures {
  readonly history: HistoryState;
  readonly drift: DriftState;
  readonly challenger: string | undefined;
  readonly shadow: ShadowCounts;
}

/** Figures for officers: without them the gateway scores as before, so damage costs the figures alone. */
function readMeasures(file: string): Measures | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Measures;
  } catch {
    return undefined;
  }
}

function read(file: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} cannot be read: ${error instanceof Error ? error.message : 'unknown'}`);
  }
}

function yaml(text: string): unknown {
  const parsed = positionedYaml(text);
  if (!parsed.ok)
    throw new Error(parsed.faults.map((fault) => `${fault.line}:${fault.column}: ${fault.message}`).join('; '));
  return parsed.document.value;
}
