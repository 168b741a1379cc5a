import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { resourcesIn, type Site, withhold } from '../../../src/domain/fhir/bundle.ts';
import { toValue } from '../../../src/domain/json/cursor.ts';
import { applySplices } from '../../../src/domain/json/splice.ts';
import { tapeOf, textOf } from '../json/documents.ts';

const take = (value: unknown) => resourcesIn(tapeOf(JSON.stringify(value)));

/** What is left of the document when the sites that the test names go. */
const without = (value: unknown, gone: (site: Site, id: unknown) => boolean): unknown => {
  const answer = take(value);
  const idOf = (site: Site): unknown => (toValue(answer.tape, site.node) as { id?: unknown } | null)?.id;
  const chosen = new Set(answer.sites.filter((site) => gone(site, idOf(site))));
  return toValue(tapeOf(applySplices(answer.tape.bytes, withhold(answer, chosen))), 0);
};

const observation = (id: string) => ({ resourceType: 'Observation', id });
const entry = (id: string, more: object = {}) => ({
  fullUrl: `http://x/Observation/${id}`,
  resource: observation(id),
  ...more,
});

describe('an answer is taken apart', () => {
  it('into itself when it is one resource', () => {
    expect(take(observation('a')).sites).toEqual([{ place: 'root', node: 0, type: 'Observation' }]);
  });

  it('into the resources of Bundles in Bundles, Parameters, parts and responses', () => {
    const { sites, bundles } = take({
      resourceType: 'Bundle',
      entry: [
        entry('a', { search: { mode: 'match' } }),
        {
          resource: {
            resourceType: 'Bundle',
            entry: [
              entry('b'),
              {
                resource: {
                  resourceType: 'Parameters',
                  parameter: [
                    { name: 'one', resource: observation('c') },
                    {
                      name: 'two',
                      part: [
                        { name: 'three', resource: observation('d') },
                        { name: 'four', valueString: 'x' },
                      ],
                    },
                  ],
                },
              },
            ],
          },
        },
        { response: { status: '200', outcome: { resourceType: 'OperationOutcome' } } },
        { fullUrl: 'http://x/Observation/gone', request: { method: 'DELETE', url: 'Observation/gone' } },
      ],
    });
    expect(sites.map(({ place, type, name, mode }) => [place, type, name ?? mode])).toEqual([
      ['entry', 'Observation', 'match'],
      ['entry', 'Observation', undefined],
      ['parameter', 'Observation', 'one'],
      ['parameter', 'Observation', 'three'],
      ['value', undefined, 'four'],
      ['bare', undefined, undefined],
      ['outcome', 'OperationOutcome', undefined],
      ['bare', undefined, undefined],
    ]);
    expect(bundles.length).toBe(2);
  });

  it('with what has no type or is no object kept in sight', () => {
    const { sites } = take({ resourceType: 'Bundle', entry: [{ resource: { id: 'a' } }, 7, { resource: null }] });
    expect(sites.map(({ place, type }) => [place, type])).toEqual([
      ['entry', undefined],
      ['bare', undefined],
      ['entry', undefined],
    ]);
    expect(take({ resourceType: 'Bundle', entry: {} }).sites.map(({ place }) => place)).toEqual(['bare']);
    expect(take([observation('a')]).sites).toEqual([{ place: 'root', node: 0 }]);
  });

  it('with contained resources left in their place', () => {
    const { sites } = take({ ...observation('a'), contained: [observation('b')] });
    expect(sites.length).toBe(1);
  });
});

