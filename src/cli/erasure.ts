import { Command } from 'commander';
import { UsageError } from './config.ts';

/** The gateway that runs on the data folder, and the operator's token. */
export type OperatorAccess = (data: string) => { readonly url: string; readonly token: string };

interface Flags {
  readonly data: string;
  readonly patient: string;
  readonly json?: boolean;
}

type Body = Readonly<Record<string, unknown>>;

const caller =
  (access: OperatorAccess) =>
  async (data: string, path: string, body?: object): Promise<{ readonly status: number; readonly body: Body }> => {
    const { url, token } = access(data);
    const response = await fetch(`${url}/api/v1/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => {
      throw new UsageError(`No gateway answers at ${url}. Start it, or name its data folder with --data.`);
    });
    return { status: response.status, body: (await response.json()) as Body };
  };

const reasonOf = (body: Body): string => {
  const [issue] = (body.issue ?? []) as readonly { readonly details?: { readonly text?: string } }[];
  return issue?.details?.text ?? 'The gateway refused.';
};

const tell = (
  flags: { readonly json?: boolean },
  answer: { readonly status: number; readonly body: Body },
  words: (body: Body) => string,
): void => {
  const done = answer.status < 300;
  process.exitCode = done ? 0 : 1;
  if (flags.json) console.log(JSON.stringify({ ok: done, ...answer.body }));
  else if (done) console.log(words(answer.body));
  else console.error(reasonOf(answer.body));
};

const holdLine = (hold: Body): string =>
  `${String(hold.patient)}  ${hold.until === undefined ? 'until it is lifted' : `until ${String(hold.until)}`}  ${String(hold.reason)}`;

const logLine = ({ origin, entries, state, until }: Body): string =>
  `${String(origin)}  ${String(entries)} entries  ${String(state)}${until === undefined ? '' : ` until ${String(until)}`}`;

/** Erasure of a patient's traces at a running gateway, and the legal holds that forbid it. */
export function erasureCommands(access: OperatorAccess): readonly Command[] {
  const call = caller(access);
  const command = (name: string, about: string): Command =>
    new Command(name)
      .description(about)
      .option('--data <folder>', 'data folder of the running gateway', '.consentry')
      .option('--json', 'print one JSON object');
  const ofPatient = (name: string, about: string): Command =>
    command(name, about).requiredOption('--patient <id>', 'id of the Patient resource');
  return [
    ofPatient(
      'erase',
      "destroy a patient's key: what the ledger holds about them becomes unreadable, and stays provable",
    )
      .requiredOption('--confirm <id>', 'the id once more: this cannot be undone')
      .action(async (flags: Flags & { readonly confirm: string }) => {
        if (flags.confirm !== flags.patient) throw new UsageError('--confirm must repeat the id given with --patient.');
        tell(
          flags,
          await call(flags.data, 'erasures', { patient: flags.patient, confirm: flags.confirm }),
          ({ id, entries }) =>
            `Erased: ${String(entries)} entries can no longer be read (erasure ${String(id)}).\nThe medical record at the FHIR server is not touched; leaves, roots and proofs remain and name nobody.`,
        );
      }),
    ofPatient('hold', 'forbid the erasure of a patient, with the reason')
      .requiredOption('--reason <text>', 'why it must be kept')
      .option('--until <date>', 'when the hold ends; without it, when it is lifted')
      .action(async (flags: Flags & { readonly reason: string; readonly until?: string }) => {
        const { patient, reason, until } = flags;
        const body = { patient, reason, ...(until === undefined ? {} : { until }) };
        tell(flags, await call(flags.data, 'legal-holds', body), holdLine);
      }),
    ofPatient('lift', 'lift the legal hold of a patient').action(async (flags: Flags) =>
      tell(flags, await call(flags.data, 'legal-holds/lift', { patient: flags.patient }), () => 'Lifted.'),
    ),
    command(
      'retire',
      'list the logs and until when each is kept; with --origin, destroy the payloads of one that is due',
    )
      .option('--origin <origin>', 'origin of the log')
      .option('--confirm <origin>', 'the origin once more: this cannot be undone')
      .action(async (flags: Omit<Flags, 'patient'> & { readonly origin?: string; readonly confirm?: string }) => {
        const { data, origin, confirm } = flags;
        if (origin === undefined)
          return tell(flags, await call(data, 'retention'), ({ logs }) =>
            (logs as readonly Body[]).map(logLine).join('\n'),
          );
        if (confirm !== origin) throw new UsageError('--confirm must repeat the origin given with --origin.');
        tell(
          flags,
          await call(data, 'retention', { origin, confirm }),
          ({ entries }) =>
            `Retired: ${String(entries)} entries of ${origin} can no longer be opened. Their leaves, roots and proofs remain and name nobody.`,
        );
      }),
    command('holds', 'list the legal holds').action(async (flags: Omit<Flags, 'patient'>) =>
      tell(flags, await call(flags.data, 'legal-holds'), ({ holds }) => {
        const lines = (holds as readonly Body[]).map(holdLine);
        return lines.length === 0 ? 'There are none.' : lines.join('\n');
      }),
    ),
  ];
}
