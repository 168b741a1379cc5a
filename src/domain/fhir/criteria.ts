import { member, stringOf, text } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { resourceType } from './ids.ts';
import type { ConditionalReference, FhirInteraction, ResourceType } from './interaction.ts';
import { defaultOperations, findOperation, type OperationTable } from './operations.ts';
import type { SearchCriterion, SearchInclude, SearchQuery } from './search.ts';
import { broadTargets, type CriterionDetail, type CriterionTarget, searchName } from './search-name.ts';
import { searchParameter, searchParametersOf } from './search-parameters.ts';
import { splitAt, tokenParts } from './search-value.ts';

export type { CriterionTarget } from './search-name.ts';

const none: readonly CriterionTarget[] = [];

type SearchedTypes = readonly (ResourceType | undefined)[];

const systemWide: SearchedTypes = [undefined];

/** The types a query ranges over; `undefined` among them is the whole system. */
export const searchedTypes = (type: ResourceType | undefined, query: SearchQuery): SearchedTypes => {
  if (type !== undefined) return [type];
  const named = query.criteria.find(({ name }) => name === '_type')?.values.map(resourceType) ?? [];
  return named.length === 0 ? systemWide : named;
};

/** The reference parameters that an include follows. */
export const includeCodes = ({ source, code }: SearchInclude): readonly string[] =>
  code !== '*'
    ? [code]
    : [...searchParametersOf(source)].filter(({ kind }) => kind === 'reference').map((parameter) => parameter.code);

/** The types that an include can bring back; empty is any. */
export const includedTypes = (include: SearchInclude): readonly ResourceType[] => {
  if (include.direction === 'revinclude') return [include.source];
  if (include.target !== undefined) return [include.target];
  const found = new Set<ResourceType>();
  for (const code of includeCodes(include)) {
    const targets = searchParameter(include.source, code)?.targets ?? [];
    if (targets.length === 0) return [];
    for (const type of targets) found.add(type);
  }
  return [...found];
};

/** When a version was made: `_since` and `_at` of a history ask for it. */
const historyReads: Readonly<Record<string, string>> = { _since: '_lastUpdated', _at: '_lastUpdated' };

/** What a call's own parameters read, wherever it is. */
const ownTargets = (query: SearchQuery, reads: Readonly<Record<string, string>>): readonly CriterionTarget[] =>
  query.criteria.flatMap(({ name }) => {
    const code = Object.hasOwn(reads, name) ? reads[name] : undefined;
    return code === undefined ? none : broadTargets(code, name);
  });

/** The codes in plain `code=` criteria: what the search finds has one of them. */
const codesOf = (query: SearchQuery): readonly string[] | undefined => {
  const asked = query.criteria.filter(({ name }) => name === 'code');
  if (asked.length === 0) return undefined;
  return asked.flatMap(({ value }) => splitAt(value, ',').map((each) => tokenParts(each).code));
};

const systemsOf = (value: string): readonly string[] => {
  const systems = splitAt(value, ',').map((each) => tokenParts(each).system ?? '');
  return systems.includes('') ? [] : [...new Set(systems)];
};

const criterionTargets = (
  types: SearchedTypes,
  criterion: SearchCriterion,
  codes: readonly string[] | undefined,
): readonly CriterionTarget[] => {
  const found = searchName(types, criterion.name);
  if (found === undefined) return none;
  const plain = criterion.chain.length === 0 && criterion.has.length === 0;
  const modifier = criterion.chain.length === 0 ? criterion.modifier : criterion.chain.at(-1)?.modifier;
  // A reference by :identifier is asked for by a token too.
  const token = (found.leaves[0]?.kind === 'token' && modifier !== 'missing') || modifier === 'identifier';
  // The codes say something of what is searched, and nothing of what a chain leads to.
  const known = plain && criterion.name !== 'code' ? codes : undefined;
  if (modifier === undefined && !token && known === undefined) return found.targets;
  const detail: CriterionDetail = {
    ...(modifier !== undefined && { modifier }),
    // `type-system|type|value` of :of-type names no system of the value, and :text none at all.
    ...(token && {
      systems:
        modifier === undefined || modifier === 'not' || modifier === 'identifier' ? systemsOf(criterion.value) : [],
    }),
    ...(known !== undefined && { codes: known }),
  };
  return found.targets.map((target, at) => (at < found.leafFrom ? target : { ...target, detail }));
};

/** Every parameter of every type that a query on these types touches. */
export const queryTargets = (types: SearchedTypes, query: SearchQuery): readonly CriterionTarget[] => {
  const targets: CriterionTarget[] = [];
  const codes = codesOf(query);
  for (const criterion of query.criteria) targets.push(...criterionTargets(types, criterion, codes));
  for (const include of query.includes)
    for (const code of includeCodes(include))
      targets.push({ type: include.source, code, name: `_${include.direction}`, kind: 'include' });
  for (const type of types)
    for (const { code } of query.sort) {
      if (type === undefined) targets.push(...broadTargets(code, '_sort', 'sort'));
      else targets.push({ type, code, name: '_sort', kind: 'sort', ...(codes !== undefined && { detail: { codes } }) });
    }
  return targets;
};

