import { describe, expect, it } from '@jest/globals';
import { resourcesIn } from '../../../src/domain/fhir/bundle.ts';
import { bundleReferences } from '../../../src/domain/fhir/bundle-references.ts';
import { subjectsOf } from '../../../src/domain/fhir/subjects.ts';
import { tapeOf } from '../json/documents.ts';

const bases = { upstreamBase: 'http://ehr.example/fhir', gatewayBase: 'https://gateway.example/fhir' };

/** Of each entry in order: the ids and fresh names, or the kind. */
const whose = (...entries: object[]): unknown[] => {
  const tape = tapeOf(JSON.stringify({ resourceType: 'Bundle', entry: entries }));
  const resolve = bundleReferences(tape, 0, bases);
  return resourcesIn(tape).sites.map((site) => {
    const subjects = subjectsOf(tape, site.node, bases, resolve);
    return subjects.kind === 'patients' ? [...subjects.ids, ...(subjects.fresh ?? [])] : subjects.kind;
  });
};

const subject = (reference: string) => ({ subject: { reference } });
const observation = { resourceType: 'Observation', id: 'o' };

describe('among the entries of a Bundle', () => {
  it('a urn means the entry with that fullUrl', () => {
    expect(
      whose(
        { fullUrl: 'urn:uuid:1', resource: { resourceType: 'Patient', id: 'a' } },
        { resource: { ...observation, ...subject('urn:uuid:1') } },
      ),
    ).toEqual([['a'], ['a']]);
  });

  it('a name that two entries have means neither', () => {
    expect(
      whose(
        { fullUrl: 'urn:uuid:1', resource: { resourceType: 'Patient', id: 'a' } },
        { fullUrl: 'urn:uuid:1', resource: { resourceType: 'Patient', id: 'b' } },
        { resource: { ...observation, ...subject('urn:uuid:1') } },
      )[2],
    ).toBe('unknown');
  });

  it('Provenance belongs to the patients of its targets', () => {
    const provenance = { resource: { resourceType: 'Provenance', target: [{ reference: 'Observation/o' }] } };
    expect(whose({ resource: { ...observation, ...subject('Patient/a') } }, provenance)[1]).toEqual(['a']);
    expect(whose({ resource: observation }, provenance)[1]).toBe('unknown');
    expect(
      whose(
        { resource: { ...observation, ...subject('Patient/b') } },
        {
          resource: {
            resourceType: 'Provenance',
            target: [{ reference: 'Patient/a' }, { reference: 'Observation/o' }],
          },
        },
      )[1],
    ).toEqual(['a', 'b']);
  });

  it('nobody is fresh in an answer, though a stored transaction says so', () => {
    const patient = { resourceType: 'Patient', name: [{ family: 'x' }] };
    const stored = [
      { fullUrl: 'urn:uuid:1', resource: patient, request: { method: 'POST', url: 'Patient' } },
      { resource: { ...observation, ...subject('urn:uuid:1') }, request: { method: 'POST', url: 'Observation' } },
    ];
    expect(whose(...stored)).toEqual(['unknown', 'unknown']);
  });

  it('a Group is as known as its members', () => {
    const group = {
      resource: {
        resourceType: 'Group',
        id: 'g',
        member: [{ entity: { reference: 'Patient/a' } }, { entity: { reference: 'Patient/b' } }],
      },
    };
    expect(whose(group, { resource: { ...observation, ...subject('Group/g') } })[1]).toEqual(['a', 'b']);
  });

  it('resources that own each other in a circle are unknown', () => {
    const basic = (id: string, other: string) => ({
      resource: { resourceType: 'Basic', id, ...subject(`Basic/${other}`) },
    });
    expect(whose(basic('a', 'b'), basic('b', 'a'))).toEqual(['unknown', 'unknown']);
  });
});
