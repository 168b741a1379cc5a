import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadProfiles, saveProfiles } from '../adapters/risk/profile-store.ts';
import type { Config } from '../config/schema.ts';
import { BoundedMap } from '../domain/bounded-map.ts';
import { member, stringOf, toValue } from '../domain/json/cursor.ts';
import type { Tape } from '../domain/json/tape.ts';
import { positionedYaml } from '../domain/policy/positioned-yaml.ts';
import { createRiskEngine } from '../domain/risk/engine.ts';
import { factsOf } from '../domain/risk/fhir-facts.ts';
import { loadModel } from '../domain/risk/model.ts';
import { failureMode, readRiskPolicy } from '../domain/risk/risk-policy.ts';
import { ThreatFeeds } from '../domain/risk/threat.ts';
import { VolumeGuard } from '../domain/risk/volume-guard.ts';
import type { RiskEngine } from '../ports.ts';
import type { RiskRules } from '../stages/assess.ts';

export interface OpenRisk extends RiskEngine {
  readonly rules: RiskRules;
  readonly volume: VolumeGuard;
  readonly feeds: ThreatFeeds;
  /** Learns who treats whom from the resources that pass. */
  readonly seen: (tape: Tape, node: number) => void;
  /** Keeps what was learnt of people and programs for the next start. */
  save(): void;
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

/** Throws with a sentence when the model or its policy is broken: a gateway without a score does not start. */
export function openRisk(config: Config): OpenRisk {
  const modelFile = config.riskModel;
  const policyFile = join(config.policies, 'risk.yaml');
  const profileFile = join(config.data, 'risk.profiles');
  const model = loadModel(read(modelFile, JSON.parse));
  if ('fault' in model) throw new Error(`The risk model ${modelFile} does not load: ${model.text}`);
  const policy = readRiskPolicy(read(policyFile, yaml));
  if ('fault' in policy) throw new Error(`The risk policy ${policyFile} does not load: ${policy.text}`);
  const feeds = new ThreatFeeds(config.threatFeeds.ownNetworks, policy.threat.staleHours);
  const engine = createRiskEngine({
    model,
    policy,
    threat: (event, time) => feeds.match(event.ip, event.agent, time),
  });
  // Damaged or foreign profiles begin anew: novelty alone never leads past a notice.
  loadProfiles(profileFile, engine.features);
  for (const id of config.clients) engine.observeContext({ kind: 'client', id });
  // A version that was read before tells nothing new, and most traffic reads the same few again.
  const known = new BoundedMap<string, true>(100_000);
  const rules: RiskRules = {
    failureMode: (purpose) => failureMode(policy, purpose),
    stepUp: policy.stepUp,
    flag: () => {},
  };
  return {
    rules,
    feeds,
    volume: new VolumeGuard(policy.volume),
    assess: (event, now) => engine.assess(event, now),
    observe: (event, now) => engine.observe(event, now),
    save: () => {
      saveProfiles(profileFile, engine.features);
    },
    seen(tape, node) {
      const type = stringOf(tape, member(tape, node, 'resourceType'));
      if (type === undefined || !telling.has(type)) return;
      const version = stringOf(tape, member(tape, member(tape, node, 'meta'), 'versionId'));
      const key = `${type}/${stringOf(tape, member(tape, node, 'id'))}/${version}`;
      if (known.get(key) !== undefined) return;
      known.set(key, true);
      for (const fact of factsOf(toValue(tape, node))) engine.observeContext(fact);
    },
  };
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
