import { primitiveTypes, resourceTypes, typeSchema } from '../fhir/schema.ts';
import { applies, type MethodName, type MethodOptions, methodNames } from '../masking/method.ts';
import { checkPath } from './check-path.ts';
import { nearestName } from './nearest.ts';
import { type ElementPath, isPathFault, parsePath } from './path.ts';
import type { PolicySource } from './source.ts';

/** A class of elements that officers speak of: `Names`, `SSN`. */
export interface ElementClass {
  readonly name: string;
  readonly title: string;
  /** Rows of the Safe Harbor list, 45 CFR 164.514(b)(2)(i), that it takes part in. */
  readonly safeHarbor: readonly string[];
  readonly paths: readonly ElementPath[];
  readonly file: string;
  readonly line: number;
}

export interface PolicyRule {
  readonly id: string;
  readonly file: string;
  readonly line: number;
  readonly because?: string;
  readonly method: MethodName;
  readonly options: MethodOptions;
  readonly classes: readonly { readonly name: string; readonly line: number; readonly column: number }[];
  readonly paths: readonly ElementPath[];
  readonly except: readonly ElementPath[];
  readonly types?: readonly string[];
  /** Narrow the rule beyond its policy; absent: as the policy. */
  readonly purposes?: readonly string[];
  readonly clients?: readonly string[];
  readonly organisations?: readonly string[];
}

export interface PolicyDocument {
  readonly policy: string;
  readonly title: string;
  readonly file: string;
  readonly line: number;
  readonly roles: readonly string[];
  /** The first is the role's usual one. */
  readonly purposes: readonly string[];
  readonly clients?: readonly string[];
  readonly organisations?: readonly string[];
  /** Never chosen by role: laid over a plan by an obligation of a grant, or by the risk stage. */
  readonly overlay: boolean;
  readonly extends: readonly { readonly name: string; readonly line: number; readonly column: number }[];
  readonly resources?: readonly string[];
  readonly without: readonly string[];
  readonly unnamed?: 'keep' | 'safe';
  readonly extensions?: 'keep' | 'remove';
  readonly unknown?: 'keep' | 'remove';
  readonly project?: string;
  readonly from?: string;
  readonly until?: string;
  readonly rules: readonly PolicyRule[];
}

type YamlNode = PolicySource['root'];

const purposes = [
  ...['TREAT', 'ETREAT', 'HOPERAT', 'HPAYMT', 'HRESCH', 'PATRQT', 'PUBHLTH', 'FAMRQT', 'PWATRNY', 'SUPNWK'],
  ...['CLINTRCH', 'CAREMGT', 'HMARKT', 'COVERAGE', 'BTG', 'HSYSADMIN', 'HCOMPL', 'TREATDS', 'HQUALIMP', 'HDIRECT'],
];

const names = (source: PolicySource, node: YamlNode, what: string, known?: readonly string[]): string[] =>
  source.words(node, what).map(({ text, node: at }) => {
    if (known !== undefined && !known.includes(text)) {
      source.fault(at, `${what} has no value \`${text}\`.`, nearestName(text, known));
    }
    return text;
  });

const resourceNames = (source: PolicySource, node: YamlNode, what: string): string[] =>
  names(source, node, what, [...resourceTypes]);

/** Paths of a file, each judged against R4; the column of a fault is that of the name within the path. */
export const pathsOf = (source: PolicySource, node: YamlNode, what: string): ElementPath[] =>
  source.words(node, what).flatMap(({ text, node: at }) => {
    const path = parsePath(text);
    const fault = isPathFault(path) ? path : checkPath(path);
    if (!Array.isArray(fault) && 'offset' in (fault as object)) {
      source.faultWithin(
        at,
        (fault as { offset: number }).offset,
        (fault as { text: string }).text,
        (fault as { nearest?: string }).nearest,
      );
      return [];
    }
    return [path as ElementPath];
  });

