import { callOf } from '../../domain/risk/call.ts';
import { RiskContext } from '../../domain/risk/context.ts';
import { RiskFeatures } from '../../domain/risk/features.ts';
import { usualRiskPolicy } from '../../domain/risk/risk-policy.ts';
import { ruleHits, ruleScore } from '../../domain/risk/rules.ts';
import { type SimulationOptions, simulate } from '../../domain/risk/simulator/simulate.ts';
import { type Gap, withheldEvent, withheldFact } from '../../domain/risk/simulator/withheld.ts';
import type { TrainingSample } from '../../domain/risk/training-set.ts';

const PER_CASE = 6;

/** Plays one simulated hospital through the features and offers every call after the warm-up to the sample. */
export const sampleHouse = (
  options: SimulationOptions,
  warmDays: number,
  sample: TrainingSample,
  missing: readonly Gap[] = [],
): number => {
  const gaps = new Set(missing);
  const context = new RiskContext();
  const features = new RiskFeatures(context);
  const events = [];
  // The facts of a house are known to the gateway as they are recorded; their own times keep the future out of sight.
  for (const item of simulate(options)) {
    if (item.kind === 'event') events.push(item.told);
    else {
      const fact = withheldFact(item.fact, gaps);
      if (fact !== undefined) context.add(fact);
    }
  }
  const cases = new Map<string, Parameters<TrainingSample['offer']>[0][]>();
  const begin = Date.parse(options.start) + warmDays * 86_400_000;
  for (const told of events) {
    const call = callOf(withheldEvent(told.event, gaps));
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
    }
    features.commit(call, told.time, look);
  }
  // Each case weighs the same: a few moments of a long one, and a short one as often as those.
  for (const rows of cases.values())
    for (let n = 0; n < PER_CASE; n++) {
      const row = rows[Math.floor(((n + 0.5) / PER_CASE) * rows.length)];
      if (row !== undefined) sample.offer(row);
    }
  return events.length;
};
