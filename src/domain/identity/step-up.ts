import type { Principal } from './principal.ts';

/** What a caller is asked for when a call needs a stronger log-in (RFC 9470). */
export interface StepUp {
  /** Authentication context classes that meet it. */
  readonly acr: readonly string[];
  /** How fresh the log-in must be. */
  readonly maxAgeSeconds: number;
}

export const recentlyStrong = (principal: Principal, asked: StepUp, now: number): boolean =>
  principal.acr !== undefined &&
  asked.acr.includes(principal.acr) &&
  principal.authTime !== undefined &&
  now / 1000 - principal.authTime <= asked.maxAgeSeconds;

/** RFC 9470 section 3. The policy admits only words that need no escaping. */
export const stepUpChallenge = ({ acr, maxAgeSeconds }: StepUp): string =>
  `Bearer error="insufficient_user_authentication", error_description="A fresh, stronger log-in is required", acr_values="${acr.join(' ')}", max_age="${maxAgeSeconds}"`;
