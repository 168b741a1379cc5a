import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { UsageError } from './config.ts';

export interface ConsentTools {
  /** The gateway that runs on the data folder, and the operator's token. */
  access(data: string): { readonly url: string; readonly token: string };
}

interface Options {
  readonly data: string;
  readonly token?: string;
  readonly patient?: string;
  readonly json?: boolean;
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

type Row = Readonly<Record<string, unknown>>;

const rows = (value: unknown): readonly Row[] => (Array.isArray(value) ? (value as readonly Row[]) : []);

const list = (value: unknown, absent: string): string => (Array.isArray(value) ? value.join(', ') : absent);

const grantLine = (grant: Row): string => {
  const grantee = grant.grantee as Row;
  const who = `${String(grantee.kind)} ${String(grantee.reference ?? grantee.key)}`;
  const until = grant.until === undefined ? 'without end' : `until ${String(grant.until)}`;
  return `${String(grant.id)}  ${String(grant.state)}  ${String(grant.effect)} ${who}: ${list(grant.actions, 'every action')} of ${list(
    grant.classes,
    'every class',
  )} for ${list(grant.purposes, 'every purpose')}, labels ${list(grant.labels, 'none')}, ${until}`;
};

const eventLine = (event: Row): string => {
  const grantee = event.grantee as Row | undefined;
  const about =
    grantee === undefined ? '' : ` ${String(event.effect)} ${String(grantee.kind)} ${String(grantee.reference)}`;
  const reason = event.reason === undefined ? '' : ` (${String(event.reason)})`;
  return `${String(event.at)}  ${String(event.what)}${about}  ${String(event.grant ?? '')}  by ${String(event.by)}${reason}`;
};

const delegateLine = ({ delegate, state, rights, until }: Row): string =>
  `${String(delegate)}  ${String(state)}${state === 'active' ? `  ${list(rights, '')} until ${String(until)}` : ''}`;

const sentences = (body: Row): string =>
  rows(body.reasons)
    .map(({ rule, text }) => `  ${String(text)} (${String(rule)})`)
    .join('\n');

const complaint = ({ status, body }: Answer): string => {
  const issues = rows(body.issue).map((issue) => {
    const details = issue.details as Row | undefined;
    return `  ${String(details?.text ?? '')} ${String(issue.diagnostics ?? '')}`;
  });
  return `The gateway refused with ${status}.\n${issues.join('\n')}`;
};

const readJson = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'));
  } catch {
    throw new UsageError(`The file ${file} cannot be read as JSON.`);
  }
};

