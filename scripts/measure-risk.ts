/**
 * Measures the shipped model and its baselines in simulated hospitals that it was neither trained nor calibrated on, and writes the figures
 * and plots of docs/risk.md. Seeded: the same figures come out every time.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readModelFile, readPolicyFile, shippedModelFile, shippedPolicyFile } from '../src/adapters/risk/tools.ts';
import { callOf } from '../src/domain/risk/call.ts';
import { RiskContext } from '../src/domain/risk/context.ts';
import { decide } from '../src/domain/risk/decide.ts';
import { RiskFeatures } from '../src/domain/risk/features.ts';
import {
  type Figures,
  falseBy,
  figuresOf,
  interval,
  recallBy,
  type Scored,
  type Share,
  shareInterval,
  watchOf,
} from '../src/domain/risk/metrics.ts';
import { HEADS } from '../src/domain/risk/model.ts';
import { ruleHits, ruleScore } from '../src/domain/risk/rules.ts';
import { reaches } from '../src/domain/risk/score.ts';
import { createScorer } from '../src/domain/risk/scorer.ts';
import { simulate, usualSimulation } from '../src/domain/risk/simulator/simulate.ts';

const { values } = parseArgs({
  options: {
    houses: { type: 'string', default: '6' },
    out: { type: 'string', default: 'docs' },
    users: { type: 'string', default: '250' },
    days: { type: 'string', default: '45' },
    model: { type: 'string' },
  },
});
/** Cases begun a day and 1,000 users: enough to count. */
const MISUSE = 4;
const houses = Number(values.houses);
const users = Number(values.users);
const model = readModelFile(values.model ?? shippedModelFile);
const policy = readPolicyFile(shippedPolicyFile);
const scorer = createScorer(model);
const systems = ['combination', 'net', 'logistic regression', 'isolation forest', 'rules'] as const;
const measured = new Map<string, Figures[]>(systems.map((name) => [name, []]));
/** By name, one share per house. */
type Shares = Map<string, Share[]>;
const scenarios: Shares = new Map();
const roles: Shares = new Map();
const watches: Shares = new Map();
const kinds: Shares = new Map();
const rotation: Shares = new Map();
const delays: number[] = [];
const rates = [0.0003, 0.001, 0.003, 0.01, 0.03];
const curves = new Map<string, number[][]>(systems.map((name) => [name, []]));

const add = (into: Shares, name: string, share: Share): void => {
  const known = into.get(name);
  if (known === undefined) into.set(name, [share]);
  else known.push(share);
};
const foundOf = (each: { readonly found: number; readonly of: number }): Share => ({ part: each.found, of: each.of });
const alertedOf = (each: { readonly alerted: number; readonly of: number }): Share => ({
  part: each.alerted,
  of: each.of,
});

for (let house = 1; house <= houses; house++) {
  const world = 40 + house;
  const context = new RiskContext();
  const features = new RiskFeatures(context);
  const events = [];
  const size = {
    ...usualSimulation,
    users,
    patients: users * 20,
    days: Number(values.days),
    world,
    seed: 7_000 + house,
    misusePerDay: MISUSE,
    calmDays: 4,
  };
  for (const item of simulate(size)) {
    if (item.kind === 'fact') context.add(item.fact);
    else events.push(item.told);
  }
  const begin = Date.parse(size.start) + 15 * 86_400_000;
  const rows: Scored[][] = systems.map(() => []);
  const heads = new Float64Array(HEADS);
  for (const told of events) {
    const call = callOf(told.event);
    const look = features.look(call, told.time);
    if (told.time >= begin) {
      const rules = ruleScore(ruleHits(look, policy));
      const score = scorer.score(look.vector, rules);
      scorer.heads(look.vector, rules, heads);
      const action = decide(score, look, call, policy.ladder ?? model.ladder, policy);
      const row = {
        label: told.label,
        scenario: told.scenario,
        case: told.case,
        role: told.event.role,
        day: `${call.user}/${Math.floor(told.time / 86_400_000)}`,
        time: told.time,
        explained: look.explained,
        alert: reaches(action, 'step-up'),
        blocked: action === 'block',
        documented: look.documented,
      };
      [score, ...[0, 1, 2, 3].map((head) => 1 / (1 + Math.exp(-(heads[head] ?? 0))))].forEach((each, index) => {
        rows[index]?.push({ ...row, score: each });
      });
    }
    features.commit(call, told.time, look);
  }
  systems.forEach((name, index) => {
    const list = rows[index] ?? [];
    measured.get(name)?.push(figuresOf(list, users));
    curves.get(name)?.push(rates.map((rate) => caseRecallAt(list, rate)));
  });
  const combined = rows[0] ?? [];
  for (const [name, each] of recallBy(combined, (row) => row.scenario)) add(scenarios, name, foundOf(each));
  for (const [name, each] of falseBy(combined, (row) => row.role)) add(roles, name, alertedOf(each));
  for (const [name, each] of falseBy(combined, (row) => watchOf(row.time))) add(watches, name, alertedOf(each));
  for (const [name, each] of falseBy(combined, (row) => (row.label === 0 ? row.scenario : undefined)))
    add(kinds, name, alertedOf(each));
  delays.push(...delaysOf(combined));
  const half = begin + ((Number(values.days) - 15) / 2) * 86_400_000;
  for (const [name, each] of recallBy(
    combined.map((row) => ({ ...row, scenario: row.time < half ? 'before' : 'after' })),
    (row) => row.scenario,
  ))
    add(rotation, name, foundOf(each));
  console.error(
    `house ${house} of ${houses}: ${events.length} events, AUC ${measured.get('combination')?.at(-1)?.auc.toFixed(4)}, cases ${measured.get('combination')?.at(-1)?.caseRecall.toFixed(3)}`,
  );
}

