import { createHmac } from 'node:crypto';
import type { Relayer } from '../adapters/chain/relayer.ts';
import type { EpochSeconds, GrantId } from '../domain/consent/grant.ts';
import { grantsAwaiting, referralOf } from '../domain/consent/referral.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import type { Tape } from '../domain/json/tape.ts';
import type { Clock, ConsentRegistry, SubjectKeys, Telemetry } from '../ports.ts';

export interface ReferralParts {
  readonly registry: ConsentRegistry;
  readonly keys: SubjectKeys;
  readonly relayer: Relayer;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** An order without an end opens for so long; it is attested anew while it stands. */
const OPEN_SECONDS = 90 * 24 * 3600;

/**
 * Attests REFERRAL on chain for the grants that wait for it when an order to their grantee is seen, and withdraws it when the order
 * ends: the specialist sees imaging only while consent is active and the referral stands. Nobody waits for the chain here.
 */
export function watchReferrals(parts: ReferralParts): (tape: Tape, node: number) => void {
  const attested = new Map<GrantId, EpochSeconds>();
  return (tape, node) => {
    const referral = referralOf(tape, node);
    const view = parts.registry.view();
    const subject = referral === undefined ? undefined : parts.keys.subjectOf(referral.patient as PatientId);
    if (referral === undefined || view === undefined || subject === undefined) return;
    const now = Math.floor(parts.clock.now() / 1000);
    const until = Math.min(referral.until ?? Number.POSITIVE_INFINITY, now + OPEN_SECONDS) as EpochSeconds;
    for (const grant of grantsAwaiting(view.grantsOf(subject), referral.performers, parts.keys.granteeOf)) {
      const known = attested.get(grant.id) ?? view.attested(grant.id, 'REFERRAL');
      if (referral.state === 'open' && until > now && (known === undefined || known < until - OPEN_SECONDS / 2)) {
        attested.set(grant.id, until);
        const commitment = `0x${createHmac('sha256', subject).update(referral.id).digest('hex')}`;
        carry(parts.relayer.attest({ grant: grant.id, condition: 'REFERRAL', until, commitment }));
      } else if (referral.state === 'closed' && known !== undefined && known > now) {
        attested.delete(grant.id);
        carry(parts.relayer.withdraw(grant.id, 'REFERRAL'));
      }
    }
  };

  function carry(queued: Promise<unknown>): void {
    queued.catch((error: unknown) =>
      parts.telemetry.failed('referral', error instanceof Error ? error.name : typeof error),
    );
  }
}