describe('what is withheld leaves no trace', () => {
  it('in a Bundle: the entry goes with its fullUrl, and the total counts what is left', () => {
    const bundle = {
      resourceType: 'Bundle',
      type: 'searchset',
      total: 3,
      entry: [
        entry('a'),
        entry('b', { search: { mode: 'match' } }),
        entry('c'),
        entry('i', { search: { mode: 'include' } }),
      ],
    };
    expect(without(bundle, (_, id) => id === 'b' || id === 'i')).toEqual({
      resourceType: 'Bundle',
      type: 'searchset',
      total: 2,
      entry: [entry('a'), entry('c')],
    });
  });

  it('in an empty Bundle: neither the entry list nor its comma stays', () => {
    const bundle = { resourceType: 'Bundle', total: 2, entry: [entry('a'), entry('b')], type: 'searchset' };
    expect(without(bundle, () => true)).toEqual({ resourceType: 'Bundle', total: 0, type: 'searchset' });
  });

  it('in a paged Bundle: the total is left out whether or not something goes', () => {
    const paged = {
      resourceType: 'Bundle',
      total: 2,
      link: [{ relation: 'next', url: 'x' }],
      entry: [entry('a'), entry('b')],
    };
    const { total: _, ...rest } = paged;
    expect(without(paged, () => false)).toEqual(rest);
    expect(without(paged, (_site, id) => id === 'b')).toEqual({ ...rest, entry: [entry('a')] });
    expect(without({ resourceType: 'Bundle', total: 9, entry: [entry('a')] }, () => false)).toEqual({
      resourceType: 'Bundle',
      entry: [entry('a')],
    });
    expect(without({ resourceType: 'Bundle', total: 9 }, () => false)).toEqual({ resourceType: 'Bundle' });
  });

  it('in inner Bundles, Parameters and responses', () => {
    const value = {
      resourceType: 'Bundle',
      entry: [
        { resource: { resourceType: 'Bundle', total: 1, entry: [entry('a')] } },
        {
          resource: {
            resourceType: 'Parameters',
            parameter: [
              { name: 'p', resource: observation('a') },
              { name: 'q', part: [{ name: 'r', resource: observation('a') }] },
            ],
          },
        },
        { response: { status: '200', outcome: { resourceType: 'OperationOutcome', id: 'a' }, etag: 'x' } },
      ],
    };
    expect(without(value, (_, id) => id === 'a')).toEqual({
      resourceType: 'Bundle',
      entry: [
        { resource: { resourceType: 'Bundle', total: 0 } },
        { resource: { resourceType: 'Parameters', parameter: [{ name: 'q' }] } },
        { response: { status: '200', etag: 'x' } },
      ],
    });
  });

  it('whatever the nesting: no marker of what goes is left, and every marker of what stays is', () => {
    const leaf = fc.nat({ max: 999_999 }).map((n) => ({ resourceType: 'Observation', id: `m${n}x` }));
    const shape = fc.letrec<{ resource: unknown; bundle: unknown; parameters: unknown }>((tie) => ({
      resource: fc.oneof({ depthSize: 'small' }, leaf, leaf, tie('bundle'), tie('parameters')),
      bundle: fc
        .array(fc.record({ resource: tie('resource'), search: fc.constant({ mode: 'match' }) }), { maxLength: 5 })
        .map((entry) => ({ resourceType: 'Bundle', total: entry.length, entry })),
      parameters: fc
        .array(fc.record({ name: fc.constant('p'), resource: tie('resource') }), { maxLength: 4 })
        .map((parameter) => ({ resourceType: 'Parameters', parameter })),
    }));
    fc.assert(
      fc.property(fc.oneof(shape.bundle, shape.parameters), fc.nat(), fc.constantFrom(0, 2), (value, salt, indent) => {
        const answer = resourcesIn(tapeOf(JSON.stringify(value, null, indent)));
        const markers = answer.sites.map((site) => (toValue(answer.tape, site.node) as { id: string }).id);
        // The same id may stand twice: it goes or stays as a whole.
        const goes = (marker: string): boolean => (Number(marker.slice(1, -1)) + salt) % 3 === 0;
        const gone = new Set(answer.sites.filter((_, i) => goes(markers[i] as string)));
        const left = textOf(applySplices(answer.tape.bytes, withhold(answer, gone)));
        for (const marker of markers) expect(left.includes(`"${marker}"`)).toBe(!goes(marker));
        expect(resourcesIn(tapeOf(left)).sites.length).toBe(markers.length - gone.size);
      }),
      { numRuns: 400 },
    );
  });

  it('is never asked of the root', () => {
    const answer = take(observation('a'));
    expect(() => withhold(answer, new Set(answer.sites))).toThrow(RangeError);
  });
});