function dayScores(rows: readonly Scored[]): { good: number[]; cases: Map<string, number> } {
  const days = new Map<string, { score: number; bad: boolean }>();
  const cases = new Map<string, number>();
  for (const row of rows) {
    const day = days.get(row.day);
    if (day === undefined) days.set(row.day, { score: row.score, bad: row.label === 1 });
    else {
      day.score = Math.max(day.score, row.score);
      day.bad ||= row.label === 1;
    }
    if (row.label === 1) {
      const name = row.case ?? row.day;
      cases.set(name, Math.max(cases.get(name) ?? 0, row.score));
    }
  }
  return {
    good: [...days.values()]
      .filter((day) => !day.bad)
      .map((day) => day.score)
      .sort((a, b) => b - a),
    cases,
  };
}

function caseRecallAt(rows: readonly Scored[], rate: number): number {
  const { good, cases } = dayScores(rows);
  const threshold = good[Math.floor(rate * good.length)] ?? 1;
  return [...cases.values()].filter((score) => score > threshold).length / Math.max(1, cases.size);
}

/** Hours from the first access of a case to the first that lies above the threshold, for those that are found. */
function delaysOf(rows: readonly Scored[]): number[] {
  const { good } = dayScores(rows);
  const threshold = good[Math.floor(0.001 * good.length)] ?? 1;
  const first = new Map<string, number>();
  const found = new Map<string, number>();
  for (const row of rows) {
    if (row.label !== 1) continue;
    const name = row.case ?? row.day;
    if (!first.has(name)) first.set(name, row.time);
    if (row.score > threshold && !found.has(name))
      found.set(name, (row.time - (first.get(name) ?? row.time)) / 3_600_000);
  }
  return [...found.values()];
}

const show = (list: readonly number[], digits = 3): string => {
  const { mean, low, high } = interval(list, 1);
  return Number.isFinite(mean) ? `${mean.toFixed(digits)} (${low.toFixed(digits)}-${high.toFixed(digits)})` : '-';
};
const names: readonly (readonly [keyof Figures, string, number])[] = [
  ['auc', 'AUC, per access', 4],
  ['recall', 'recall at 0.1 % of ordinary accesses', 3],
  ['caseRecall', 'cases found at 0.1 % of ordinary user-days', 3],
  ['dayRecall', 'misuse user-days found at the same', 3],
  ['alertsPerDay', 'alerts (cases opened) a day per 1,000 users', 2],
  ['falseAlertsPerDay', 'of these without misuse', 2],
  ['topTen', 'precision of the daily top 10', 3],
  ['stoppedCases', "cases found by step-up or block, at the model's own thresholds", 3],
  ['stoppedPerDay', 'alerts of that kind a day per 1,000 users', 2],
  ['falselyStoppedPerDay', 'of these without misuse', 2],
  ['alikeAlerted', 'look-alike user-days alerted', 4],
  ['calibrationError', 'calibration error', 4],
];
const ofCombination: ReadonlySet<string> = new Set([
  'calibrationError',
  'stoppedCases',
  'stoppedPerDay',
  'falselyStoppedPerDay',
]);
const lines: string[] = [
  `| figure (mean of ${houses} houses, 95 % interval) | ${systems.join(' | ')} |`,
  `| --- | ${systems.map(() => '---').join(' | ')} |`,
];
for (const [key, title, digits] of names)
  lines.push(
    `| ${title} | ${systems
      .map((name) =>
        ofCombination.has(key) && name !== 'combination'
          ? '-'
          : show(
              (measured.get(name) ?? []).map((each) => each[key]),
              digits,
            ),
      )
      .join(' | ')} |`,
  );
