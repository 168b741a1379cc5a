import { Kind, type TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { LEAST_YEARS } from '../domain/ledger/retention.ts';
import { nearestName } from '../domain/policy/nearest.ts';
import { type PositionedYaml, positionedYaml } from '../domain/policy/positioned-yaml.ts';
import { rangeOf } from '../domain/risk/threat.ts';
import { type Config, configSchema } from './schema.ts';

export type Origin = 'default' | 'file' | 'environment' | 'flag';

export interface Loaded {
  readonly config: Config;
  /** Where each value came from, by its path: `upstream.url`. */
  readonly origins: ReadonlyMap<string, Origin>;
}

export interface ConfigSources {
  /** Text of the YAML file, and its name for errors. */
  readonly file?: { readonly name: string; readonly text: string };
  /** `CONSENTRY_UPSTREAM__URL` is `upstream.url`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `upstream.url=http://...`, from `--set`. */
  readonly flags: readonly string[];
}

/** Each a sentence with its place and, where a name is near, what was probably meant. */
export type ConfigFaults = readonly string[];

type Path = readonly string[];

/** File, then environment, then flags; later wins. Unknown keys are errors wherever they come from. */
export function loadConfig(
  sources: ConfigSources,
): { readonly ok: true; readonly loaded: Loaded } | { readonly ok: false; readonly faults: ConfigFaults } {
  const faults: string[] = [];
  const origins = new Map<string, Origin>();
  const value: Record<string, unknown> = {};
  let document: PositionedYaml | undefined;

  if (sources.file !== undefined) {
    const read = positionedYaml(sources.file.text);
    if (!read.ok)
      return {
        ok: false,
        faults: read.faults.map((fault) => `${sources.file?.name}:${fault.line}:${fault.column}: ${fault.message}`),
      };
    document = read.document;
    if (isObject(document.value)) {
      Object.assign(value, structuredClone(document.value));
      for (const path of leaves(value)) origins.set(path.join('.'), 'file');
    } else if (document.value !== null)
      faults.push(`${sources.file.name}: a configuration is a mapping of keys to values`);
  }
  for (const [name, text] of Object.entries(sources.environment)) {
    if (!name.startsWith('CONSENTRY_') || text === undefined) continue;
    const path = environmentPath(name);
    if (path === undefined)
      faults.push(`environment: ${name} is no setting${hint(name, settingNames().map(environmentName))}`);
    else assign(value, path, text, 'environment', origins);
  }
  for (const flag of sources.flags) {
    const mark = flag.indexOf('=');
    if (mark < 0) faults.push(`--set ${flag}: write it as path=value`);
    else assign(value, flag.slice(0, mark).split('.'), flag.slice(mark + 1), 'flag', origins);
  }

  const place = (path: Path): string => {
    const origin = originOf(path, origins);
    if (origin === 'file' && document !== undefined) {
      const { line, column } = document.at(path);
      return `${sources.file?.name}:${line}:${column}`;
    }
    return origin === 'environment'
      ? `environment ${environmentName(path)}`
      : origin === 'flag'
        ? `--set ${path.join('.')}`
        : (sources.file?.name ?? 'configuration');
  };
  const completed = Value.Default(configSchema, value);
  /** What is missing is told once, not as a value of the wrong kind too. */
  const missing = new Set<string>();
  for (const error of Value.Errors(configSchema, completed)) {
    const path = error.path.split('/').slice(1);
    const name = path.join('.');
    if (missing.has(name)) continue;
    if (error.schema[Kind] !== undefined && error.message.startsWith('Unexpected property')) {
      faults.push(`${place(path)}: ${name} is no setting${hint(path.at(-1) ?? '', siblings(path))}`);
    } else if (error.message.startsWith('Expected required property')) {
      missing.add(name);
      faults.push(`${place(path)}: ${name} is missing. ${String(error.schema['description'] ?? '')}`.trim());
    } else {
      faults.push(`${place(path)}: ${name}: ${sentence(error.schema, error.message)}`);
    }
  }
  const unique = [...new Set(faults)];
  if (unique.length > 0) return { ok: false, faults: unique };
  for (const path of leaves(completed as Record<string, unknown>))
    if (!origins.has(path.join('.'))) origins.set(path.join('.'), 'default');
  const config = completed as Config;
  const deeper = consistent(config);
  return deeper.length > 0 ? { ok: false, faults: deeper } : { ok: true, loaded: { config, origins } };
}

/** What the schema cannot say. */
function consistent(config: Config): string[] {
  const faults: string[] = [];
  config.issuers.forEach((issuer, index) => {
    if ((issuer.jwksUri === undefined) === (issuer.jwksFile === undefined))
      faults.push(`issuers.${index}: give jwksUri or jwksFile, and one of them only`);
  });
  if (config.chain.quorum !== undefined && config.chain.quorum > config.chain.rpcUrls.length)
    faults.push('chain.quorum: larger than the number of chain.rpcUrls');
  const { servers, ownNetworks } = config.threatFeeds;
  if (new Set(servers.map(({ name }) => name)).size !== servers.length)
    faults.push('threatFeeds.servers: two have the same name');
  for (const network of ownNetworks)
    if (rangeOf(network) === undefined) faults.push(`threatFeeds.ownNetworks: ${network} is no address or CIDR range`);
  if (config.ledger.store === 'postgres' && config.ledger.postgres === undefined)
    faults.push('ledger.postgres: is needed when ledger.store is postgres');
  const { retention } = config.ledger;
  if (retention !== undefined && retention.years < LEAST_YEARS && !retention.underSixYears)
    faults.push(
      `ledger.retention.years: less than ${LEAST_YEARS}; where that is lawful, say so with ledger.retention.underSixYears: true`,
    );
  if (config.profile === 'sandbox') {
    for (const [name, url] of [
      ['upstream.url', config.upstream.url] as const,
      ...config.chain.rpcUrls.map((rpc) => ['chain.rpcUrls', rpc] as const),
      ...config.ledger.witnesses.map(({ url }) => ['ledger.witnesses', url] as const),
      ...(config.ledger.timestamps === undefined
        ? []
        : [['ledger.timestamps.url', config.ledger.timestamps.url] as const]),
      ...(config.ledger.syslog === undefined
        ? []
        : [['ledger.syslog.host', `tcp://${hostOf(config.ledger.syslog.host)}`] as const]),
      ...config.consent.peers.map((peer) => ['consent.peers', peer] as const),
    ]) {
      if (!isLoopback(url))
        faults.push(`${name}: the sandbox profile talks to this machine only; use profile: production`);
    }
  }
  return faults;
}

const hostOf = (host: string): string => (host.includes(':') ? `[${host}]` : host);

const isLoopback = (url: string): boolean => /^(127\.|localhost$|\[::1\]$)/.test(new URL(url).hostname);

const sentence = (schema: TSchema, message: string): string =>
  schema['pattern'] === undefined
    ? message
    : `${message.startsWith('Expected string to match') ? `does not look like ${schema['pattern']}` : message}`;

const hint = (word: string, candidates: readonly string[]): string => {
  const near = nearestName(word, candidates);
  return near === undefined ? '' : `; did you mean ${near}?`;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function leaves(value: Record<string, unknown>, under: Path = []): Path[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    isObject(inner) ? leaves(inner, [...under, key]) : [[...under, key]],
  );
}

function originOf(path: Path, origins: ReadonlyMap<string, Origin>): Origin {
  for (let length = path.length; length > 0; length--) {
    const prefix = path.slice(0, length).join('.');
    const found = origins.get(prefix) ?? [...origins].find(([key]) => key.startsWith(`${prefix}.`))?.[1];
    if (found !== undefined) return found;
  }
  return 'default';
}

function siblings(path: Path): string[] {
  let schema: TSchema | undefined = configSchema;
  for (const step of path.slice(0, -1))
    schema = (schema?.['properties']?.[step] ?? schema?.['items']) as TSchema | undefined;
  return Object.keys((schema?.['properties'] as object | undefined) ?? {});
}

export function settingNames(schema: TSchema = configSchema, under: Path = []): Path[] {
  return Object.entries(schema['properties'] as Record<string, TSchema>).flatMap(([key, inner]) =>
    inner['properties'] === undefined ? [[...under, key]] : settingNames(inner, [...under, key]),
  );
}

export const environmentName = (path: Path): string =>
  `CONSENTRY_${path.map((step) => step.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()).join('__')}`;

const environmentPath = (name: string): Path | undefined =>
  settingNames().find((path) => environmentName(path) === name);

/** Text from the environment or a flag takes the type that the schema wants there; lists are JSON or comma-separated. */
function assign(
  target: Record<string, unknown>,
  path: Path,
  text: string,
  origin: Origin,
  origins: Map<string, Origin>,
): void {
  let schema: TSchema | undefined = configSchema;
  let here = target;
  path.forEach((step, index) => {
    schema = schema?.['properties']?.[step] as TSchema | undefined;
    if (index === path.length - 1) here[step] = typed(schema, text);
    else {
      if (!isObject(here[step])) here[step] = {};
      here = here[step] as Record<string, unknown>;
    }
  });
  origins.set(path.join('.'), origin);
}

function typed(schema: TSchema | undefined, text: string): unknown {
  switch (schema?.['type']) {
    case 'integer':
    case 'number':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'array':
      try {
        const list: unknown = JSON.parse(text);
        if (Array.isArray(list)) return list;
      } catch {
        // Not JSON: a plain list.
      }
      return text.split(',').map((item) => item.trim());
    default:
      return text;
  }
}
