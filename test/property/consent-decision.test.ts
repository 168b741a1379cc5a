import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { actionNames, classNames, conditionNames, labelNames, purposeNames } from '../../src/domain/consent/bits.ts';
import { type ConsentQuestion, decide, mayTouch } from '../../src/domain/consent/decide.ts';
import {
  type Attestation,
  consentActions,
  consentPurposes,
  type EpochSeconds,
  type Grant,
  type GrantId,
  grantConditions,
  granteeKinds,
} from '../../src/domain/consent/grant.ts';
import type { ResourceFacts } from '../../src/domain/consent/match.ts';
import { type ConsentPolicy, closedPolicy } from '../../src/domain/consent/policy.ts';
import type { PurposeOfUse } from '../../src/domain/identity/principal.ts';
import { grantee, subject, viewOf } from '../domain/consent/world.ts';

/*
 * The rules once more, from the words of the specification and with lists instead of bits: a grant is for a caller, a
 * purpose, an action and a time; a permit covers all that the data is, a deny touches any of it; conditions need a fact
 * that has not run out; a deny wins; sensitive labels must be named.
 */
const names = ['a', 'b'];
type Case = {
  readonly grants: readonly Grant[];
  readonly facts: readonly Attestation[];
  readonly question: ConsentQuestion;
  readonly resource: ResourceFacts;
};

const isFor = (grant: Grant, question: ConsentQuestion): boolean => {
  const { actor } = question;
  const held: Record<(typeof granteeKinds)[number], readonly unknown[]> = {
    person: [actor.person],
    organisation: [actor.organisation],
    role: actor.roles,
    'care-team': actor.careTeams,
    study: [actor.study],
    app: [actor.app],
  };
  return held[grant.granteeKind].some((one) => one === grant.grantee);
};

const speaksOf = (grant: Grant, { question, resource, facts }: Case): boolean => {
  const actions: readonly string[] = actionNames(grant.actions);
  const purposes = purposeNames(grant.purposes);
  const classes = classNames(grant.classes);
  const labels = labelNames(grant.labels);
  const ofData = classNames(resource.classes);
  const onData = labelNames(resource.labels).filter((label) => label !== 'NO-OVERRIDE');
  if (grant.subject !== question.subject || !isFor(grant, question)) return false;
  if (actions.length > 0 && !actions.includes(question.action)) return false;
  if (purposes.length > 0 && !purposes.includes(question.purpose)) return false;
  const started = question.now >= grant.from;
  const over = grant.until > 0 && question.now >= grant.until;
  if (!started || over) return false;
  const after = grant.dataFrom;
  const before = grant.dataUntil === 0 ? Number.POSITIVE_INFINITY : grant.dataUntil;
  const dated = after > 0 || before < Number.POSITIVE_INFINITY;
  const { dates } = resource;
  if (grant.effect === 'deny') {
    const touchesClass = classes.length === 0 || classes.some((one) => ofData.includes(one));
    const touchesLabel = labels.length === 0 || labels.some((one) => labelNames(resource.labels).includes(one));
    const touchesTime = !dated || dates === undefined || (dates.from < before && dates.to >= after);
    return touchesClass && touchesLabel && touchesTime;
  }
  const coversClass = classes.length === 0 || ofData.every((one) => classes.includes(one));
  const coversLabel = onData.every((one) => labels.includes(one));
  const coversTime = !dated || (dates !== undefined && dates.from >= after && dates.to < before);
  const conditions = conditionNames(grant.conditions);
  const met = conditions.every((condition) =>
    facts.some((fact) => fact.grant === grant.id && fact.condition === condition && fact.until > question.now),
  );
  return coversClass && coversLabel && coversTime && met;
};

const oracle = (one: Case): string => {
  const speaking = one.grants.filter((grant) => speaksOf(grant, one));
  if (speaking.some(({ effect }) => effect === 'deny')) return 'deny';
  return speaking.length > 0 ? 'permit' : 'no-consent';
};

const time = fc.constantFrom(0, 90, 99, 100, 101, 110) as fc.Arbitrary<EpochSeconds>;
const few = (bits: readonly number[]) => fc.constantFrom(0, ...bits);
const grantArbitrary = (id: number): fc.Arbitrary<Grant> =>
  fc.record({
    id: fc.constant(`0x${id}` as GrantId),
    subject: fc.constantFrom(...['anna', 'bert']).map(subject),
    granteeKind: fc.constantFrom(...granteeKinds),
    grantee: fc.constantFrom(...names).map(grantee),
    effect: fc.constantFrom('permit' as const, 'permit' as const, 'deny' as const),
    actions: few([1, 2, 3]),
    purposes: few([1, 2, 3, 16]),
    classes: few([1, 64, 65, 128]),
    labels: few([4, 12, 0x1fff]),
    conditions: few([0, 0, 1, 3]),
    from: time,
    until: time,
    dataFrom: few([40, 50]) as fc.Arbitrary<EpochSeconds>,
    dataUntil: few([50, 60]) as fc.Arbitrary<EpochSeconds>,
    terms: fc.constant('0x'),
    block: fc.constant(1),
  });