const combination = measured.get('combination') ?? [];
const sorted = [...delays].sort((a, b) => a - b);
lines.push(
  '',
  `Legitimate accesses explained: ${show(combination.map((each) => each.explainedLegitimate))}. Misuse that lay within an explanation: ${show(combination.map((each) => each.explainedMisuse))}.`,
);
lines.push(
  `Hard blocks of documented treatment: ${combination.reduce((sum, each) => sum + each.documentedBlocked, 0)}.`,
);
lines.push(
  `Delay to detection of the cases found: median ${(sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(1)} h, 90 % within ${(sorted[Math.floor(sorted.length * 0.9)] ?? 0).toFixed(1)} h.`,
);
const percent = (shares: readonly Share[]): string => {
  const { mean, low, high } = shareInterval(shares, 1);
  return `${(mean * 100).toFixed(2)} % (${(low * 100).toFixed(2)}-${(high * 100).toFixed(2)})`;
};
const total = (shares: readonly Share[], key: keyof Share): number =>
  shares.reduce((sum, share) => sum + share[key], 0);
const rate = (shares: readonly Share[]): number => total(shares, 'part') / Math.max(1, total(shares, 'of'));
const table = (title: string, part: string, shares: Shares, best: boolean): void => {
  lines.push('', `| ${title} | ${part} | of | share, 95 % interval |`, '| --- | --- | --- | --- |');
  const sortedShares = [...shares].sort((a, b) => (best ? rate(b[1]) - rate(a[1]) : a[0] < b[0] ? -1 : 1));
  for (const [name, list] of sortedShares)
    lines.push(`| ${name.replace('alike:', '')} | ${total(list, 'part')} | ${total(list, 'of')} | ${percent(list)} |`);
};
lines.push(
  `Cases found before and after the residents' rotation: ${percent(rotation.get('before') ?? [])}, ${percent(rotation.get('after') ?? [])}.`,
);
table('kind of misuse', 'cases found', scenarios, true);
table('role, or hours (UTC)', 'ordinary user-days alerted', new Map([...roles, ...watches]), false);
table('look-alike', 'user-days alerted', kinds, false);

const colours = ['#1b6ca8', '#7a3e9d', '#c0562b', '#3d8b40', '#888888'];
const x = (rate: number): number => 60 + ((Math.log10(rate) - Math.log10(0.0003)) / 2) * 460;
const y = (recall: number): number => 300 - recall * 260;
const plot = [
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 350" font-family="sans-serif" font-size="12">',
  '<rect width="700" height="350" fill="white"/>',
  '<text x="60" y="22" font-size="14">Cases found, by the share of ordinary user-days that are alerted</text>',
  ...[0, 0.25, 0.5, 0.75, 1].map(
    (recall) =>
      `<line x1="60" x2="520" y1="${y(recall)}" y2="${y(recall)}" stroke="#ddd"/><text x="52" y="${y(recall) + 4}" text-anchor="end">${recall}</text>`,
  ),
  ...rates.map((rate) => `<text x="${x(rate).toFixed(1)}" y="320" text-anchor="middle">${rate * 100} %</text>`),
  ...systems.flatMap((name, index) => {
    const means = rates.map(
      (_, at) =>
        interval(
          (curves.get(name) ?? []).map((list) => list[at] ?? 0),
          1,
        ).mean,
    );
    return [
      `<polyline fill="none" stroke="${colours[index]}" stroke-width="2" points="${means.map((mean, at) => `${x(rates[at] ?? 0.001).toFixed(1)},${y(mean).toFixed(1)}`).join(' ')}"/>`,
      `<text x="540" y="${60 + index * 20}" fill="${colours[index]}">${name}</text>`,
    ];
  }),
  '</svg>',
];
mkdirSync(values.out, { recursive: true });
writeFileSync(`${values.out}/risk-recall.svg`, `${plot.join('\n')}\n`);
writeFileSync(
  `${values.out}/risk-figures.md`,
  `<!-- Written by npm run risk:measure; model ${model.id}. -->\n# Figures of the shipped risk model\n\nModel \`${model.id}\`; ${houses} simulated hospitals (worlds 41-${40 + houses}) of ${users} users, ${users * 20} patients and ${values.days} days, the first 15 not measured. It was trained on worlds 1-16 and calibrated on 501-508; cases begin at four times the simulator's usual rate, ${MISUSE} a day and 1,000 users. Intervals: houses drawn with replacement.\n\n${lines.join('\n')}\n\n![Cases found by alert share](risk-recall.svg)\n`,
);
