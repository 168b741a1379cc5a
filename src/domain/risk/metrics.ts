import { seeded } from './random.ts';
import { CASE_STAYS_OPEN } from './review-queue.ts';
import { hourOf } from './time.ts';

/** One scored access, as the figures need it. */
export interface Scored {
  readonly score: number;
  readonly label: 0 | 1;
  readonly scenario?: string | undefined;
  readonly role?: string | undefined;
  /** Events of one case of misuse share a name; without one a user's day is the case. */
  readonly case?: string | undefined;
  /** User and day: the unit of alerts. */
  readonly day: string;
  readonly time: number;
  readonly explained: boolean;
  readonly alert: boolean;
  readonly blocked: boolean;
  readonly documented?: boolean;
}

/** Area under the ROC curve by ranks; ties count half. NaN when a class is missing. */
export const auc = (scores: ArrayLike<number>, labels: ArrayLike<number>): number => {
  const order = Uint32Array.from({ length: scores.length }, (_, index) => index).sort(
    (a, b) => (scores[a] as number) - (scores[b] as number),
  );
  let positives = 0;
  let rankSum = 0;
  for (let start = 0; start < order.length; ) {
    let end = start;
    let hits = 0;
    const value = scores[order[start] as number];
    while (end < order.length && scores[order[end] as number] === value) {
      if (labels[order[end] as number] === 1) hits++;
      end++;
    }
    rankSum += hits * ((start + 1 + end) / 2);
    positives += hits;
    start = end;
  }
  const negatives = order.length - positives;
  return positives === 0 || negatives === 0
    ? Number.NaN
    : (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
};

/** The score that only a share `rate` of the given (ordinary) scores lies above. */
export const thresholdAt = (ordinary: readonly number[], rate: number): number => {
  const sorted = Float64Array.from(ordinary).sort();
  const allowed = Math.floor(rate * sorted.length);
  return sorted[sorted.length - 1 - allowed] ?? Number.POSITIVE_INFINITY;
};

const shareAbove = (scores: readonly number[], threshold: number): number =>
  scores.length === 0 ? Number.NaN : scores.filter((score) => score > threshold).length / scores.length;

interface Day {
  readonly key: string;
  score: number;
  bad: boolean;
  alike: boolean;
  alert: boolean;
  time: number;
}

const daysOf = (rows: readonly Scored[]): Day[] => {
  const days = new Map<string, Day>();
  for (const row of rows) {
    const day = days.get(row.day);
    if (day === undefined)
      days.set(row.day, {
        key: row.day,
        score: row.score,
        bad: row.label === 1,
        alike: row.label === 0 && row.scenario !== undefined,
        alert: row.alert,
        time: row.time,
      });
    else {
      day.score = Math.max(day.score, row.score);
      if (row.label === 1) day.bad = true;
      else if (row.scenario !== undefined) day.alike = true;
      if (row.alert) day.alert = true;
    }
  }
  return [...days.values()];
};

const casesOf = (bad: readonly Scored[]): number[] => {
  const cases = new Map<string, number>();
  for (const row of bad) {
    const name = row.case ?? row.day;
    cases.set(name, Math.max(cases.get(name) ?? 0, row.score));
  }
  return [...cases.values()];
};

/** As the review queue opens cases: further days of one user join while the last is not long past. For each, whether it holds misuse. */
const casesOpened = (alerted: readonly Day[]): boolean[] => {
  const opened: boolean[] = [];
  const latest = new Map<string, { readonly at: number; readonly time: number }>();
  for (const { key, time, bad } of alerted.toSorted((a, b) => a.time - b.time)) {
    const user = key.slice(0, key.lastIndexOf('/'));
    const known = latest.get(user);
    const joins = known !== undefined && time - known.time <= CASE_STAYS_OPEN;
    const at = joins ? known.at : opened.push(false) - 1;
    if (bad) opened[at] = true;
    latest.set(user, { at, time });
  }
  return opened;
};

export interface Figures {
  readonly accesses: number;
  readonly misuse: number;
  readonly auc: number;
  /** Accesses found at 0.1 % of ordinary accesses. */
  readonly recall: number;
  /** Cases of misuse with at least one day found at 0.1 % of ordinary user-days. */
  readonly caseRecall: number;
  readonly dayRecall: number;
  /** Cases that open for a reviewer at that threshold, per day and 1,000 active users, true ones included. */
  readonly alertsPerDay: number;
  /** Of these, the ones that hold no misuse. */
  readonly falseAlertsPerDay: number;
  /** The same by what was done (step-up or block), at thresholds that were set elsewhere; and the cases found by it. */
  readonly stoppedPerDay: number;
  readonly falselyStoppedPerDay: number;
  readonly stoppedCases: number;
  /** Share of look-alike user-days above that threshold. */
  readonly alikeAlerted: number;
  readonly topTen: number;
  readonly calibrationError: number;
  readonly explainedLegitimate: number;
  readonly explainedMisuse: number;
  readonly documentedBlocked: number;
}

export const figuresOf = (rows: readonly Scored[], users: number): Figures => {
  const scores = Float64Array.from(rows, (row) => row.score);
  const labels = Uint8Array.from(rows, (row) => row.label);
  const good = rows.filter((row) => row.label === 0);
  const bad = rows.filter((row) => row.label === 1);
  const accessThreshold = thresholdAt(
    good.map((row) => row.score),
    0.001,
  );
  const days = daysOf(rows);
  const goodDays = days.filter((day) => !day.bad);
  const badDays = days.filter((day) => day.bad);
  const dayThreshold = thresholdAt(
    goodDays.map((day) => day.score),
    0.001,
  );
  const calendar = new Map<number, Day[]>();
  for (const day of days) {
    const date = Math.floor(day.time / 86_400_000);
    const list = calendar.get(date);
    if (list === undefined) calendar.set(date, [day]);
    else list.push(day);
  }
  const opened = casesOpened(days.filter((day) => day.score > dayThreshold));
  const stopped = casesOpened(days.filter((day) => day.alert));
  const daily = (count: number): number => (count / Math.max(1, calendar.size) / Math.max(1, users)) * 1_000;
  const precisions = [...calendar.values()]
    .filter((list) => list.some((day) => day.bad))
    .map((list) => {
      const top = [...list].sort((a, b) => b.score - a.score).slice(0, 10);
      return top.filter((day) => day.bad).length / Math.min(10, list.filter((day) => day.bad).length);
    });
  return {
    accesses: rows.length,
    misuse: bad.length,
    auc: auc(scores, labels),
    recall: shareAbove(
      bad.map((row) => row.score),
      accessThreshold,
    ),
    caseRecall: shareAbove(casesOf(bad), dayThreshold),
    dayRecall: shareAbove(
      badDays.map((day) => day.score),
      dayThreshold,
    ),
    alertsPerDay: daily(opened.length),
    falseAlertsPerDay: daily(opened.filter((holdsMisuse) => !holdsMisuse).length),
    stoppedPerDay: daily(stopped.length),
    falselyStoppedPerDay: daily(stopped.filter((holdsMisuse) => !holdsMisuse).length),
    stoppedCases: shareAbove(casesOf(bad.map((row) => ({ ...row, score: row.alert ? 1 : 0 }))), 0.5),
    alikeAlerted: shareAbove(
      goodDays.filter((day) => day.alike).map((day) => day.score),
      dayThreshold,
    ),
    topTen:
      precisions.length === 0 ? Number.NaN : precisions.reduce((sum, value) => sum + value, 0) / precisions.length,
    calibrationError: calibrationError(scores, labels),
    explainedLegitimate: good.length === 0 ? Number.NaN : good.filter((row) => row.explained).length / good.length,
    explainedMisuse: bad.length === 0 ? Number.NaN : bad.filter((row) => row.explained).length / bad.length,
    documentedBlocked: rows.filter((row) => row.blocked && row.documented === true && row.label === 0).length,
  };
};

/** Expected calibration error over ten bins of equal width. */
const calibrationError = (scores: ArrayLike<number>, labels: ArrayLike<number>): number => {
  const bins = Array.from({ length: 10 }, () => ({ count: 0, score: 0, hits: 0 }));
  for (let index = 0; index < scores.length; index++) {
    const bin = bins[Math.min(9, Math.floor((scores[index] as number) * 10))];
    if (bin === undefined) continue;
    bin.count++;
    bin.score += scores[index] as number;
    bin.hits += labels[index] as number;
  }
  return bins.reduce((sum, bin) => sum + Math.abs(bin.score - bin.hits), 0) / Math.max(1, scores.length);
};

/** Share of each group's cases that lie above the threshold of all. */
export const recallBy = (
  rows: readonly Scored[],
  groupOf: (row: Scored) => string | undefined,
): Map<string, { found: number; of: number }> => {
  const days = daysOf(rows);
  const dayThreshold = thresholdAt(
    days.filter((day) => !day.bad).map((day) => day.score),
    0.001,
  );
  const groups = new Map<string, Map<string, number>>();
  for (const row of rows) {
    const group = row.label === 1 ? groupOf(row) : undefined;
    if (group === undefined) continue;
    let cases = groups.get(group);
    if (cases === undefined) {
      cases = new Map();
      groups.set(group, cases);
    }
    const name = row.case ?? row.day;
    cases.set(name, Math.max(cases.get(name) ?? 0, row.score));
  }
  return new Map(
    [...groups].map(([group, cases]) => [
      group,
      { found: [...cases.values()].filter((score) => score > dayThreshold).length, of: cases.size },
    ]),
  );
};

/** The eight hours in which an access fell, UTC: whether those who work at night pay for the alerts. */
export const watchOf = (time: number): string => {
  const hour = hourOf(time);
  return hour >= 7 && hour < 15 ? '07-15' : hour >= 15 && hour < 23 ? '15-23' : '23-07';
};

/** Share of ordinary user-days of each group that lie above the threshold: who pays for the alerts. */
export const falseBy = (
  rows: readonly Scored[],
  groupOf: (row: Scored) => string | undefined,
): Map<string, { alerted: number; of: number }> => {
  const days = daysOf(rows);
  const bad = new Set(days.filter((day) => day.bad).map((day) => day.key));
  const threshold = thresholdAt(
    days.filter((day) => !day.bad).map((day) => day.score),
    0.001,
  );
  const groups = new Map<string, Map<string, number>>();
  for (const row of rows) {
    const group = bad.has(row.day) ? undefined : groupOf(row);
    if (group === undefined) continue;
    let list = groups.get(group);
    if (list === undefined) {
      list = new Map();
      groups.set(group, list);
    }
    list.set(row.day, Math.max(list.get(row.day) ?? 0, row.score));
  }
  return new Map(
    [...groups].map(([group, list]) => [
      group,
      { alerted: [...list.values()].filter((score) => score > threshold).length, of: list.size },
    ]),
  );
};

/** A share with its parts, such as cases found of all. */
export interface Share {
  readonly part: number;
  readonly of: number;
}

interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** 95 % interval of the mean of some figures (one per house), by resampling houses with replacement. */
export const interval = (values: readonly number[], seed: number): Interval =>
  shareInterval(
    values.filter(Number.isFinite).map((part) => ({ part, of: 1 })),
    seed,
  );

/** The same of a share whose parts lie in several houses: houses with more cases weigh more. */
export const shareInterval = (houses: readonly Share[], seed: number, rounds = 2_000): Interval => {
  const known = houses.filter(({ of }) => of > 0);
  if (known.length === 0) return { mean: Number.NaN, low: Number.NaN, high: Number.NaN };
  const random = seeded(seed);
  const share = (pick: (n: number) => Share): number => {
    let part = 0;
    let of = 0;
    for (let n = 0; n < known.length; n++) {
      const house = pick(n);
      part += house.part;
      of += house.of;
    }
    return part / of;
  };
  const drawn = Float64Array.from({ length: rounds }, () =>
    share(() => known[Math.floor(random() * known.length)] as Share),
  ).sort();
  return {
    mean: share((n) => known[n] as Share),
    low: drawn[Math.floor(rounds * 0.025)] as number,
    high: drawn[Math.floor(rounds * 0.975)] as number,
  };
};
