import { type Review, type Usable, usableReviews } from '../../domain/risk/review.ts';
import type { RiskPolicy } from '../../domain/risk/risk-policy.ts';
import { linesOf, objectOf } from './event-file.ts';

/** Decisions of the review queue, NDJSON: `{"user", "day", "decision", "reviewer", "reason"}`. */
export const readReviews = async (file: string, policy: RiskPolicy): Promise<Usable> => {
  const reviews: Review[] = [];
  let broken = 0;
  for await (const chunk of linesOf(file))
    for (const line of chunk) {
      if (line.trim() === '') continue;
      const value = objectOf(line);
      const review = value === undefined ? undefined : reviewOf(value);
      if (review === undefined) broken++;
      else reviews.push(review);
    }
  const usable = usableReviews(reviews, policy);
  return { ...usable, leftOut: usable.leftOut + broken };
};

const reviewOf = (value: Record<string, unknown>): Review | undefined => {
  const { day, user, decision, reviewer, reason } = value;
  if (typeof day !== 'string' || typeof user !== 'string' || typeof reviewer !== 'string' || typeof reason !== 'string')
    return undefined;
  return decision === 'confirmed' || decision === 'dismissed' ? { day, user, decision, reviewer, reason } : undefined;
};
