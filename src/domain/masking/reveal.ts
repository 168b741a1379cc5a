import type { FhirInteraction, ResourceId } from '../fhir/interaction.ts';
import type { SearchCriterion, SearchQuery } from '../fhir/search.ts';
import { idBehind } from './pseudonym.ts';

const reference = /^((?:[A-Za-z][A-Za-z0-9+.-]*:\/\/[^?#\s]*\/)?[A-Z][A-Za-z]+\/)([A-Za-z0-9.-]{1,64})$/;

/**
 * The call with the ids behind the caller's pseudonyms, so that what a masked answer named can be asked for again. Ids that are no
 * pseudonyms of this key stay as they are, and are judged like any other.
 */
export function revealIds(interaction: FhirInteraction, key: Uint8Array): FhirInteraction {
  const id = (text: ResourceId): ResourceId => (idBehind(key, text) ?? text) as ResourceId;
  switch (interaction.kind) {
    case 'read':
    case 'vread':
      return { ...interaction, id: id(interaction.id) };
    case 'history':
    case 'operation':
      return {
        ...interaction,
        ...(interaction.id === undefined ? {} : { id: id(interaction.id) }),
        query: revealQuery(interaction.query, key),
      };
    case 'search':
      return {
        ...interaction,
        ...(interaction.compartment === undefined
          ? {}
          : { compartment: { ...interaction.compartment, id: id(interaction.compartment.id) } }),
        query: revealQuery(interaction.query, key),
      };
    default:
      return interaction;
  }
}

const revealQuery = (query: SearchQuery, key: Uint8Array): SearchQuery =>
  query.criteria.length === 0
    ? query
    : { ...query, criteria: query.criteria.map((criterion) => revealCriterion(criterion, key)) };

function revealCriterion(criterion: SearchCriterion, key: Uint8Array): SearchCriterion {
  let changed = false;
  const values = criterion.values.map((value) => {
    const parts = reference.exec(value);
    const known = parts === null ? idBehind(key, value) : idBehind(key, parts[2] ?? '');
    if (known === undefined) return value;
    changed = true;
    return parts === null ? known : `${parts[1]}${known}`;
  });
  // Ids hold none of the characters that a value must escape.
  return changed ? { ...criterion, values, value: values.join(',') } : criterion;
}