export const readClass = (source: PolicySource): ElementClass | undefined => {
  const fields = source.members(
    source.root,
    ['class', 'title', 'describes', 'safe-harbor', 'elements'],
    'An element class',
  );
  const name = source.text(fields.get('class'), '`class`');
  if (name === undefined) return undefined;
  const rows = 'A B C D E F G H I J K L M N O P Q R'.split(' ');
  return {
    name,
    title: source.text(fields.get('title'), '`title`') ?? name,
    safeHarbor: names(source, fields.get('safe-harbor'), '`safe-harbor`', rows),
    paths: pathsOf(source, fields.get('elements'), '`elements`'),
    file: source.file.name,
    line: source.place(fields.get('class')).line,
  };
};

const optionNames = ['to', 'size', 'map', 'last', 'first', 'days', 'direction', 'time', 'over', 'value', 'percent'];

const readOptions = (source: PolicySource, node: YamlNode): MethodOptions => {
  if (node === undefined) return {};
  const fields = source.members(node, optionNames, '`with`');
  const options: Record<string, unknown> = {};
  const put = (name: string, value: unknown): void => {
    if (value !== undefined) options[name] = value;
  };
  const targets = ['year', 'month', 'decade', 'zip3', 'ages', 'steps', 'prefix', 'map'] as const;
  put('to', source.oneOf(fields.get('to'), targets, '`to`'));
  put('direction', source.oneOf(fields.get('direction'), ['any', 'past'], '`direction`'));
  put('time', source.oneOf(fields.get('time'), ['keep', 'drop'], '`time`'));
  for (const name of ['size', 'last', 'first', 'days', 'over', 'percent']) {
    const value = source.number(fields.get(name), `\`${name}\``);
    if (value !== undefined && value < (name === 'last' || name === 'first' ? 0 : Number.MIN_VALUE)) {
      source.fault(fields.get(name), `\`${name}\` must be greater than zero.`);
    }
    put(name, value);
  }
  put('value', source.value(fields.get('value')));
  const map = source.value(fields.get('map'));
  if (map !== undefined && (typeof map !== 'object' || map === null))
    source.fault(fields.get('map'), '`map` must be a mapping of codes.');
  put('map', map);
  return options as MethodOptions;
};

const ruleFields = [
  ...['id', 'because', 'classes', 'paths', 'except', 'types', 'purposes', 'clients', 'organisations'],
  ...['method', 'with'],
];

/** Primitive types that an element of one of the types can hold, at any depth that a method reaches. */
const leavesOf = (types: readonly string[], depth = 0): ReadonlySet<string> => {
  const leaves = new Set<string>();
  for (const type of types) {
    if (primitiveTypes.has(type)) leaves.add(type);
    else if (depth < 3) {
      for (const element of typeSchema(type)?.elements.values() ?? []) {
        if (element.type === 'Extension') continue;
        for (const leaf of leavesOf([element.type], depth + 1)) leaves.add(leaf);
      }
    }
  }
  return leaves;
};

const readRule = (source: PolicySource, node: YamlNode): PolicyRule | undefined => {
  const fields = source.members(node, ruleFields, 'A rule');
  const id = source.text(fields.get('id'), '`id`');
  if (id === undefined) source.fault(node, 'A rule needs an `id`: the ledger and every explanation name it.');
  const method = source.oneOf(fields.get('method'), methodNames, '`method`');
  if (!fields.has('method')) source.fault(node, 'A rule needs a `method`.');
  const classes = source
    .words(fields.get('classes'), '`classes`')
    .map(({ text, node: at }) => ({ name: text, ...source.place(at) }));
  const paths = pathsOf(source, fields.get('paths'), '`paths`');
  if (!fields.has('classes') && !fields.has('paths')) {
    source.fault(node, 'A rule needs `classes` or `paths` to say what it is about.');
  }
  if (id === undefined || method === undefined) return undefined;
  const options = readOptions(source, fields.get('with'));
  for (const path of paths) {
    const types = checkPath(path);
    if (!Array.isArray(types)) continue;
    const ages = method === 'generalise' && options.to === 'ages';
    if (!ages && ![...leavesOf(types)].some((leaf) => applies(method, options, leaf))) {
      source.fault(fields.get('method'), `\`${method}\` can do nothing with ${path.text} (${types.join(', ')}).`);
    }
  }
  const list = (name: string, known?: readonly string[]): string[] | undefined =>
    fields.has(name) ? names(source, fields.get(name), `\`${name}\``, known) : undefined;
  const because = source.text(fields.get('because'), '`because`');
  const types = fields.has('types') ? resourceNames(source, fields.get('types'), '`types`') : undefined;
  const [forPurposes, clients, organisations] = [list('purposes', purposes), list('clients'), list('organisations')];
  return {
    id,
    file: source.file.name,
    line: source.place(fields.get('id')).line,
    ...(because === undefined ? {} : { because }),
    method,
    options,
    classes,
    paths,
    except: pathsOf(source, fields.get('except'), '`except`'),
    ...(types === undefined ? {} : { types }),
    ...(forPurposes === undefined ? {} : { purposes: forPurposes }),
    ...(clients === undefined ? {} : { clients }),
    ...(organisations === undefined ? {} : { organisations }),
  };
};