/** `consentry consent`: the consents of a patient at a running gateway. Changes need the patient's own token. */
export function consentCommand(tools: ConsentTools): Command {
  const call = async (options: Options, method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> => {
    const { url, token } = tools.access(options.data);
    const response = await fetch(`${url}/api/v1/consents${path}`, {
      method,
      headers: {
        authorization: `Bearer ${options.token ?? token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => {
      throw new UsageError(
        `No gateway answers at ${url}. Start it, or name the data folder of the running one with --data.`,
      );
    });
    const answer = { status: response.status, body: (await response.json()) as Row };
    if (response.status === 401) {
      throw new UsageError('The token is not valid for this gateway. Give the patient’s own token with --token.');
    }
    return answer;
  };

  const tell = (options: Options, answer: Answer, words: (body: Row) => string): void => {
    if (answer.status >= 400) process.exitCode = 1;
    if (options.json === true) console.log(JSON.stringify(answer.body));
    else if (answer.status >= 400) console.error(complaint(answer));
    else console.log(words(answer.body));
  };

  const sub = (name: string, text: string): Command =>
    new Command(name)
      .description(text)
      .option('--data <folder>', 'data folder of the running gateway', '.consentry')
      .option('--token <token>', 'token of the patient; without it the operator of this machine looks')
      .option('--patient <id>', 'the patient; default: whose token it is')
      .option('--json', 'print one JSON object');

  const query = ({ patient }: Options): string =>
    patient === undefined ? '' : `?patient=${encodeURIComponent(patient)}`;
  const named = ({ patient }: Options): object => (patient === undefined ? {} : { patient });
  const several = (text: string): readonly string[] => text.split(',').map((one) => one.trim());
  const limits = (command: Command): Command =>
    command
      .option('--actions <list>', 'read,search,create,update,delete,export,operation,deidentified', several)
      .option('--purposes <list>', 'purposes of use: TREAT,HPAYMT,HRESCH, ...', several)
      .option('--classes <list>', 'data classes: labs,imaging,medications, ...', several)
      .option('--labels <list>', 'sensitive labels to open or refuse: PSY,SUD,HIV, ...', several)
      .option('--conditions <list>', 'REFERRAL,CREDENTIAL,ENCOUNTER_ACTIVE,TWO_PERSON', several)
      .option('--from <time>', 'first moment')
      .option('--until <time>', 'end')
      .option('--data-from <time>', 'oldest data')
      .option('--data-until <time>', 'newest data');
  const limitsOf = (options: Readonly<Record<string, unknown>>): object =>
    Object.fromEntries(
      ['actions', 'purposes', 'classes', 'labels', 'conditions', 'from', 'until', 'dataFrom', 'dataUntil']
        .filter((name) => options[name] !== undefined)
        .map((name) => [name, options[name]]),
    );

  const command = new Command('consent').description('list, grant, narrow and revoke consents, and explain a decision');
  command.addCommand(
    sub('list', 'what the patient has allowed and refused').action(async (options: Options) => {
      const answer = await call(options, 'GET', query(options));
      tell(options, answer, ({ grants }) => rows(grants).map(grantLine).join('\n') || 'No consent is on record.');
    }),
  );
  command.addCommand(
    sub('history', 'every change of the patient’s consents').action(async (options: Options) => {
      const answer = await call(options, 'GET', `/history${query(options)}`);
      tell(options, answer, ({ events }) => rows(events).map(eventLine).join('\n') || 'Nothing has changed yet.');
    }),
  );
  command.addCommand(
    limits(sub('grant', 'allow or refuse access'))
      .option('--to <kind:reference>', 'organisation:Organization/o1, person:Practitioner/p1, role:nurse, ...')
      .option('--deny', 'refuse instead of allowing')
      .option('--fhir <file>', 'a FHIR Consent (R4 or R5) instead of the other options')
      .action(async (options: Options & { to?: string; deny?: boolean; fhir?: string }) => {
        const [, kind, reference] = /^([a-z-]+):(.+)$/.exec(options.to ?? '') ?? [];
        if (options.fhir === undefined && (kind === undefined || reference === undefined)) {
          throw new UsageError(
            'Say for whom with --to, for example --to organisation:Organization/o1, or give --fhir FILE.',
          );
        }
        const effect = options.deny === true ? { effect: 'deny' } : {};
        const what =
          options.fhir === undefined
            ? { grants: [{ grantee: { kind, reference }, ...effect, ...limitsOf({ ...options }) }] }
            : { consent: readJson(options.fhir) };
        const answer = await call(options, 'POST', '', { ...named(options), ...what });
        tell(options, answer, ({ granted, notes }) =>
          [
            ...rows(granted).map(({ id, settled }) => `${String(id)}  ${String((settled as Row).state)}`),
            ...rows(notes).map(({ text }) => `  ${String(text)}`),
          ].join('\n'),
        );
      }),
  );
  command.addCommand(
    sub('revoke', 'end a grant or a refusal; access ends at once')
      .argument('<id>', 'id of the grant')
      .action(async (id: string, options: Options) => {
        const answer = await call(options, 'POST', `/${encodeURIComponent(id)}/revoke`, named(options));
        tell(options, answer, ({ settled }) => `Revoked; ${String((settled as Row).state)}.`);
      }),
  );
  command.addCommand(
    limits(sub('narrow', 'take something away from a grant'))
      .argument('<id>', 'id of the grant')
      .action(async (id: string, options: Options) => {
        const body = { ...named(options), scope: limitsOf({ ...options }) };
        const answer = await call(options, 'POST', `/${encodeURIComponent(id)}/narrow`, body);
        tell(options, answer, ({ settled }) => `Narrowed; ${String((settled as Row).state)}.`);
      }),
  );
  command.addCommand(
    sub('delegate', 'let somebody else grant or withdraw for the patient, until a time')
      .argument('<account>', 'address of the delegate: 0x and 40 hex digits')
      .requiredOption('--until <time>', 'end of the delegation')
      .option('--rights <list>', 'grant,withdraw,delegate', several, ['withdraw'])
      .option('--nonce <number>', 'count of earlier delegations; default: those made at this gateway')
      .action(
        async (delegate: string, options: Options & { until: string; rights: readonly string[]; nonce?: string }) => {
          const nonce = options.nonce === undefined ? {} : { nonce: options.nonce };
          const body = { ...named(options), delegate, rights: options.rights, until: options.until, ...nonce };
          const answer = await call(options, 'POST', '/delegates', body);
          tell(options, answer, ({ settled }) => `Delegated; ${String((settled as Row).state)}.`);
        },
      ),
  );
  command.addCommand(
    sub('delegates', 'who may act for the patient, and until when').action(async (options: Options) => {
      const answer = await call(options, 'GET', `/delegates${query(options)}`);
      tell(options, answer, ({ delegates }) => rows(delegates).map(delegateLine).join('\n') || 'There is no delegate.');
    }),
  );
  command.addCommand(
    sub('end-delegate', 'end what a delegate may do')
      .argument('<account>', 'address of the delegate')
      .action(async (account: string, options: Options) => {
        const answer = await call(options, 'POST', `/delegates/${encodeURIComponent(account)}/end`, named(options));
        tell(options, answer, ({ settled }) => `Ended; ${String((settled as Row).state)}.`);
      }),
  );
  command.addCommand(
    sub('vouch', 'be one of the two people who open a grant that waits for TWO_PERSON')
      .argument('<id>', 'id of the grant')
      .action(async (id: string, options: Options) => {
        const answer = await call(options, 'POST', `/${encodeURIComponent(id)}/vouch`, named(options));
        tell(options, answer, ({ state, until }) =>
          state === 'open' ? `Open until ${String(until)}.` : `A second person has until ${String(until)}.`,
        );
      }),
  );
  command.addCommand(
    sub('explain', 'would this caller be let in, and why')
      .option('--person <reference>', 'Practitioner/p1')
      .option('--organisation <reference>', 'Organization/o1')
      .option('--roles <list>', 'role codes', several)
      .option('--study <reference>', 'ResearchStudy/s1')
      .requiredOption('--purpose <code>', 'purpose of use')
      .option('--action <action>', 'read, search, ...', 'read')
      .option('--resource <file>', 'a FHIR resource; without it: anything at all')
      .action(async (options: Options & Readonly<Record<string, unknown>> & { resource?: string }) => {
        const asked = ['person', 'organisation', 'roles', 'study', 'purpose', 'action'].filter(
          (name) => options[name] !== undefined,
        );
        const body = {
          ...named(options),
          ...Object.fromEntries(asked.map((name) => [name, options[name]])),
          ...(options.resource === undefined ? {} : { resource: readJson(options.resource) }),
        };
        const answer = await call(options, 'POST', '/explain', body);
        tell(options, answer, (told) => `${String(told.decision)}\n${sentences(told)}`);
      }),
  );
  return command;
}
