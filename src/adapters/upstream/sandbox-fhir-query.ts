import { badRequest, OperationOutcomeError } from '@medplum/core';
import { isResourceType, searchParameterOf } from './sandbox-fhir-definitions.ts';

/** The query of a GET, with the form of a POST `_search` behind it (R4 search.html: both count). */
export const readQuery = (url: string, form: unknown): URLSearchParams => {
  const mark = url.indexOf('?');
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  if (typeof form === 'string') for (const [name, value] of new URLSearchParams(form)) query.append(name, value);
  return query;
};

const controls = new Set([
  '_sort',
  '_count',
  '_offset',
  '_total',
  '_summary',
  '_elements',
  '_include',
  '_revinclude',
  '_format',
  '_pretty',
]);

/**
 * Drops what this server cannot evaluate, or refuses it when the client asked for strict handling (R4 search.html#errors).
 * `subject:Patient=1` becomes `subject=Patient/1`: Medplum's parser would lose the type.
 */
export const withReferenceTypes = (type: string, query: URLSearchParams, strict: boolean): URLSearchParams => {
  const kept = new URLSearchParams();
  for (const [name, value] of query) {
    const known = isKnown(type, name);
    if (!known && strict) throw new OperationOutcomeError(badRequest(`Unknown search parameter: ${name}`, name));
    if (!known) continue;
    const [code = '', modifier] = name.split(':');
    if (modifier && isResourceType(modifier) && !name.includes('.') && code !== '_has') {
      kept.append(
        code,
        value
          .split(',')
          .map((each) => (each.includes('/') ? each : `${modifier}/${each}`))
          .join(','),
      );
    } else {
      kept.append(name, value);
    }
  }
  return kept;
};

const everywhere = new Set(['_type', '_id', '_lastUpdated', '_tag', '_profile', '_security', '_source']);

const isKnown = (type: string, name: string): boolean => {
  const [code = '', second = '', third = ''] = name.split(':');
  if (controls.has(code)) return true;
  if (type === '') return everywhere.has(code);
  if (code === '_has') return searchParameterOf(second, third)?.type === 'reference';
  const parameter = searchParameterOf(type, code.split('.')[0] ?? '');
  if (!parameter) return false;
  return name.includes('.')
    ? parameter.type === 'reference'
    : parameter.type !== 'composite' && parameter.type !== 'special';
};