const operationTargets = (
  i: Extract<FhirInteraction, { readonly kind: 'operation' }>,
  operations: OperationTable,
): readonly CriterionTarget[] => {
  const rule = findOperation(operations, i.name, i.type, i.id !== undefined)?.rule;
  if (rule === undefined) return none;
  const { reads = {} } = rule;
  const whole = i.type === undefined || rule.readsWhole !== true ? none : wholeTargets(i.type, `$${i.name}`, i.body);
  const searched = rule.searches !== undefined && i.type !== undefined ? queryTargets([i.type], i.query) : none;
  return [...whole, ...searched, ...ownTargets(i.query, reads), ...bodyTargets(i.body, reads)];
};

/** Elements of a Patient that a match goes by, and the search parameter that reads the same. */
const matched: Readonly<Record<string, string>> = {
  name: 'name',
  birthDate: 'birthdate',
  gender: 'gender',
  telecom: 'telecom',
  address: 'address',
  active: 'active',
};
const said: ReadonlySet<string> = new Set(['resourceType', 'id', 'meta', 'text']);

/** What an operation reads that compares the resource in its body with those that are there: the elements that were sent. */
const wholeTargets = (type: ResourceType, name: string, body: Tape | undefined): readonly CriterionTarget[] => {
  const targets: CriterionTarget[] = [];
  const put = (code: string, detail?: CriterionDetail): void => {
    targets.push({ type, code, name, kind: 'filter', ...(detail !== undefined && { detail }) });
  };
  const sent = body === undefined ? -1 : resourceIn(body);
  if (body === undefined || sent < 0) return [{ type, code: '_content', name, kind: 'filter' }];
  for (let key = sent + 1; key < (body.next[sent] as number); key = body.next[key] as number) {
    const element = text(body, key);
    if (said.has(element)) continue;
    if (element === 'identifier') put('identifier', { systems: identifierSystems(body, key + 1) });
    else put(Object.hasOwn(matched, element) ? (matched[element] ?? '_content') : '_content');
  }
  return targets;
};

const resourceIn = (body: Tape): number => {
  const list = member(body, 0, 'parameter');
  if (list < 0) return member(body, 0, 'resourceType') < 0 ? -1 : 0;
  for (let part = list + 1; part < (body.next[list] as number); part = body.next[part] as number) {
    const resource = member(body, part, 'resource');
    if (resource >= 0) return resource;
  }
  return -1;
};

/** Empty when one of them names none: then it may be any. */
const identifierSystems = (body: Tape, list: number): readonly string[] => {
  const systems: string[] = [];
  if (body.kind[list] !== KIND.array) return systems;
  for (let each = list + 1; each < (body.next[list] as number); each = body.next[each] as number) {
    const system = stringOf(body, member(body, each, 'system'));
    if (system === undefined || system === '') return [];
    systems.push(system);
  }
  return systems;
};

/** The same parameters as parts of a Parameters body. */
const bodyTargets = (body: Tape | undefined, reads: Readonly<Record<string, string>>): readonly CriterionTarget[] => {
  const list = body === undefined ? -1 : member(body, 0, 'parameter');
  if (body === undefined || list < 0) return none;
  const targets: CriterionTarget[] = [];
  const past = body.next[list] as number;
  for (let part = list + 1; part < past; part = body.next[part] as number) {
    const name = stringOf(body, member(body, part, 'name')) ?? '';
    const code = Object.hasOwn(reads, name) ? reads[name] : undefined;
    if (code !== undefined) targets.push(...broadTargets(code, name));
  }
  return targets;
};

const conditionTargets = (type: ResourceType, query: SearchQuery | undefined): readonly CriterionTarget[] =>
  query === undefined ? none : queryTargets([type], query);

const referenceTargets = (references: readonly ConditionalReference[] = []): readonly CriterionTarget[] =>
  references.flatMap(({ type, query }) => queryTargets([type], query));

/**
 * Every search parameter of every type that a call reads, so that each can be judged by scope, role, consent and mask.
 * `_elements` is not among them: it picks from an answer that is masked in any case. A batch gives those of all its entries.
 */
export const criteriaTargets = (
  i: FhirInteraction,
  operations: OperationTable = defaultOperations,
): readonly CriterionTarget[] => {
  switch (i.kind) {
    case 'search':
      return queryTargets(searchedTypes(i.type, i.query), i.query);
    case 'history': {
      const { type } = i;
      const targets = ownTargets(i.query, historyReads);
      return type === undefined ? targets : targets.filter((target) => target.type === type);
    }
    case 'operation':
      return operationTargets(i, operations);
    case 'create':
      return [...conditionTargets(i.type, i.headers.ifNoneExist), ...referenceTargets(i.references)];
    case 'update':
      return [...conditionTargets(i.type, i.query), ...referenceTargets(i.references)];
    case 'patch':
    case 'delete':
      return conditionTargets(i.type, i.query);
    case 'batch':
    case 'transaction':
      return i.entries.flatMap((entry) => criteriaTargets(entry.interaction, operations));
    default:
      return none;
  }
};
