import type { CountBook, OpenLines } from '../../ports.ts';

type Line = readonly [requesters: readonly string[], groups: readonly (readonly string[])[]];

/** A line for each answer. */
export async function openCountBook(open: OpenLines): Promise<CountBook & { close(): Promise<void> }> {
  const known = new Map<string, ReadonlySet<string>[]>();
  let broken = false;
  const lines = await open('cohorts/told.ndjson', (line) => {
    try {
      const [requesters, groups] = JSON.parse(line) as Line;
      for (const requester of requesters)
        known.set(requester, [...(known.get(requester) ?? []), ...groups.map((group) => new Set(group))]);
    } catch {
      broken = true;
    }
  });
  return {
    async tell(requesters, decide) {
      let told = false;
      await lines.write(() => {
        // Who was told what is not known: nobody is told more.
        if (broken) throw new Error('the book of counts cannot be read');
        const groups = decide((requester) => known.get(requester) ?? []);
        told = groups !== undefined;
        if (groups === undefined || groups.length === 0) return undefined;
        return JSON.stringify([requesters, groups.map((group) => [...group])] satisfies Line);
      });
      return told;
    },
    close: () => lines.close(),
  };
}
