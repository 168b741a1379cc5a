import { readFileSync } from 'node:fs';
import type { Row } from './main.ts';
import { part, stop } from './parts/start.ts';

/** Memory of the gateway's process in megabytes. */
const residentOf = (pid: number | undefined): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** What the gateway's memory grows to while a file of an export is judged, masked and sent; a file ten times as large next. */
export async function run({ quick }: { quick: boolean }): Promise<readonly Row[]> {
  const [upstream, sandbox] = await Promise.all([
    part('export-upstream'),
    part('sandbox', 'researcher', 'system/*.rs'),
  ]);
  const gateway = await part('gateway', upstream.told.url ?? '', JSON.stringify(sandbox.told));
  const headers = { authorization: `Bearer ${sandbox.told.token}`, prefer: 'respond-async' };
  const ask = async (url: string): Promise<Response> => {
    const answer = await fetch(url, { headers });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    return answer;
  };
  try {
    const begun = await ask(`${gateway.told.url}/Patient/$export`);
    let status = await ask(begun.headers.get('content-location') ?? '');
    while (status.status === 202) status = await ask(begun.headers.get('content-location') ?? '');
    const { output } = (await status.json()) as { output: { url: string }[] };
    const rows: Row[] = [];
    const peaks: number[] = [];
    for (const { url } of quick ? output.slice(0, 1) : output) {
      let peak = 0;
      const watch = setInterval(() => {
        peak = Math.max(peak, residentOf(gateway.child.pid));
      }, 50);
      const before = process.hrtime.bigint();
      let bytes = 0;
      try {
        for await (const chunk of (await ask(url)).body ?? []) bytes += chunk.length;
      } finally {
        clearInterval(watch);
      }
      const seconds = Number(process.hrtime.bigint() - before) / 1e9;
      peaks.push(peak);
      const name = `file of ${Math.round(bytes / 1e6)} MB`;
      rows.push({ name: `${name}: peak memory`, figure: peak, unit: 'MB', reach: '', ok: null });
      rows.push({ name: `${name}: rate`, figure: bytes / 1e6 / seconds, unit: 'MB/s', reach: '', ok: null });
    }
    const [small, large] = peaks;
    if (small !== undefined && large !== undefined)
      rows.push({
        name: 'ten times the file: more memory',
        figure: large - small,
        unit: 'MB',
        reach: '<= 50',
        ok: large - small <= 50,
      });
    return rows;
  } finally {
    await stop([gateway, sandbox, upstream]);
  }
}
