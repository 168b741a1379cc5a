import { type SearchParameterRow, searchParameterRows } from '../fhir/generated/search-parameters.ts';
import { lineage } from '../fhir/schema.ts';
import type { Automaton, Edge, State } from './automaton.ts';
import type { Criterion } from './compile.ts';

/** Parameters that look at a resource as a whole, or through a language of their own: closed to every masked view. */
const whole = ['_text', '_content', '_filter', '_query', '_has', '_list', '_in', '_score'];

/** What a search reads of a datatype, by the kind of parameter; a type not listed is read whole. */
const reads: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  token: {
    Coding: ['system', 'code'],
    CodeableConcept: ['coding'],
    Identifier: ['value'],
    ContactPoint: ['value'],
  },
  text: {
    Coding: ['display'],
    CodeableConcept: ['text', 'coding'],
    Identifier: ['type'],
  },
  reference: { Reference: ['reference'] },
  identifier: { Reference: ['identifier'], Identifier: ['value', 'system'] },
  date: { Period: ['start', 'end'], Timing: ['event', 'repeat'], 'Timing.repeat': ['bounds'] },
  quantity: {
    Quantity: ['value'],
    Range: ['low', 'high'],
    Money: ['value', 'currency'],
    SampledData: ['origin', 'lowerLimit', 'upperLimit'],
  },
  string: {
    HumanName: ['family', 'given', 'prefix', 'suffix', 'text'],
    Address: ['line', 'city', 'district', 'state', 'postalCode', 'country', 'text'],
  },
};

const kindOf = (kind: string, modifier: string | undefined): string => {
  if (modifier === 'text' || modifier === 'text-advanced' || modifier === 'code-text') return 'text';
  if (modifier === 'identifier') return 'identifier';
  return kind === 'number' ? 'quantity' : kind;
};

/** The rule that masks what the parameter reads of an element in this state, or undefined. */
const maskOf = (state: State, edge: Edge, kind: string, criterion: Criterion, depth: number): string | undefined => {
  if (edge.primitive) {
    const { action } = edge;
    // An id or a reference by pseudonym is turned back before the search goes out.
    const turnedBack =
      action?.method === 'pseudonymise' && (edge.element.name === 'reference' || edge.element.type === 'id');
    // What is passed after a look at its form, of a datatype that is nothing but codes and numbers, is open.
    const judgedByForm =
      action?.source === undefined &&
      ['boolean', 'code', 'decimal', 'integer', 'positiveInt', 'unsignedInt', 'uri', 'canonical', 'oid'].includes(
        edge.element.type,
      );
    const isOpen = action === undefined || action.method === 'keep' || turnedBack || judgedByForm;
    return isOpen ? undefined : action.rule;
  }
  const systems = edge.element.type === 'Identifier' || edge.element.type === 'Coding' ? criterion.systems : undefined;
  const outcomes =
    systems === undefined || systems.length === 0
      ? state.outcomes()
      : systems.flatMap((system) => [...state.outcomes({ system })]);
  for (const outcome of outcomes) {
    const variant = state.under(outcome);
    if (variant.action !== undefined) return variant.action.rule;
    if (depth > 4) continue;
    const wanted = lineage(edge.element.type)
      .map((type) => reads[kind]?.[type])
      .find((names) => names !== undefined);
    for (const inner of variant.edges.values) {
      if (['extension', 'id', 'modifierExtension'].includes(inner.element.name)) continue;
      if (wanted !== undefined && !wanted.includes(inner.element.path)) continue;
      const rule = maskOf(inner.state, inner, kind, criterion, depth + 1);
      if (rule !== undefined) return rule;
    }
  }
  return undefined;
};

const alongPath = (state: State, names: readonly string[], kind: string, criterion: Criterion): string | undefined => {
  const [name, ...rest] = names;
  for (const outcome of state.outcomes(criterion.codes === undefined ? {} : { codes: criterion.codes })) {
    const variant = state.under(outcome);
    if (variant.action !== undefined) return variant.action.rule;
    const edges = variant.edges.values.filter((edge) => edge.element.name === name || edge.element.path === name);
    if (edges.length === 0) return 'default:unknown';
    for (const edge of edges) {
      const rule =
        rest.length > 0 && !edge.primitive
          ? alongPath(edge.state, rest, kind, criterion)
          : maskOf(edge.state, edge, kind, criterion, 0);
      if (rule !== undefined) return rule;
    }
  }
  return undefined;
};

const rowOf = (type: string, code: string): SearchParameterRow | undefined => {
  for (const base of [type, 'DomainResource', 'Resource']) {
    const rows = Object.hasOwn(searchParameterRows, base) ? searchParameterRows[base] : undefined;
    const row = rows?.find((each) => each[0] === code);
    if (row !== undefined) return row;
  }
  return undefined;
};

/**
 * The rule that masks an element the search parameter reads. Compiled out of the definitions of the parameters and the
 * automaton of the plan, so that a policy cannot forget one. A parameter that is not known is closed.
 */
export const maskedParameter = (
  automaton: Automaton,
  type: string,
  code: string,
  criterion: Criterion,
): string | undefined => {
  const state = automaton.resource(type);
  if (state === undefined || whole.includes(code)) return 'default:whole';
  const row = rowOf(type, code);
  if (row === undefined) return 'default:unknown';
  const [, kind, paths, detail] = row;
  const kinds = kind === 'composite' ? [...new Set((detail ?? '').split(' '))] : [kindOf(kind, criterion.modifier)];
  for (const path of paths.split(' ').filter((each) => each !== '')) {
    const names = (path.split('>')[0] ?? '').replace(/\[[^\]]*\]/g, '').split('.');
    for (const each of kinds) {
      const rule = alongPath(state, names, each, criterion);
      if (rule !== undefined) return rule;
    }
  }
  return undefined;
};
