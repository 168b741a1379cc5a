import { callOf } from '../../domain/risk/call.ts';
import { RiskContext } from '../../domain/risk/context.ts';
import { RiskFeatures } from '../../domain/risk/features.ts';
import { usualRiskPolicy } from '../../domain/risk/risk-policy.ts';
import { ruleHits, ruleScore } from '../../domain/risk/rules.ts';
import { type SimulationOptions, simulate } from '../../domain/risk/simulator/simulate.ts';
import type { TrainingSample } from '../../domain/risk/training-set.ts';

const PER_CASE = 6;

/** Plays one simulated hospital through the features and offers every call after the warm-up to the sample. */
export const sampleHouse = (
  options: SimulationOptions,
  warmDays: number,
  sample: TrainingSample,
  seen?: (told: Sampled) => void,
): number => {
  const context = new RiskContext();
  const features = new RiskFeatures(context);
  const events = [];
  // The facts of a house are known to the gateway as they are recorded; their own times keep the future out of sight.
  for (const item of simulate(options)) {
    if (item.kind === 'fact') context.add(item.fact);
    else events.push(item.told);
  }
  const cases = new Map<string, Parameters<TrainingSample['offer']>[0][]>();
  const begin = Date.parse(options.start) + warmDays * 86_400_000;
  for (const told of events) {
    const call = callOf(told.event);
    const look = features.look(call, told.time);
    const rules = ruleScore(ruleHits(look, usualRiskPolicy));
    if (told.time >= begin) {
      const day = `${options.world}/${options.seed}/${call.user}/${Math.floor(told.time / 86_400_000)}`;
      const row = {
        vector: look.vector,
        rules,
        label: told.label,
        time: told.time,
        day,
        odd: !look.explained || told.scenario !== undefined,
      };
      const name = told.case;
      if (name === undefined) sample.offer(row);
      else {
        const kept = cases.get(name);
        const copy = { ...row, vector: look.vector.slice() };
        if (kept === undefined) cases.set(name, [copy]);
        else kept.push(copy);
      }
      seen?.({ vector: look.vector, rules, label: told.label, scenario: told.scenario });
    }
    features.commit(call, told.time, look);
  }
  // A long case must not outweigh the short ones: a few moments of each are enough.
  for (const rows of cases.values())
    for (let n = 0; n < Math.min(rows.length, PER_CASE); n++) {
      const row = rows[Math.floor(((n + 0.5) / Math.min(rows.length, PER_CASE)) * rows.length)];
      if (row !== undefined) sample.offer(row);
    }
  return events.length;
};

export interface Sampled {
  readonly vector: Float64Array;
  readonly rules: number;
  readonly label: 0 | 1;
  readonly scenario: string | undefined;
}
