import { createHmac } from 'node:crypto';
import { type Circumstance, circumstanceOf, grantsAwaiting } from '../../domain/consent/circumstance.ts';
import type { EpochSeconds, GrantCondition, GrantId } from '../../domain/consent/grant.ts';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { Tape } from '../../domain/json/tape.ts';
import type { Clock, ConsentRegistry, SubjectKeys } from '../../ports.ts';

export interface CircumstanceOptions {
  readonly registry: ConsentRegistry;
  readonly keys: SubjectKeys & { saltOf(patient: PatientId, purpose: string): Uint8Array | undefined };
  readonly relay: {
    attest(fact: {
      readonly grant: GrantId;
      readonly condition: GrantCondition;
      readonly until: EpochSeconds;
      readonly commitment: string;
    }): Promise<unknown>;
    withdraw(grant: GrantId, condition: GrantCondition): Promise<unknown>;
  };
  readonly clock: Clock;
}

/** Keeps the chain's REFERRAL and ENCOUNTER_ACTIVE facts in step with the orders and visits that the gateway sees. */
export interface Circumstances {
  /** Of a resource that the FHIR server has accepted, or that was read; `undefined` for the many that mean nothing here. */
  seen(tape: Tape, resource: number): Promise<void> | undefined;
  /** `ServiceRequest/sr1`, which was deleted. */
  gone(id: string): Promise<void>;
  /**
   * To be called when what stands has been read, and on a timer: until the first call an unknown order that is over closes
   * nothing, since another that stands may come yet. Renews what has no end of its own.
   */
  settle(): Promise<void>;
}

interface Standing {
  readonly circumstance: Circumstance;
  readonly until: EpochSeconds;
  readonly grants: ReadonlySet<GrantId>;
}

const day = 86_400;
/** How long one without an end of its own opens, and how near its end it is renewed. */
const spans = {
  REFERRAL: { lasts: 90 * day, renewed: day },
  ENCOUNTER_ACTIVE: { lasts: day, renewed: day / 4 },
} as const;

export const followCircumstances = (options: CircumstanceOptions): Circumstances => {
  const { registry, keys, relay, clock } = options;
  const standing = new Map<string, Standing>();
  let early: Map<string, Circumstance> | undefined = new Map();
  const seconds = (): number => Math.floor(clock.now() / 1000);

  const grantsFor = (circumstance: Circumstance): readonly GrantId[] => {
    const subject = keys.subjectOf(circumstance.patient as PatientId);
    const grants = subject === undefined ? [] : (registry.view()?.grantsOf(subject) ?? []);
    return grantsAwaiting(grants, circumstance, keys.granteeOf).map(({ id }) => id);
  };

  /** Another one of the kind that still stands may hold the same grant open. */
  const heldByAnother = ({ id, condition }: Circumstance, grant: GrantId): boolean => {
    const now = seconds();
    return [...standing].some(
      ([other, one]) =>
        other !== id && one.circumstance.condition === condition && one.until > now && one.grants.has(grant),
    );
  };

  const close = async (circumstance: Circumstance, grants: Iterable<GrantId>): Promise<void> => {
    standing.delete(circumstance.id);
    for (const grant of grants) {
      if (!heldByAnother(circumstance, grant)) await relay.withdraw(grant, circumstance.condition);
    }
  };

  const open = async (circumstance: Circumstance): Promise<void> => {
    const { condition, id } = circumstance;
    const patient = circumstance.patient as PatientId;
    const { lasts, renewed } = spans[condition];
    const now = seconds();
    const until = Math.min(circumstance.until ?? now + lasts, now + lasts) as EpochSeconds;
    if (until <= now) return;
    const before = standing.get(id);
    const grants = grantsFor(circumstance);
    // A performer who was taken off loses what it had opened.
    for (const grant of before?.grants ?? []) {
      if (!grants.includes(grant) && !heldByAnother(circumstance, grant)) await relay.withdraw(grant, condition);
    }
    standing.set(id, { circumstance, until, grants: new Set(grants) });
    const salt = keys.saltOf(patient, `${condition}:${id}`);
    if (salt === undefined) return;
    const commitment = `0x${createHmac('sha256', salt).update(id).digest('hex')}`;
    for (const grant of grants) {
      const known = before?.grants.has(grant) === true ? before.until : undefined;
      const attested = registry.view()?.attested(grant, condition) ?? known;
      // One that was cut short closes earlier; else not again so soon: seeing it often must not cost a transaction each time.
      const cut = attested !== undefined && attested > until + renewed && !heldByAnother(circumstance, grant);
      if (cut) await relay.withdraw(grant, condition);
      else if (attested !== undefined && attested >= until - renewed) continue;
      await relay.attest({ grant, condition, until, commitment });
    }
  };

  /** After a restart what it had opened is known from the chain alone. */
  const attestedGrants = (circumstance: Circumstance): readonly GrantId[] =>
    grantsFor(circumstance).filter((grant) => registry.view()?.attested(grant, circumstance.condition) !== undefined);

  const over = (circumstance: Circumstance): Promise<void> => {
    const known = standing.get(circumstance.id)?.grants ?? [];
    return close(circumstance, new Set([...known, ...attestedGrants(circumstance)]));
  };

  return {
    seen(tape, resource) {
      const circumstance = circumstanceOf(tape, resource);
      if (circumstance === undefined) return undefined;
      if (circumstance.state === 'open') {
        early?.delete(circumstance.id);
        return open(circumstance);
      }
      if (early === undefined || standing.has(circumstance.id)) return over(circumstance);
      early.set(circumstance.id, circumstance);
      return undefined;
    },
    async gone(id) {
      const one = standing.get(id);
      if (one !== undefined) await close(one.circumstance, one.grants);
    },
    async settle() {
      const waiting = early?.values() ?? [];
      early = undefined;
      for (const circumstance of waiting) await over(circumstance);
      const now = seconds();
      for (const [id, { circumstance, until }] of [...standing]) {
        if (until <= now) standing.delete(id);
        else await open(circumstance);
      }
    },
  };
};
