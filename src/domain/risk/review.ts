import type { RiskPolicy } from './risk-policy.ts';

/** What a reviewer decided about one case. */
export interface Review {
  readonly user: string;
  /** `2026-03-04`, UTC: a case is one user's day. */
  readonly day: string;
  readonly decision: 'confirmed' | 'dismissed';
  readonly reviewer: string;
  readonly reason: string;
}

export interface Usable {
  /** By `user/day`. */
  readonly labels: ReadonlyMap<string, 0 | 1>;
  readonly used: number;
  readonly leftOut: number;
}

/**
 * Which decisions may teach. A decision without a reason is left out; one reviewer and one user's cases count only so often, so that nobody can
 * move the model alone; a reviewer does not decide about themselves; and dismissals, which widen what passes, count only where two people
 * dismissed the same case. Where people differ, the stricter view holds.
 */
export const usableReviews = (reviews: readonly Review[], policy: RiskPolicy): Usable => {
  const perReviewer = new Map<string, number>();
  const perUser = new Map<string, number>();
  const byCase = new Map<string, { readonly confirmed: Set<string>; readonly dismissed: Set<string> }>();
  let leftOut = 0;
  for (const review of reviews) {
    const given = perReviewer.get(review.reviewer) ?? 0;
    const about = perUser.get(review.user) ?? 0;
    const sound =
      review.reason.trim().length >= 8 && review.reviewer !== review.user && /^\d{4}-\d\d-\d\d$/.test(review.day);
    if (
      !sound ||
      given >= policy.feedback.perReviewer ||
      about >= policy.feedback.perUser * policy.feedback.reviewersToWiden
    ) {
      leftOut++;
      continue;
    }
    perReviewer.set(review.reviewer, given + 1);
    perUser.set(review.user, about + 1);
    const id = `${review.user}/${review.day}`;
    const known = byCase.get(id) ?? { confirmed: new Set<string>(), dismissed: new Set<string>() };
    known[review.decision].add(review.reviewer);
    byCase.set(id, known);
  }
  const labels = new Map<string, 0 | 1>();
  for (const [id, { confirmed, dismissed }] of byCase) {
    if (confirmed.size > 0) labels.set(id, 1);
    else if (dismissed.size >= policy.feedback.reviewersToWiden) labels.set(id, 0);
    else leftOut += dismissed.size;
  }
  return { labels, used: labels.size, leftOut };
};
