import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type {
  EpochSeconds,
  Grant,
  GrantCondition,
  GranteeKey,
  GrantId,
  SubjectKey,
} from '../../../src/domain/consent/grant.ts';
import { ConsentFold, grantedEvent, type RegistryEvent, viewOf } from '../../../src/domain/consent/replica.ts';

const at = (value: number) => value as EpochSeconds;
const subjects = ['a', 'b', 'c'].map((name) => `0x${name.repeat(64)}` as SubjectKey);
const idOf = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as GrantId;
const conditions: readonly GrantCondition[] = ['REFERRAL', 'CREDENTIAL'];

function grantOf(n: number, block: number, change: Partial<Grant> = {}): Grant {
  return {
    id: idOf(n),
    subject: subjects[n % 3] as SubjectKey,
    granteeKind: 'role',
    grantee: `0x${'9'.repeat(64)}` as GranteeKey,
    effect: n % 4 === 0 ? 'deny' : 'permit',
    actions: 255,
    purposes: 2 ** 15 - 1,
    classes: 2 ** 25 - 1,
    labels: 2 ** 13 - 1,
    conditions: 15,
    from: at(1),
    until: at(2 ** 40 - 1),
    dataFrom: at(2 ** 33),
    dataUntil: at(2 ** 39),
    terms: `0x${'7'.repeat(64)}`,
    block,
    ...change,
  };
}

/** A history as the contract would let it come about: ids are new, blocks do not go back. */
const histories = fc
  .array(
    fc.record({
      kind: fc.constantFrom('grant', 'grant', 'revoke', 'narrow', 'attest', 'withdraw', 'bind', 'delegate'),
      which: fc.nat(20),
      step: fc.nat(2),
      condition: fc.constantFrom(...conditions),
      time: fc.integer({ min: 1, max: 9 }),
    }),
    { maxLength: 40 },
  )
  .map((steps): readonly RegistryEvent[] => {
    let block = 1;
    let made = 0;
    const gone = new Set<number>();
    return steps.flatMap(({ kind, which, step, condition, time }): readonly RegistryEvent[] => {
      block += step;
      const subject = subjects[which % 3] as SubjectKey;
      if (kind === 'grant') return [grantedEvent(grantOf(made++, block))];
      if (kind === 'bind') return [{ type: 'bound', block, subject, controller: `0x${String(time).repeat(40)}` }];
      if (kind === 'delegate') {
        const delegate = `0x${String(which % 3).repeat(40)}`;
        return [{ type: 'delegated', block, subject, delegate, rights: time, until: at(time) }];
      }
      if (made === 0) return [];
      const n = which % made;
      const id = idOf(n);
      if (kind === 'attest')
        return [{ type: 'attested', block, attestation: { grant: id, condition, until: at(time) } }];
      if (kind === 'withdraw') return [{ type: 'withdrawn', block, id, condition }];
      if (gone.has(n)) return [];
      if (kind === 'narrow')
        return [{ type: 'narrowed', block, id, scope: { ...grantOf(n, block), classes: 2 ** time } }];
      gone.add(n);
      return [{ type: 'revoked', block, id, subject: subjects[n % 3] as SubjectKey }];
    });
  });

const folded = (events: readonly RegistryEvent[]) => {
  const fold = new ConsentFold();
  for (const event of events) fold.apply(event);
  return fold;
};

/** All that can be asked of a fold; order of grants aside. */
const seen = (fold: ConsentFold, final: number) => ({
  grants: subjects.map((subject) => [...fold.grantsOf(subject, final)].sort((a, b) => (a.id < b.id ? -1 : 1))),
  facts: Array.from({ length: 21 }, (_, n) =>
    conditions.map((condition) => fold.find(idOf(n)) && fold.attested(idOf(n), condition, final)),
  ),
  controllers: subjects.map((subject) => fold.controllerOf(subject)),
  delegates: subjects.flatMap((s) => [0, 1, 2].map((d) => fold.mayAct(s, `0x${String(d).repeat(40)}`, 1, at(3)))),
});