const name = fc.constantFrom(...names).map(grantee);
const arbitraryCase: fc.Arbitrary<Case> = fc
  .integer({ min: 0, max: 6 })
  .chain((count) =>
    fc.record({
      grants: fc.tuple(...Array.from({ length: count }, (_, id) => grantArbitrary(id))),
      facts: fc.array(
        fc.record({
          grant: fc.integer({ min: 0, max: 5 }).map((id) => `0x${id}` as GrantId),
          condition: fc.constantFrom(grantConditions[0], grantConditions[1]),
          until: time,
        }),
        { maxLength: 5 },
      ),
      question: fc.record({
        subject: fc.constant(subject('anna')),
        self: fc.constant(false),
        actor: fc.record({
          person: name,
          organisation: name,
          roles: fc.array(name, { maxLength: 2 }),
          careTeams: fc.array(name, { maxLength: 1 }),
          study: name,
          app: name,
        }),
        roles: fc.constant([]),
        purpose: fc.constantFrom(
          consentPurposes[0],
          consentPurposes[1],
          consentPurposes[4],
        ) as fc.Arbitrary<PurposeOfUse>,
        action: fc.constantFrom(consentActions[0], consentActions[1]),
        now: fc.constant(100 as EpochSeconds),
      }),
      resource: fc.record(
        {
          classes: fc.constantFrom(1, 64, 65),
          labels: fc.constantFrom(0, 0, 4, 8, 12, 4096),
          dates: fc.constantFrom({ from: 45, to: 45 }, { from: 45, to: 55 }, { from: 55, to: 70 }) as fc.Arbitrary<
            NonNullable<ResourceFacts['dates']>
          >,
        },
        { requiredKeys: ['classes', 'labels'] },
      ),
    }),
  )
  // One fact per grant and condition, as the registry keeps them.
  .map((one) => ({
    ...one,
    facts: [...new Map(one.facts.map((fact) => [`${fact.grant}${fact.condition}`, fact])).values()],
  }));

const answer = (one: Case, policy: ConsentPolicy = closedPolicy) =>
  decide(viewOf(one.grants, one.facts), one.question, one.resource, policy);
const runs = { numRuns: 5000 };

describe('a consent decision', () => {
  it('is that of the rules as they are written, for any grants', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(arbitraryCase, (one) => {
        const expected = oracle(one);
        seen.add(expected);
        expect(answer(one).effect).toBe(expected);
      }),
      runs,
    );
    expect([...seen].toSorted()).toEqual(['deny', 'no-consent', 'permit']);
  });

  it('never stands on a grant once that is revoked', () => {
    fc.assert(
      fc.property(arbitraryCase, (one) => {
        const decision = answer(one);
        if (decision.effect !== 'permit') return;
        const rest = { ...one, grants: one.grants.filter(({ id }) => !decision.proof.grants.includes(id)) };
        const after = answer(rest);
        if (after.effect === 'permit') expect(after.proof.grants).not.toEqual(decision.proof.grants);
        expect(answer({ ...one, grants: [] }).effect).toBe('no-consent');
      }),
      runs,
    );
  });

  it('never turns from closed to open by a further deny, nor from open to closed by a further permit', () => {
    fc.assert(
      fc.property(arbitraryCase, grantArbitrary(9), (one, more) => {
        const before = answer(one).effect;
        const after = answer({ ...one, grants: [...one.grants, more] }).effect;
        if (more.effect === 'deny') expect(before !== 'permit' && after === 'permit').toBe(false);
        else expect(before === 'permit' && after !== 'permit').toBe(false);
      }),
      runs,
    );
  });

  it('does not depend on the grants of others or on the order of the patient’s own', () => {
    fc.assert(
      fc.property(arbitraryCase, (one) => {
        const own = one.grants.filter((grant) => grant.subject === one.question.subject);
        expect(answer({ ...one, grants: own.toReversed() }).effect).toBe(answer(one).effect);
      }),
      runs,
    );
  });

  it('closes with the last of its times: nothing is open after every end', () => {
    fc.assert(
      fc.property(arbitraryCase, (one) => {
        const ending = one.grants.map((grant) => ({
          ...grant,
          until: grant.until === 0 ? (110 as EpochSeconds) : grant.until,
        }));
        const late = { ...one, grants: ending, question: { ...one.question, now: 111 as EpochSeconds } };
        expect(answer(late).effect).toBe('no-consent');
      }),
      runs,
    );
  });

  it('is never open where the question before the call was closed', () => {
    fc.assert(
      fc.property(arbitraryCase, (one) => {
        const before = mayTouch(viewOf(one.grants, one.facts), one.question, one.resource.classes, closedPolicy);
        if (before.effect !== 'permit') expect(answer(one).effect).not.toBe('permit');
      }),
      runs,
    );
  });
});
