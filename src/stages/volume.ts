import { recentlyStrong } from '../domain/identity/step-up.ts';
import { problem } from '../domain/problem.ts';
import type { Reason } from '../domain/reason.ts';
import { isAutomatedRole } from '../domain/risk/call.ts';
import { type RiskAction, unscored } from '../domain/risk/score.ts';
import type { Amount, VolumeVerdict } from '../domain/risk/volume-guard.ts';
import { callerOf, eventOf, type RiskRules } from './assess.ts';
import { isWrite, type Judged } from './judge.ts';
import type { Release, Released } from './release.ts';
import { deny, proceed, type StageContext, type Verdict } from './stage.ts';

export interface Volume {
  /** Synchronous and without I/O; counts what it admits. */
  admit(amount: Amount, now: number): VolumeVerdict;
}

/** Before an answer is released: how much the user has been given within the window, this answer included. */
export type VolumeGuard = (judged: Judged, released: Released, context: StageContext) => Verdict<Released>;

export function guardVolume(inner: Release, guard: VolumeGuard): Release {
  return {
    release(judged, response, context) {
      const verdict = inner.release(judged, response, context);
      return verdict instanceof Promise
        ? verdict.then((settled) => told(judged, settled, context))
        : told(judged, verdict, context);
    },
  };

  function told(judged: Judged, verdict: Verdict<Released>, context: StageContext): Verdict<Released> {
    if (verdict.kind === 'deny') return verdict;
    const guarded = guard(judged, verdict.value, context);
    for (const reason of guarded.reasons) context.story.push({ stage: 'release', ...reason });
    return guarded;
  }
}

export function volumeGuard(volume: Volume, rules: RiskRules): VolumeGuard {
  return guard;

  function guard(judged: Judged, released: Released, context: StageContext): Verdict<Released> {
    const { principal } = judged.exchange;
    let found: VolumeVerdict;
    try {
      found = volume.admit(amountOf(judged, released, rules, context.now), context.now);
      if (!['admit', 'step-up', 'over'].includes(found.kind)) throw new TypeError();
    } catch (error) {
      context.telemetry.failed('volume', error instanceof Error ? error.name : typeof error);
      if (rules.failureMode(principal.purpose) === 'closed')
        return deny('risk-unavailable', { rule: 'volume-failed', text: 'The amount released cannot be judged.' });
      return flagged(proceed(released, uncounted), 'notice', uncounted, judged, context);
    }
    switch (found.kind) {
      case 'admit':
        return proceed(released);
      case 'step-up':
        return flagged(deny('risk-step-up', much), 'step-up', much, judged, context);
      case 'over': {
        const retryAfter = Math.max(1, Math.ceil((found.until - context.now) / 1000));
        return flagged(deny(problem('rate-limited', { retryAfter }), over), 'block', over, judged, context);
      }
      default:
        return found satisfies never;
    }
  }

  function flagged(
    verdict: Verdict<Released>,
    action: RiskAction,
    reason: Reason,
    judged: Judged,
    context: StageContext,
  ): Verdict<Released> {
    rules.flag(eventOf(judged.exchange, [...context.named], context.now), unscored(action, reason), context.now);
    return verdict;
  }
}

const much: Reason = {
  rule: 'risk:volume',
  text: 'More patients or records within the window than a log-in of this strength is given.',
};
const over: Reason = {
  rule: 'risk:volume',
  text: 'More patients or records within the window than one user is given.',
};
const uncounted: Reason = {
  rule: 'risk:volume-failed',
  text: 'The amount released could not be judged; served for its purpose by policy, and flagged.',
};

const amountOf = (judged: Judged, released: Released, rules: RiskRules, now: number): Amount => {
  const { principal } = judged.exchange;
  return {
    user: callerOf(principal),
    patients: released.patients,
    records: released.resources,
    // A program that logs in for itself has nobody who could log in again, whatever its role is called.
    automated: principal.roles.some(isAutomatedRole) || String(principal.user) === String(principal.client),
    strong: recentlyStrong(principal, rules.stepUp, now),
    done: judged.parts.every((part) => part.kind === 'refused' || isWrite(part.value.interaction)),
  };
};
