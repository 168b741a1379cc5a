import type { Clock, GivenUpJobs, OpenLines } from '../../ports.ts';

type Line = readonly [job: string, until: number];

/** A line for each export that its owner gave up; an export lives for a day at most, and its line is nothing after that. */
export async function openGivenUpJobs(
  open: OpenLines,
  clock: Clock,
): Promise<GivenUpJobs & { close(): Promise<void> }> {
  const known = new Map<string, number>();
  const lines = await open('exports/given-up.ndjson', (line) => {
    const now = clock.now() / 1000;
    for (const [each, end] of known) if (end < now) known.delete(each);
    const [job, until] = JSON.parse(line) as Line;
    if (until >= now) known.set(job, until);
  });
  return {
    add: (job, until) => lines.write(() => JSON.stringify([job, until] satisfies Line)),
    has: (job) => known.has(job),
    close: () => lines.close(),
  };
}
