import { describe, expect, it } from '@jest/globals';
import { classify } from '../../../src/domain/fhir/classify.ts';
import { normalQuery } from '../../../src/domain/fhir/request.ts';
import { pseudonymOfId } from '../../../src/domain/masking/pseudonym.ts';
import { revealIds } from '../../../src/domain/masking/reveal.ts';

const [now, before] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const reveal = (
  target: string,
  keys: readonly Uint8Array[] = [now, before],
  of: (type: string) => boolean = () => true,
) => {
  const classified = classify({ method: 'GET', target, headers: {}, body: undefined });
  if (!classified.ok) throw new Error(target);
  return revealIds(classified.interaction, keys, (type) => type === undefined || of(type));
};
const idOf = (...given: Parameters<typeof reveal>) => {
  const revealed = reveal(...given);
  return 'id' in revealed ? revealed.id : undefined;
};
const queryOf = (target: string): string => normalQuery(reveal(target));

describe('the ids of a call under a pseudonymous plan', () => {
  const p1 = pseudonymOfId(now, 'p1');

  it('are those behind the pseudonyms of the key of now and of the keys before it', () => {
    expect(idOf(`/Patient/${p1}`)).toBe('p1');
    expect(idOf(`/Patient/${pseudonymOfId(before, 'p1')}`)).toBe('p1');
    expect(idOf(`/Patient/${pseudonymOfId(before, 'p1')}`, [now])).not.toBe('p1');
    expect(queryOf(`/Observation?patient=${p1}`)).toBe('patient=p1');
    expect(queryOf(`/Observation?subject=Patient/${p1},Patient/${pseudonymOfId(before, 'p2')}`)).toBe(
      'subject=Patient/p1,Patient/p2',
    );
  });

  it('name nothing when they are true ids, the same nothing each time', () => {
    const nothing = idOf('/Patient/p1');
    expect(nothing).toMatch(/^x[A-Za-z0-9.-]{42}$/);
    expect(idOf('/Patient/p1')).toBe(nothing);
    expect(idOf('/Patient/p2')).not.toBe(nothing);
    for (const query of [
      '_id=p1',
      'general-practitioner=Practitioner/p1',
      'general-practitioner:Practitioner=p1',
      'organization:Organization._id=p1',
    ])
      expect(queryOf(`/Patient?${query}`)).not.toContain('p1');
    expect(queryOf('/Observation?subject=http://h.example/fhir/Patient/p1')).not.toContain('p1');
    expect(idOf('/Patient/p1/$everything')).toBe(nothing);
  });

  it('stay what they are where they are no ids, or the type leaves under its own', () => {
    expect(queryOf('/Observation?code=8867-4&status=final')).toBe('code=8867-4&status=final');
    expect(queryOf('/Observation?patient:missing=true')).toBe('patient:missing=true');
    expect(queryOf('/Patient?gender=female')).toBe('gender=female');
    expect(idOf('/Organization/o1', [now], (type) => type !== 'Organization')).toBe('o1');
  });
});