describe('the fold of the registry', () => {
  it('gives every field of a grant back as it was', () => {
    const fold = folded([grantedEvent(grantOf(1, 7))]);
    expect(fold.grantsOf(subjects[1] as SubjectKey, 7)).toEqual([grantOf(1, 7)]);
    expect(fold.find(idOf(1))).toEqual(grantOf(1, 7));
  });

  it('is after a rollback what it would be had the later blocks never been, but that what was revoked stays shut', () => {
    fc.assert(
      fc.property(histories, fc.nat(60), fc.nat(60), fc.nat(60), (events, first, second, third) => {
        const [committed = 0, back = 0, final = 0] = [first, second, third].sort((a, b) => a - b);
        const fold = new ConsentFold();
        for (const event of events) {
          fold.apply(event);
          if (event.block <= back) fold.commit(Math.min(committed, event.block - 1));
        }
        fold.rollback(back, 1_000);
        const kept = events.filter((event) => event.block <= back);
        const expected = folded(kept);
        for (const event of events)
          if (event.type === 'revoked' && event.block > back) expected.hold(event.id, event.subject);
        expect(seen(fold, final)).toEqual(seen(expected, final));
        // What comes on the other fork is taken as if it came first.
        for (const event of events.slice(kept.length)) fold.apply(event);
        expect(seen(fold, final)).toEqual(seen(folded(events), final));
      }),
      { numRuns: 300 },
    );
  });

  it('shows what opens when its block is final, and hides what closes at once', () => {
    const subject = subjects[1] as SubjectKey;
    const fold = folded([
      grantedEvent(grantOf(1, 5)),
      grantedEvent(grantOf(4, 6)),
      { type: 'attested', block: 6, attestation: { grant: idOf(1), condition: 'REFERRAL', until: at(9) } },
    ]);
    expect(fold.grantsOf(subject, 5).map((grant) => grant.id)).toEqual([idOf(1)]);
    expect(fold.attested(idOf(1), 'REFERRAL', 5)).toBeUndefined();
    expect(fold.attested(idOf(1), 'REFERRAL', 6)).toBe(9);
    fold.apply({ type: 'attested', block: 7, attestation: { grant: idOf(1), condition: 'REFERRAL', until: at(4) } });
    expect(fold.attested(idOf(1), 'REFERRAL', 6)).toBe(4);
    fold.apply({ type: 'attested', block: 8, attestation: { grant: idOf(1), condition: 'REFERRAL', until: at(20) } });
    expect(fold.attested(idOf(1), 'REFERRAL', 6)).toBe(4);
    fold.apply({ type: 'revoked', block: 9, id: idOf(1), subject });
    expect(fold.grantsOf(subject, 5)).toEqual([]);
  });

  it('lets a hold end only after its block', () => {
    const subject = subjects[1] as SubjectKey;
    const fold = folded([grantedEvent(grantOf(1, 5))]);
    fold.apply({ type: 'revoked', block: 6, id: idOf(1), subject });
    fold.rollback(5, 70);
    fold.commit(70);
    expect(fold.grantsOf(subject, 100)).toEqual([]);
    fold.commit(71);
    expect(fold.grantsOf(subject, 100)).toHaveLength(1);
    fold.hold(idOf(1), subject);
    fold.commit(1_000_000);
    expect(fold.grantsOf(subject, 100)).toEqual([]);
  });

  it('gives views that do not learn of later grants and do learn of later revocations', () => {
    const subject = subjects[1] as SubjectKey;
    const fold = folded([grantedEvent(grantOf(1, 5))]);
    const head = { number: 5, hash: '', time: at(0) };
    const view = viewOf(fold, { contract: '', chainId: 1, head, final: 5 });
    fold.apply(grantedEvent(grantOf(4, 6)));
    expect(view.grantsOf(subject)).toHaveLength(1);
    fold.apply({ type: 'revoked', block: 6, id: idOf(1), subject });
    expect(view.grantsOf(subject)).toHaveLength(0);
    fold.close();
    expect(view.grantsOf(subject)).toEqual([]);
  });

  it('lets nobody shut what belongs to another subject', () => {
    const [other, subject] = subjects as [SubjectKey, SubjectKey];
    const fold = folded([grantedEvent(grantOf(1, 5))]);
    fold.apply({ type: 'revoked', block: 6, id: idOf(1), subject: other });
    fold.hold(idOf(1), other);
    expect(fold.grantsOf(subject, 9)).toHaveLength(1);
    fold.hold(idOf(4), other);
    fold.apply(grantedEvent(grantOf(4, 7)));
    expect(fold.grantsOf(subject, 9)).toHaveLength(2);
    fold.hold(idOf(4), subject);
    expect(fold.grantsOf(subject, 9)).toHaveLength(1);
  });

  it('frees the rows of what was revoked', () => {
    const fold = new ConsentFold();
    for (let n = 0; n < 5_000; n++) {
      fold.apply(grantedEvent(grantOf(n, n)));
      fold.apply({ type: 'revoked', block: n, id: idOf(n), subject: subjects[n % 3] as SubjectKey });
      fold.commit(n);
    }
    expect(fold.size).toBe(0);
    expect(seen(fold, 10_000).grants).toEqual([[], [], []]);
  });
});
