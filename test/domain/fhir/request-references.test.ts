import { describe, expect, it } from '@jest/globals';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import { requestReferences, type SentEntry } from '../../../src/domain/fhir/request-references.ts';
import { subjectsOf } from '../../../src/domain/fhir/subjects.ts';
import { bundleOf, understood } from '../../security/understood.ts';

const bases = { upstreamBase: 'http://ehr.example/fhir', gatewayBase: 'https://gateway.example/fhir' };

type Meant = NonNullable<SentEntry['meant']>;

/** Of each entry in order: the ids and fresh names, or the kind. `meant` tells what the criteria of an entry were found to be. */
const whose = (entries: readonly object[], meant: readonly (Meant | undefined)[] = []): unknown[] => {
  const call = understood('POST /', { body: bundleOf('transaction', ...entries) });
  if (call.kind !== 'transaction') throw new Error(call.kind);
  const sent = call.entries.map((entry, at): SentEntry => {
    const found = meant[at];
    return found === undefined ? entry : { ...entry, meant: found };
  });
  const resolve = requestReferences(sent, bases);
  return sent.map(({ interaction }) => {
    if (!('body' in interaction) || interaction.body === undefined) return 'none';
    const subjects = subjectsOf(interaction.body, 0, bases, resolve);
    return subjects.kind === 'patients' ? [...subjects.ids, ...(subjects.fresh ?? [])] : subjects.kind;
  });
};

const post = (type: string, more: object = {}) => ({ method: 'POST', url: type, ...more });
const user = {
  resource: { resourceType: 'Observation', subject: { reference: 'urn:uuid:1' } },
  request: post('Observation'),
};
const patient = { fullUrl: 'urn:uuid:1', resource: { resourceType: 'Patient', id: 'a' }, request: post('Patient') };
const one = (...patients: readonly string[]): Meant => ({ kind: 'one', patients: patients as PatientId[] });

describe('among the entries of a transaction', () => {
  it('a Patient that is created is fresh, whatever id its resource claims', () => {
    expect(whose([patient, user])[1]).toEqual(['urn:uuid:1']);
  });

  it('a Patient that is created unless there is one is the one that was found, or fresh', () => {
    const conditional = { ...patient, request: post('Patient', { ifNoneExist: 'identifier=1' }) };
    expect(whose([conditional, user], [one('b')])[1]).toEqual(['b']);
    expect(whose([conditional, user], [{ kind: 'none' }])[1]).toEqual(['urn:uuid:1']);
  });

  it('an update owns under the id in its URL, and for those of the version it replaces too', () => {
    const put = { ...patient, request: { method: 'PUT', url: 'Patient/a' } };
    expect(whose([put, user])[1]).toEqual(['a']);
    const encounter = (subject: string) => ({
      fullUrl: 'urn:uuid:1',
      resource: { resourceType: 'Encounter', id: 'e', subject: { reference: subject } },
      request: { method: 'PUT', url: 'Encounter/e' },
    });
    const provenance = {
      resource: { resourceType: 'Provenance', target: [{ reference: 'urn:uuid:1' }, { reference: 'Encounter/e' }] },
      request: post('Provenance'),
    };
    expect(whose([encounter('Patient/a'), provenance], [one('b')])[1]).toEqual(['a', 'b']);
  });

  it('what a request only claims to have an id owns nothing under it', () => {
    const claimed = {
      resource: { resourceType: 'Observation', id: 'o', subject: { reference: 'Patient/a' } },
      request: post('Observation'),
    };
    const provenance = {
      resource: { resourceType: 'Provenance', target: [{ reference: 'Observation/o' }] },
      request: post('Provenance'),
    };
    expect(whose([claimed, provenance])[1]).toBe('unknown');
  });
});
