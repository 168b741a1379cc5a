import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';

export interface TokenClaims {
  readonly user: string;
  readonly client: string;
  readonly roles: readonly string[];
  readonly purpose: string;
  readonly scope: string;
  readonly fhirUser?: string;
  readonly organisation?: string;
  readonly patient?: string;
  readonly study?: string;
  readonly acr?: string;
  readonly authTime?: number;
  readonly reason?: string;
}

export interface TokenDependencies {
  readonly personas: () => readonly (TokenClaims & { readonly name: string; readonly title: string })[];
  /** Rejects with a message for people when the data folder has no keys. */
  readonly mint: (keyFile: string, claims: TokenClaims, seconds: number) => Promise<string>;
  readonly now: () => Date;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  readonly setExitCode: (code: number) => void;
  readonly defaultData: string;
}

interface Flags {
  readonly persona?: string;
  readonly user?: string;
  readonly role?: readonly string[];
  readonly purpose?: string;
  readonly scope?: string;
  readonly patient?: string;
  readonly client?: string;
  readonly organisation?: string;
  readonly fhirUser?: string;
  readonly study?: string;
  readonly acr?: string;
  readonly reason?: string;
  readonly ttl: number;
  readonly data: string;
  readonly list?: boolean;
  readonly json?: boolean;
}

/** Name of the sandbox issuer's keys in a data folder. */
export const keyFileName = 'issuer-keys.json';

/** `consentry token`: a token of the sandbox issuer, for a persona or put together by hand. */
export const tokenCommand = (dependencies: TokenDependencies): Command =>
  new Command('token')
    .description('mint a token of the sandbox issuer, for a persona of the demo or put together from flags')
    .option('--persona <name>', 'start from a persona; other flags then replace what they name')
    .option('--user <id>', 'subject of the token')
    .option('--role <role...>', 'one role or more')
    .option('--purpose <code>', 'purpose of use, such as TREAT, HPAYMT or HRESCH')
    .option('--scope <scopes>', 'SMART scopes, separated by blanks')
    .option('--patient <id>', 'launch patient')
    .option('--client <id>', 'client id')
    .option('--organisation <reference>', 'Organization/...')
    .option('--fhir-user <reference>', 'Practitioner/..., Patient/...')
    .option('--study <reference>', 'ResearchStudy/...')
    .option('--acr <value>', 'how strongly the user logged in')
    .option('--reason <text>', 'reason for break-glass access (purpose ETREAT)')
    .option('--ttl <duration>', 'how long it is valid: 90s, 15m, 8h, 7d', parseDuration, 8 * 3600)
    .option('--data <folder>', 'data folder of the demo', dependencies.defaultData)
    .option('--list', 'list the personas and end')
    .option('--json', 'print one JSON object')
    .action(async (flags: Flags) => {
      if (flags.list) {
        listPersonas(dependencies, flags);
        return;
      }
      try {
        const claims = claimsOf(dependencies, flags);
        const token = await dependencies.mint(join(flags.data, keyFileName), claims, flags.ttl);
        const expires = new Date(dependencies.now().getTime() + flags.ttl * 1000).toISOString();
        dependencies.print(flags.json ? JSON.stringify({ token, tokenType: 'Bearer', expires, claims }) : token);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (flags.json) dependencies.print(JSON.stringify({ error: message }));
        else dependencies.printError(message);
        dependencies.setExitCode(2);
      }
    });

const listPersonas = ({ personas, print }: TokenDependencies, { json }: Flags): void => {
  if (json) print(JSON.stringify(personas()));
  else for (const { name, title } of personas()) print(`${name.padEnd(16)} ${title}`);
};

const claimsOf = ({ personas, now }: TokenDependencies, flags: Flags): TokenClaims => {
  const persona = flags.persona === undefined ? undefined : personas().find(({ name }) => name === flags.persona);
  if (flags.persona !== undefined && !persona) {
    throw new Error(
      `There is no persona "${flags.persona}". Choose one of: ${personas()
        .map(({ name }) => name)
        .join(', ')}.`,
    );
  }
  const { name: _name, title: _title, ...base } = persona ?? { name: '', title: '' };
  const given = {
    ...pick(flags, [
      'user',
      'purpose',
      'scope',
      'patient',
      'client',
      'organisation',
      'fhirUser',
      'study',
      'acr',
      'reason',
    ]),
    ...(flags.role ? { roles: flags.role } : {}),
    ...(flags.acr === undefined ? {} : { authTime: Math.floor(now().getTime() / 1000) }),
  };
  const claims: Partial<TokenClaims> = { client: 'cli', ...base, ...given };
  const missing = (['user', 'roles', 'purpose', 'scope'] as const).filter((each) => claims[each] === undefined);
  if (missing.length > 0) {
    const wanted = missing.map((each) => `--${each === 'roles' ? 'role' : each}`).join(', ');
    throw new Error(`A token needs ${wanted}. Or start from a persona with --persona NAME (--list shows them).`);
  }
  return claims as TokenClaims;
};

const pick = <Name extends keyof Flags>(flags: Flags, names: readonly Name[]): Partial<Pick<Flags, Name>> =>
  Object.fromEntries(names.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]]))) as Partial<
    Pick<Flags, Name>
  >;

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

const parseDuration = (text: string): number => {
  const [, number, unit = 's'] = /^(\d{1,6})([smhd])?$/.exec(text) ?? [];
  const seconds = Number(number) * (units[unit] ?? 1);
  if (number === undefined || seconds === 0) throw new InvalidArgumentError('Write 90s, 15m, 8h or 7d.');
  return seconds;
};
