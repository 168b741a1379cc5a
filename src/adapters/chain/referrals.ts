import { createHmac } from 'node:crypto';
import type { EpochSeconds, GrantCondition, GrantId } from '../../domain/consent/grant.ts';
import { grantsAwaiting, type Referral, referralOf } from '../../domain/consent/referral.ts';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { Tape } from '../../domain/json/tape.ts';
import type { Clock, ConsentRegistry, SubjectKeys } from '../../ports.ts';

export interface ReferralOptions {
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
  /** How long a referral without an end of its own opens; it is renewed while it is seen. */
  readonly days: number;
}

/** Keeps the chain's REFERRAL facts in step with the ServiceRequests that pass through the gateway. */
export interface Referrals {
  /** Of a ServiceRequest that the FHIR server has accepted, or that was read. Other resources are ignored. */
  seen(tape: Tape, resource: number): Promise<void>;
  /** A ServiceRequest that was deleted. */
  gone(id: string): Promise<void>;
}

interface Standing {
  readonly patient: PatientId;
  readonly performers: readonly string[];
  readonly until: EpochSeconds;
  readonly grants: ReadonlySet<GrantId>;
}

export const followReferrals = (options: ReferralOptions): Referrals => {
  const { registry, keys, relay, clock } = options;
  const standing = new Map<string, Standing>();

  const grantsFor = (patient: PatientId, performers: readonly string[]): readonly GrantId[] => {
    const subject = keys.subjectOf(patient);
    const grants = subject === undefined ? [] : (registry.view()?.grantsOf(subject) ?? []);
    return grantsAwaiting(grants, performers, keys.granteeOf).map(({ id }) => id);
  };

  /** Another referral that still stands may hold the same grant open. */
  const heldByAnother = (id: string, grant: GrantId): boolean => {
    const now = Math.floor(clock.now() / 1000);
    return [...standing].some(([other, one]) => other !== id && one.until > now && one.grants.has(grant));
  };

  const close = async (id: string, grants: Iterable<GrantId>): Promise<void> => {
    standing.delete(id);
    for (const grant of grants) if (!heldByAnother(id, grant)) await relay.withdraw(grant, 'REFERRAL');
  };

  const open = async (referral: Referral): Promise<void> => {
    const patient = referral.patient as PatientId;
    const now = Math.floor(clock.now() / 1000);
    const limit = now + options.days * 86_400;
    const until = Math.min(referral.until ?? limit, limit) as EpochSeconds;
    if (until <= now) return;
    const before = standing.get(referral.id);
    const grants = grantsFor(patient, referral.performers);
    // A performer who was taken off the order loses what the referral had opened.
    for (const grant of before?.grants ?? []) {
      if (!grants.includes(grant) && !heldByAnother(referral.id, grant)) await relay.withdraw(grant, 'REFERRAL');
    }
    standing.set(referral.id, { patient, performers: referral.performers, until, grants: new Set(grants) });
    const salt = keys.saltOf(patient, `referral:${referral.id}`);
    if (salt === undefined) return;
    const commitment = `0x${createHmac('sha256', salt).update(referral.id).digest('hex')}`;
    for (const grant of grants) {
      const known = before?.grants.has(grant) === true ? before.until : undefined;
      const attested = registry.view()?.attested(grant, 'REFERRAL') ?? known;
      // An order that was cut short closes earlier; else not again within a day: seeing it often must not cost a transaction each time.
      const cut = attested !== undefined && attested > until + 86_400 && !heldByAnother(referral.id, grant);
      if (cut) await relay.withdraw(grant, 'REFERRAL');
      else if (attested !== undefined && attested >= until - 86_400) continue;
      await relay.attest({ grant, condition: 'REFERRAL', until, commitment });
    }
  };

  return {
    async seen(tape, resource) {
      const referral = referralOf(tape, resource);
      if (referral === undefined) return;
      if (referral.state === 'open') await open(referral);
      else {
        const known = standing.get(referral.id)?.grants ?? [];
        await close(referral.id, new Set([...known, ...attestedGrants(referral)]));
      }
    },
    async gone(id) {
      await close(id, standing.get(id)?.grants ?? []);
    },
  };

  /** After a restart what an order had opened is known from the chain alone. */
  function attestedGrants(referral: Referral): readonly GrantId[] {
    return grantsFor(referral.patient as PatientId, referral.performers).filter(
      (grant) => registry.view()?.attested(grant, 'REFERRAL') !== undefined,
    );
  }
};
