import { describe, expect, it } from '@jest/globals';
import { resourcesIn } from '../../../src/domain/fhir/bundle.ts';
import { bundleReferences } from '../../../src/domain/fhir/bundle-references.ts';
import { subjectsOf } from '../../../src/domain/fhir/subjects.ts';
import { tapeOf } from '../json/documents.ts';

const bases = { upstreamBase: 'http://ehr.example/fhir', gatewayBase: 'https://gateway.example/fhir' };

/** Of each entry in order: the ids and fresh names, or the kind. */
const whose = (...entries: object[]): unknown[] => whoseIn('request', entries);

const whoseIn = (within: 'answer' | 'request', entries: object[]): unknown[] => {
  const tape = tapeOf(JSON.stringify({ resourceType: 'Bundle', entry: entries }));
  const resolve = bundleReferences(tape, 0, bases, within);
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

  it('a Patient that is created is fresh, unless it may exist already', () => {
    const patient = { resourceType: 'Patient', id: 'a' };
    const post = { method: 'POST', url: 'Patient' };
    expect(
      whose(
        { fullUrl: 'urn:uuid:1', resource: patient, request: post },
        { resource: { ...observation, ...subject('urn:uuid:1') } },
      )[1],
    ).toEqual(['urn:uuid:1']);
    expect(
      whose(
        { fullUrl: 'urn:uuid:1', resource: patient, request: { ...post, ifNoneExist: 'identifier=1' } },
        { resource: { ...observation, ...subject('urn:uuid:1') } },
      )[1],
    ).toBe('unknown');
  });

  it('an update counts only under the id in its URL', () => {
    const put = (url: string) => ({
      fullUrl: 'urn:uuid:1',
      resource: { resourceType: 'Patient', id: 'a' },
      request: { method: 'PUT', url },
    });
    const user = { resource: { ...observation, ...subject('urn:uuid:1') } };
    expect(whose(put('Patient/a'), user)[1]).toEqual(['a']);
    expect(whose(put('Patient/b'), user)[1]).toBe('unknown');
    expect(whose(put('Patient?identifier=1'), user)[1]).toBe('unknown');
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

  it('what a request only claims to have an id owns nothing under it', () => {
    const claimed = {
      resource: { ...observation, ...subject('Patient/a') },
      request: { method: 'POST', url: 'Observation' },
    };
    const provenance = { resource: { resourceType: 'Provenance', target: [{ reference: 'Observation/o' }] } };
    expect(whose(claimed, provenance)[1]).toBe('unknown');
  });

  it('nobody is fresh in an answer, though a stored transaction says so', () => {
    const patient = { resourceType: 'Patient', name: [{ family: 'x' }] };
    const stored = [
      { fullUrl: 'urn:uuid:1', resource: patient, request: { method: 'POST', url: 'Patient' } },
      { resource: { ...observation, ...subject('urn:uuid:1') }, request: { method: 'POST', url: 'Observation' } },
    ];
    expect(whoseIn('request', stored)).toEqual(['unknown', ['urn:uuid:1']]);
    expect(whoseIn('answer', stored)).toEqual(['unknown', 'unknown']);
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
