import { resourceTypes } from '../fhir/schema.ts';
import type { CompiledPlan } from '../masking/compile.ts';
import { coveredTypes, effectsOf } from '../masking/effects.ts';
import { strictness } from '../masking/method.ts';
import type { PolicySet } from './policy-set.ts';

/** The eighteen kinds of identifiers of 45 CFR 164.514(b)(2)(i). */
export const safeHarborRows: Readonly<Record<string, string>> = {
  A: 'Names',
  B: 'Geography below state',
  C: 'Dates except year, ages over 89',
  D: 'Telephone numbers',
  E: 'Fax numbers',
  F: 'E-mail addresses',
  G: 'Social security numbers',
  H: 'Medical record numbers',
  I: 'Health plan beneficiary numbers',
  J: 'Account numbers',
  K: 'Certificate and licence numbers',
  L: 'Vehicle identifiers',
  M: 'Device identifiers and serial numbers',
  N: 'Web addresses',
  O: 'IP addresses',
  P: 'Biometric identifiers',
  Q: 'Full-face photographs',
  R: 'Any other unique number, characteristic or code',
};

export interface RowCoverage {
  readonly row: string;
  readonly title: string;
  /** Every class of the row is masked by a rule of the plan, or its elements go by their datatype. */
  readonly covered: boolean;
  readonly rules: readonly string[];
  /** Classes of the row with elements that the plan keeps. */
  readonly open: readonly string[];
}

/** Which of the eighteen rows a plan closes, by the element classes that say which rows they are for. */
export const safeHarborCoverage = (set: PolicySet, plan: CompiledPlan): readonly RowCoverage[] => {
  const layers = plan.automaton.layers;
  const isSafe = layers.some((layer) => layer.defaults.unnamed === 'safe');
  return Object.entries(safeHarborRows).map(([row, title]) => {
    const classes = [...set.classes.values()].filter((each) => each.safeHarbor.includes(row));
    const rules = new Set<string>();
    const open: string[] = [];
    for (const each of classes) {
      let closed = true;
      for (const path of each.paths) {
        const masking = layers.flatMap((layer) =>
          layer.rules.filter(
            (rule) =>
              strictness(rule.method) >= strictness('generalise') &&
              rule.targets.some((target) => target.text === path.text),
          ),
        );
        const kept = layers.some((layer) =>
          layer.rules.some(
            (rule) =>
              strictness(rule.method) < strictness('generalise') &&
              rule.targets.some((target) => target.text === path.text),
          ),
        );
        for (const rule of masking) rules.add(rule.id);
        const elsewhere = resourceTypes.has(path.root) && !plan.automaton.covers(path.root);
        if (masking.length === 0 && !elsewhere && (kept || !isSafe)) closed = false;
      }
      if (!closed) open.push(each.name);
    }
    return { row, title, covered: classes.length > 0 && open.length === 0, rules: [...rules].sort(), open };
  });
};

export interface RuleCoverage {
  readonly rule: string;
  readonly file: string;
  readonly line: number;
  /** Number of elements of R4 that the rule decides, over all types its policy covers. */
  readonly elements: number;
  /** A case beside the policies has seen the rule fire. */
  readonly tested: boolean;
}

/** How much each rule decides and whether a test has seen it; a rule that decides nothing is dead. */
export const ruleCoverage = (set: PolicySet): readonly RuleCoverage[] => {
  const elements = new Map<string, number>();
  for (const document of set.documents) {
    for (const role of document.roles) {
      const plan = set.planFor({ roles: [role], purpose: document.purposes[0] ?? '' });
      if (plan === undefined) continue;
      for (const type of coveredTypes(plan)) {
        for (const effect of effectsOf(plan, type)) {
          for (const rule of effect.rules) elements.set(rule, (elements.get(rule) ?? 0) + 1);
        }
      }
    }
  }
  const fired = new Set(set.tests.flatMap((test) => test.rules));
  return set.documents.flatMap((document) =>
    document.rules.map((rule) => ({
      rule: rule.id,
      file: rule.file,
      line: rule.line,
      elements: elements.get(rule.id) ?? 0,
      tested: fired.has(rule.id),
    })),
  );
};