const policyFields = [
  ...['policy', 'title', 'describes', 'roles', 'purposes', 'clients', 'organisations', 'overlay', 'extends'],
  ...['resources', 'without', 'unnamed', 'extensions', 'unknown', 'project', 'from', 'until', 'rules'],
];

const readDate = (source: PolicySource, node: YamlNode, what: string): string | undefined => {
  const text = source.word(node, what);
  if (text !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(text))
    source.fault(node, `${what} must be a date such as 2026-11-22.`);
  return text;
};

export const readPolicy = (source: PolicySource): PolicyDocument | undefined => {
  const fields = source.members(source.root, policyFields, 'A policy');
  const policy = source.text(fields.get('policy'), '`policy`');
  if (policy === undefined) return undefined;
  const list = (name: string, known?: readonly string[]): string[] | undefined =>
    fields.has(name) ? names(source, fields.get(name), `\`${name}\``, known) : undefined;
  const overlay = source.flag(fields.get('overlay'), '`overlay`') ?? false;
  const roles = list('roles') ?? [];
  const forPurposes = list('purposes', purposes) ?? [];
  const allNode = fields.get('resources');
  const all = allNode !== undefined && source.plain(allNode) === 'all';
  const resources = all || allNode === undefined ? undefined : resourceNames(source, allNode, '`resources`');
  const [clients, organisations] = [list('clients'), list('organisations')];
  const unnamed = source.oneOf(fields.get('unnamed'), ['keep', 'safe'], '`unnamed`');
  const extensions = source.oneOf(fields.get('extensions'), ['keep', 'remove'], '`extensions`');
  const unknown = source.oneOf(fields.get('unknown'), ['keep', 'remove'], '`unknown`');
  const project = source.text(fields.get('project'), '`project`');
  const [from, until] = [
    readDate(source, fields.get('from'), '`from`'),
    readDate(source, fields.get('until'), '`until`'),
  ];
  if (roles.length > 0 && forPurposes.length === 0) {
    source.fault(fields.get('roles'), 'A policy with `roles` needs `purposes`: nothing is open for any purpose.');
  }
  return {
    policy,
    title: source.text(fields.get('title'), '`title`') ?? policy,
    file: source.file.name,
    line: source.place(fields.get('policy')).line,
    roles,
    purposes: forPurposes,
    ...(clients === undefined ? {} : { clients }),
    ...(organisations === undefined ? {} : { organisations }),
    overlay,
    extends: source
      .words(fields.get('extends'), '`extends`')
      .map(({ text, node }) => ({ name: text, ...source.place(node) })),
    ...(resources === undefined ? {} : { resources }),
    without: resourceNames(source, fields.get('without'), '`without`'),
    ...(unnamed === undefined ? {} : { unnamed }),
    ...(extensions === undefined ? {} : { extensions }),
    ...(unknown === undefined ? {} : { unknown }),
    ...(project === undefined ? {} : { project }),
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
    rules: source.items(fields.get('rules'), '`rules`').flatMap((node) => readRule(source, node) ?? []),
  };
};
