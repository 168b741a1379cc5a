import { searchedTypes } from '../fhir/criteria.ts';
import type { FhirInteraction, ResourceId } from '../fhir/interaction.ts';
import type { SearchCriterion, SearchQuery } from '../fhir/search.ts';
import { searchName } from '../fhir/search-name.ts';
import { idBehind, idOfNothing } from './pseudonym.ts';

const reference = /^((?:[A-Za-z][A-Za-z0-9+.-]*:\/\/[^?#\s]*\/)?([A-Z][A-Za-z]+)\/)([A-Za-z0-9.-]{1,64})$/;

type Types = Parameters<typeof searchName>[0];

interface Ids {
  /** What a pseudonym stands for, by the key of now or one before it. */
  behind(text: string): string | undefined;
  nothing(text: string): string;
  closed(type: string | undefined): boolean;
}

/**
 * The call with the ids behind the caller's pseudonyms, so that what a masked answer named can be asked for again. Where
 * `closed` says so of a type, or of an id that names none, a true id names nothing: whoever guesses one, or knows it from
 * elsewhere, would otherwise be told which pseudonym is that person's. The first key is the one in use; what was given out
 * under the others is still understood.
 */
export function revealIds(
  interaction: FhirInteraction,
  keys: readonly Uint8Array[],
  closed: (type: string | undefined) => boolean,
): FhirInteraction {
  const ids: Ids = {
    behind: (text) => {
      for (const key of keys) {
        const id = idBehind(key, text);
        if (id !== undefined) return id;
      }
      return undefined;
    },
    nothing: (text) => idOfNothing(keys[0] ?? new Uint8Array(), text),
    closed,
  };
  const id = (type: string | undefined, text: ResourceId): ResourceId =>
    (ids.behind(text) ?? (closed(type) ? ids.nothing(text) : text)) as ResourceId;
  const query = (types: Types, asked: SearchQuery): SearchQuery =>
    asked.criteria.length === 0
      ? asked
      : {
          ...asked,
          criteria: asked.criteria.map((criterion) => revealCriterion(types, criterion, ids)),
        };
  switch (interaction.kind) {
    case 'read':
    case 'vread':
      return { ...interaction, id: id(interaction.type, interaction.id) };
    case 'history':
    case 'operation':
      return {
        ...interaction,
        ...(interaction.id === undefined ? {} : { id: id(interaction.type, interaction.id) }),
        query: query(searchedTypes(interaction.type, interaction.query), interaction.query),
      };
    case 'search':
      return {
        ...interaction,
        ...(interaction.compartment === undefined
          ? {}
          : {
              compartment: {
                ...interaction.compartment,
                id: id(interaction.compartment.type, interaction.compartment.id),
              },
            }),
        query: query(searchedTypes(interaction.type, interaction.query), interaction.query),
      };
    default:
      return interaction;
  }
}

/** Parameters of operations that name a patient and are no search parameters of a type. */
const operationReferences: ReadonlySet<string> = new Set(['patient', 'subject', '_id']);

/** Whether the values of a criterion are ids or references to resources. */
const namesResources = (types: Types, { name, modifier, code, chain }: SearchCriterion): boolean => {
  const last = chain.at(-1);
  const how = last === undefined ? modifier : last.modifier;
  if (how === 'missing' || how === 'identifier') return false;
  if ((last?.code ?? code) === '_id') return true;
  const leaves = searchName(types, name)?.leaves ?? [];
  return leaves.some(({ kind }) => kind === 'reference') || (leaves.length === 0 && operationReferences.has(code));
};

function revealCriterion(types: Types, criterion: SearchCriterion, ids: Ids): SearchCriterion {
  const strict = namesResources(types, criterion);
  let changed = false;
  const values = criterion.values.map((value) => {
    const [, before = '', type, written = value] = reference.exec(value) ?? [];
    const closed = strict && ids.closed(type);
    const known = ids.behind(written) ?? (closed ? ids.nothing(written) : undefined);
    if (known === undefined) return value;
    changed = true;
    return `${before}${known}`;
  });
  // Ids hold none of the characters that a value must escape.
  return changed ? { ...criterion, values, value: values.join(',') } : criterion;
}
