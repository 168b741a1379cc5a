import { Command } from 'commander';
import type {
  EvaluateCommand,
  EvaluationReport,
  ExplainCommand,
  Progress,
  PromotionResult,
  RiskTools,
  SimulateCommand,
  StatusCommand,
  StoreCommand,
  TrainCommand,
} from '../domain/risk/commands.ts';
import { UsageError } from './config.ts';

interface Printed {
  readonly json?: boolean;
}

export interface RiskCommandTools extends RiskTools {
  /** Draws the progress; a terminal only. */
  progress(): { readonly update: Progress; readonly end: () => void };
}

const whole =
  (low: number) =>
  (value: string): number => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < low)
      throw new UsageError(`${value} is not a whole number of ${low} or more.`);
    return number;
  };

const share = (value: string): number => {
  const number = Number(value);
  if (!(number >= 0) || !Number.isFinite(number)) throw new UsageError(`${value} is not a number of 0 or more.`);
  return number;
};

const moment = (value: string): string => {
  if (!Number.isFinite(Date.parse(value)))
    throw new UsageError(`${value} is not a time. Write it like 2026-02-01T00:00:00Z.`);
  return value;
};

const lines = (record: Readonly<Record<string, unknown>>): string =>
  Object.entries(record)
    .map(([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join('\n');

/** What could not be read is a mistake in the call, told in a sentence. */
const readable = async <Value>(work: Promise<Value>): Promise<Value> => {
  try {
    return await work;
  } catch (error) {
    if (
      error instanceof Error &&
      'code' in error &&
      (error.code === 'ENOENT' || error.code === 'EISDIR' || error.code === 'EACCES')
    )
      throw new UsageError(
        `${'path' in error ? String(error.path) : 'A file'} cannot be read or written. Check the path and the permissions.`,
      );
    if (error instanceof Error && (error.name === 'RiskInputError' || error.name === 'PromotionRefused'))
      throw new UsageError(error.message);
    throw error;
  }
};

/** `consentry risk ...`: simulate, train, evaluate, explain, status, challenge, promote, rollback. */
export const riskCommand = (tools: RiskCommandTools): Command => {
  const command = new Command('risk').description(
    'score accesses: simulate, train, evaluate, explain, and put models into use',
  );
  const withProgress = async <Value>(
    json: boolean | undefined,
    work: (progress: Progress) => Promise<Value>,
  ): Promise<Value> => {
    const bar = json === true ? undefined : tools.progress();
    try {
      return await readable(work(bar?.update ?? (() => undefined)));
    } finally {
      bar?.end();
    }
  };
  const print = (json: boolean | undefined, value: Readonly<Record<string, unknown>>): void =>
    console.log(json === true ? JSON.stringify(value) : lines(value));

  command
    .command('simulate')
    .description('write a simulated hospital: events, context and labels')
    .option('--users <n>', 'people who work there', whole(20), 1_000)
    .option('--patients <n>', 'patients', whole(100), 20_000)
    .option('--days <n>', 'days', whole(2), 90)
    .option('--seed <n>', 'the same seed gives the same files', whole(0), 1)
    .option('--world <n>', 'another number, a hospital of other habits', whole(0), 1)
    .option('--misuse <n>', 'cases begun per day and 1,000 users', share, 1)
    .option('--start <date>', 'first day', moment, '2026-01-05T00:00:00Z')
    .option('--out <folder>', 'where events.ndjson, context.ndjson and labels.ndjson go', '.')
    .option('--gzip', 'pack the files')
    .option('--json', 'print one JSON object')
    .action(async (options: Omit<SimulateCommand, 'gzip'> & { readonly gzip?: boolean } & Printed) => {
      const { json, gzip, ...rest } = options;
      print(json, await withProgress(json, (progress) => tools.simulate({ ...rest, gzip: gzip === true }, progress)));
    });

  command
    .command('evaluate')
    .description('learn from what lies before a time, score the rest in order')
    .requiredOption('--events <file>', 'access events, NDJSON, plain or gzip')
    .option('--context <file>', 'staff, patients, relations and shifts, NDJSON, plain or gzip')
    .requiredOption('--train-until <time>', 'events from here on are scored', moment)
    .option('--train-labels <file>', 'labels of events before that time')
    .option('--labels <file>', 'labels of the scored events; prints figures')
    .requiredOption('--out <file>', 'one line per scored event')
    .option('--model <file>', 'model to start from; the shipped one if absent')
    .option('--policy <file>', 'risk policy; policies/risk.yaml if absent')
    .option('--seed <n>', 'seed of the training', whole(0), 1)
    .option('--json', 'print one JSON object')
    .action(async (options: EvaluateCommand & Printed) => {
      const { json, ...rest } = options;
      const report = await withProgress(json, (progress) => tools.evaluate(rest, progress));
      if (json === true) console.log(JSON.stringify(report));
      else console.log(table(report));
    });

  command
    .command('train')
    .description('train a candidate model from recorded events')
    .requiredOption('--events <file>', 'access events, NDJSON, plain or gzip')
    .option('--context <file>', 'staff, patients, relations and shifts')
    .option('--labels <file>', 'labels by line')
    .option('--reviews <file>', 'decisions of the review queue, NDJSON')
    .option('--model <file>', 'model to start from')
    .requiredOption('--out <file>', 'where the model file goes')
    .option('--seed <n>', 'the same seed and events give the same model', whole(0), 1)
    .option('--json', 'print one JSON object')
    .action(async (options: TrainCommand & Printed) => {
      const { json, ...rest } = options;
      print(json, await withProgress(json, (progress) => tools.train(rest, progress)));
    });

  command
    .command('explain')
    .description('say why the event on a line is scored as it is')
    .requiredOption('--events <file>', 'access events; those before the line are its history')
    .requiredOption('--line <n>', 'line of the event, from 1', whole(1))
    .option('--context <file>', 'staff, patients, relations and shifts')
    .option('--model <file>', 'model file')
    .option('--policy <file>', 'risk policy')
    .option('--json', 'print one JSON object')
    .action(async (options: ExplainCommand & Printed) => {
      const { json, ...rest } = options;
      print(json, await readable(tools.explain(rest)));
    });

  const store = ['--store <folder>', 'folder of the models in use', '.consentry/risk'] as const;
  const policy = ['--policy <file>', 'risk policy; policies/risk.yaml if absent'] as const;
  command
    .command('status')
    .description('the model in use, its card, and what waits for approval')
    .option(...store)
    .option(...policy)
    .option('--model <file>', 'show this model file instead')
    .option('--json', 'print one JSON object')
    .action(async (options: StatusCommand & Printed) => {
      const { json, ...rest } = options;
      print(json, await readable(tools.status(rest)));
    });

  const settle = (json: boolean | undefined, result: PromotionResult): void => {
    if (json === true) console.log(JSON.stringify(result));
    else console.log(result.text);
    if (result.state === 'waiting') process.exitCode = 1;
  };
  for (const [name, says, by, work] of [
    [
      'challenge',
      'let a model run beside the one in use: scored and counted, never applied',
      'who does it, as listed in approvers.json',
      tools.challenge,
    ],
    [
      'promote',
      'approve the model that runs beside; with the second approval it is put into use',
      'who approves, as listed in approvers.json',
      tools.promote,
    ],
  ] as const)
    command
      .command(name)
      .description(says)
      .argument('<model>', 'model file')
      .requiredOption('--by <name>', by)
      .requiredOption('--key <file>', 'private key of that person (Ed25519, PEM)')
      .option(...store)
      .option(...policy)
      .option('--json', 'print one JSON object')
      .action(async (model: string, options: StoreCommand & Printed) => {
        const { json, ...rest } = options;
        settle(json, await readable(work({ model, ...rest })));
      });
  command
    .command('rollback')
    .description('put the model before this one back into use, at once')
    .requiredOption('--by <name>', 'who does it')
    .requiredOption('--key <file>', 'private key of that person (Ed25519, PEM)')
    .option(...store)
    .option(...policy)
    .option('--json', 'print one JSON object')
    .action(async (options: StoreCommand & Printed) => {
      const { json, ...rest } = options;
      settle(json, await readable(tools.rollback(rest)));
    });
  return command;
};

const table = (report: EvaluationReport): string => {
  const out = [lines(report.summary)];
  if (report.figures !== undefined) {
    out.push('', 'figures');
    for (const [name, value] of Object.entries(report.figures))
      out.push(`  ${name.padEnd(24)} ${Number.isInteger(value) ? value : value.toFixed(4)}`);
  }
  if (report.scenarios !== undefined && report.scenarios.length > 0) {
    out.push('', 'cases found at 0.1 % of ordinary user-days');
    for (const { name, found, of } of report.scenarios) out.push(`  ${name.padEnd(24)} ${found} of ${of}`);
  }
  for (const [groups, title] of [
    [report.roles, 'by role'],
    [report.shifts, 'by the hours of the day (UTC)'],
  ] as const) {
    if (groups === undefined || groups.length === 0) continue;
    out.push('', `ordinary user-days above that threshold, ${title}`);
    for (const { name, alerted, of } of groups) out.push(`  ${name.padEnd(24)} ${alerted} of ${of}`);
  }
  return out.join('\n');
};
