import type { ResourceType } from './interaction.ts';
import type { OwnKind } from './search-query.ts';

/** How an operation names the patients it touches. An operation without one of these cannot be judged. */
export type SubjectLocator =
  /** The resource in the path, and for a patient its compartment. */
  | { readonly by: 'instance' }
  /** Search criteria in the query, as a search on the type would have them. */
  | { readonly by: 'criteria' }
  /** References or ids in a parameter of the query or of the Parameters body. */
  | { readonly by: 'parameter'; readonly name: string }
  /** The resource given in the body. */
  | { readonly by: 'body' }
  /** Everything the level holds: every patient of the system, the type or the group. */
  | { readonly by: 'all' }
  /** Touches no patient: terminology. */
  | { readonly by: 'none' };

/** Where an operation can be called, and how its patients are found there. */
export interface OperationLevel {
  readonly level: 'system' | 'type' | 'instance';
  /** Absent: any type. */
  readonly types?: readonly string[];
  readonly subjects: SubjectLocator;
}

export interface OperationRule {
  /** Without the dollar sign. */
  readonly name: string;
  readonly at: readonly OperationLevel[];
  readonly methods: readonly ('GET' | 'POST')[];
  /** What it does, for scopes and consent. */
  readonly acts: 'read' | 'search' | 'export' | 'none';
  /** Its parameters, in the query or as parts of a Parameters body. */
  readonly parameters: Readonly<Record<string, OwnKind>>;
  /** Parts of a Parameters body that hold a resource or a complex value. */
  readonly parts?: readonly string[];
  /** The body may be the resource itself. */
  readonly bareBody?: true;
  /** Parameters that select by an element, and the search parameter which reads the same. */
  readonly reads?: Readonly<Record<string, string>>;
  /** A Parameters body holds single values alone, and goes on as a query: so its pages have addresses. */
  readonly folds?: true;
  /** It compares whole resources of its type with what is sent. */
  readonly readsWhole?: true;
  /** It takes the search parameters of its type too, and with `whole` what shapes a result. */
  readonly searches?: 'whole' | 'criteria';
  /** Only for the person in the path, who stands for them, and privacy officers: the gateway's own answer, whatever the upstream has. */
  readonly about?: 'self';
  /** Answered with 202 and a place to ask (bulk data). */
  readonly async?: true;
  /** The gateway answers it itself, and not within a batch. */
  readonly alone?: true;
  /** For research alone: the token names its study, and what leaves is without who it is about. */
  readonly study?: true;
}

const terminology = (
  name: string,
  type: string,
  names: readonly string[],
  parts: readonly string[] = [],
): OperationRule => ({
  name,
  at: [
    { level: 'type', types: [type], subjects: { by: 'none' } },
    { level: 'instance', types: [type], subjects: { by: 'none' } },
  ],
  methods: ['GET', 'POST'],
  acts: 'none',
  parameters: Object.fromEntries(names.map((each) => [each, 'text' as const])),
  parts,
});

/** What narrows an export without leaving out what says whose a resource is; the rest of Bulk Data 2.0 is refused. */
const exported = { _outputFormat: 'ndjson', _since: 'instant', _until: 'instant', _type: 'types' } as const;

/** The operations that the gateway can judge as it comes. Configuration adds others by `operationTable`. */
export const knownOperations: readonly OperationRule[] = [
  {
    name: 'everything',
    at: [
      { level: 'instance', types: ['Patient', 'Encounter'], subjects: { by: 'instance' } },
      { level: 'type', types: ['Patient'], subjects: { by: 'all' } },
    ],
    methods: ['GET', 'POST'],
    acts: 'search',
    parameters: { start: 'instant', end: 'instant', _since: 'instant', _type: 'types', _count: 'integer' },
    reads: { start: 'date', end: 'date', _since: '_lastUpdated' },
    folds: true,
  },
  {
    name: 'accounting-of-disclosures',
    at: [{ level: 'instance', types: ['Patient'], subjects: { by: 'instance' } }],
    methods: ['GET'],
    acts: 'read',
    parameters: { start: 'instant', end: 'instant', before: 'integer', _count: 'integer' },
    about: 'self',
  },
  {
    name: 'lastn',
    at: [{ level: 'type', types: ['Observation'], subjects: { by: 'criteria' } }],
    methods: ['GET'],
    acts: 'search',
    parameters: { max: 'integer' },
    searches: 'whole',
  },
  {
    name: 'summary',
    at: [
      { level: 'instance', types: ['Patient'], subjects: { by: 'instance' } },
      { level: 'type', types: ['Patient'], subjects: { by: 'parameter', name: 'identifier' } },
    ],
    methods: ['GET', 'POST'],
    acts: 'search',
    parameters: { identifier: 'text', profile: 'text' },
    reads: { identifier: 'identifier' },
  },
  {
    name: 'document',
    at: [{ level: 'instance', types: ['Composition'], subjects: { by: 'instance' } }],
    methods: ['GET', 'POST'],
    acts: 'search',
    // `persist` would write under cover of a read: left out, so refused.
    parameters: { graph: 'text' },
  },
  {
    name: 'match',
    at: [{ level: 'type', types: ['Patient'], subjects: { by: 'all' } }],
    methods: ['POST'],
    acts: 'search',
    parameters: { onlyCertainMatches: 'boolean', count: 'integer' },
    parts: ['resource'],
    readsWhole: true,
  },
  {
    name: 'validate',
    at: [
      { level: 'type', subjects: { by: 'body' } },
      { level: 'instance', subjects: { by: 'instance' } },
    ],
    methods: ['POST'],
    acts: 'read',
    parameters: { mode: 'text', profile: 'text' },
    parts: ['resource'],
    bareBody: true,
  },
  {
    name: 'export',
    at: [
      { level: 'system', subjects: { by: 'all' } },
      { level: 'type', types: ['Patient'], subjects: { by: 'all' } },
      { level: 'instance', types: ['Group'], subjects: { by: 'all' } },
    ],
    methods: ['GET', 'POST'],
    acts: 'export',
    parameters: exported,
    reads: { _since: '_lastUpdated', _until: '_lastUpdated' },
    async: true,
  },
  {
    name: 'deidentify',
    at: [
      { level: 'type', types: ['Patient'], subjects: { by: 'all' } },
      { level: 'instance', types: ['Group'], subjects: { by: 'all' } },
    ],
    methods: ['GET', 'POST'],
    acts: 'export',
    parameters: exported,
    reads: { _since: '_lastUpdated', _until: '_lastUpdated' },
    async: true,
    study: true,
  },
  {
    name: 'cohort-counts',
    at: [{ level: 'type', types: ['Patient'], subjects: { by: 'criteria' } }],
    methods: ['GET'],
    acts: 'search',
    parameters: { by: 'text' },
    searches: 'criteria',
    alone: true,
  },
  terminology(
    'expand',
    'ValueSet',
    [
      'url',
      'valueSetVersion',
      'context',
      'contextDirection',
      'filter',
      'date',
      'offset',
      'count',
      'includeDesignations',
      'designation',
      'includeDefinition',
      'activeOnly',
      'excludeNested',
      'excludeNotForUI',
      'excludePostCoordinated',
      'displayLanguage',
      'exclude-system',
      'system-version',
      'check-system-version',
      'force-system-version',
    ],
    ['valueSet'],
  ),
  terminology('lookup', 'CodeSystem', ['code', 'system', 'version', 'date', 'displayLanguage', 'property'], ['coding']),
  terminology(
    'validate-code',
    'CodeSystem',
    ['url', 'code', 'version', 'display', 'date', 'abstract', 'displayLanguage'],
    ['codeSystem', 'coding', 'codeableConcept'],
  ),
  terminology(
    'validate-code',
    'ValueSet',
    [
      'url',
      'context',
      'valueSetVersion',
      'code',
      'system',
      'systemVersion',
      'display',
      'date',
      'abstract',
      'displayLanguage',
    ],
    ['valueSet', 'coding', 'codeableConcept'],
  ),
  terminology(
    'translate',
    'ConceptMap',
    ['url', 'conceptMapVersion', 'code', 'system', 'version', 'source', 'target', 'targetsystem', 'reverse'],
    ['conceptMap', 'coding', 'codeableConcept', 'dependency'],
  ),
  terminology('subsumes', 'CodeSystem', ['codeA', 'codeB', 'system', 'version'], ['codingA', 'codingB']),
];

/** A de-identified read of a cohort is an export too, and goes to the upstream as one. */
export const isExport = (name: string): boolean => name === 'export' || name === 'deidentify';

/** Names of operations and of their levels to the rule that judges them. */
export type OperationTable = ReadonlyMap<string, readonly OperationRule[]>;

/** Later rules stand before earlier ones: a configured rule replaces a known one of the same name at the same level. */
export const operationTable = (...lists: readonly (readonly OperationRule[])[]): OperationTable => {
  const table = new Map<string, OperationRule[]>();
  for (const rule of lists.flat()) table.set(rule.name, [rule, ...(table.get(rule.name) ?? [])]);
  return table;
};

export const defaultOperations: OperationTable = operationTable(knownOperations);

export interface FoundOperation {
  readonly rule: OperationRule;
  readonly level: OperationLevel;
}

/** The rule for an operation where it is called; undefined: nobody has said how its patients are found. */
export const findOperation = (
  table: OperationTable,
  name: string,
  type: ResourceType | undefined,
  instance: boolean,
): FoundOperation | undefined => {
  const wanted = type === undefined ? 'system' : instance ? 'instance' : 'type';
  for (const rule of table.get(name) ?? []) {
    const level = rule.at.find(
      (each) => each.level === wanted && (type === undefined || each.types === undefined || each.types.includes(type)),
    );
    if (level !== undefined) return { rule, level };
  }
  return undefined;
};
