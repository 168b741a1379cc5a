import autocannon from 'autocannon';
import type { Row } from './main.ts';
import { part, stop } from './parts/start.ts';

interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

async function load(url: string, token: string, connections: number, seconds: number): Promise<Measured> {
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    headers: { authorization: `Bearer ${token}`, accept: 'application/fhir+json' },
  });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} refused, ${result.errors} failed`);
  return { perSecond: result.requests.average, p50: result.latency.p50, p99: result.latency.p99 };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** What a 2 KB read waits when nobody else calls, and while one large Bundle after the other passes. */
async function beside(what: string, base: string, token: string, quick: boolean): Promise<Row[]> {
  const url = `${base}/Patient/patient-ada`;
  const calm = {
    url,
    connections: 1,
    overallRate: 50,
    duration: quick ? 3 : 10,
    headers: { authorization: `Bearer ${token}` },
  };
  const alone = await autocannon(calm);
  const { child, told } = await part('large-client', what, base, token);
  const loaded = await autocannon(calm);
  const passed = new Promise<{ done: number }>((resolve) =>
    child.once('message', (m) => resolve(m as { done: number })),
  );
  child.send('stop');
  const { done } = await passed;
  child.removeAllListeners('exit');
  child.disconnect();
  if (loaded.non2xx + alone.non2xx > 0) throw new Error('a read was refused');
  const name = `2 KB reads beside ${what === 'body' ? 'batches' : '$everything'} of ${Math.round(Number(told.bytes) / 1e6)} MB`;
  const figure = (label: string, value: number, unit = 'ms'): Row => ({
    name: `${name}: ${label}`,
    figure: value,
    unit,
    reach: '',
    ok: null,
  });
  return [
    figure('p99 alone', alone.latency.p99),
    figure('p99', loaded.latency.p99),
    figure('longest', loaded.latency.max),
    figure('large ones passed', done, ''),
  ];
}

/** The gateway with everything on against the bare proxy: same upstream process, same client, in turn. */
export async function run({ quick }: { quick: boolean }): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const [upstream, sandbox] = await Promise.all([part('upstream'), part('sandbox')]);
  const url = upstream.told.url ?? '';
  const [bare, gateway] = await Promise.all([
    part('bare-proxy', new URL(url).origin + '/fhir'),
    part('gateway', url, JSON.stringify(sandbox.told)),
  ]);
  try {
    const token = sandbox.told.token ?? '';
    const cases = [
      { name: '2 KB read', path: '/Patient/patient-ada', connections: 32, reach: '>= 0.5 of bare', least: 0.5 },
      { name: '2 KB read', path: '/Patient/patient-ada', connections: 1, reach: '', least: undefined },
      { name: '100 KB Bundle', path: '/Observation?patient=patient-ada', connections: 32, reach: '', least: undefined },
      { name: '100 KB Bundle', path: '/Observation?patient=patient-ada', connections: 1, reach: '', least: undefined },
    ];
    const seconds = quick ? 1 : 4;
    const rounds = quick ? 2 : 3;
    for (const { name, path, connections, reach, least } of cases) {
      await load(`${bare.told.url}${path}`, token, connections, 1);
      await load(`${gateway.told.url}${path}`, token, connections, 1);
      const ratios: number[] = [];
      const measured: { bare: Measured[]; gateway: Measured[] } = { bare: [], gateway: [] };
      for (let round = 0; round < rounds; round++) {
        const b = await load(`${bare.told.url}${path}`, token, connections, seconds);
        const g = await load(`${gateway.told.url}${path}`, token, connections, seconds);
        measured.bare.push(b);
        measured.gateway.push(g);
        ratios.push(g.perSecond / b.perSecond);
      }
      const label = `${name}, ${connections} connection${connections === 1 ? '' : 's'}`;
      const ratio = median(ratios);
      rows.push({
        name: `${label}: ratio to bare http-proxy`,
        figure: ratio,
        unit: 'ratio',
        reach,
        ok: least === undefined ? null : ratio >= least,
      });
      for (const who of ['bare', 'gateway'] as const) {
        for (const figure of ['perSecond', 'p50', 'p99'] as const) {
          rows.push({
            name: `${label}: ${who} ${figure === 'perSecond' ? 'requests' : figure}`,
            figure: median(measured[who].map((each) => each[figure])),
            unit: figure === 'perSecond' ? '1/s' : 'ms',
            reach: '',
            ok: null,
          });
        }
      }
    }
    for (const what of quick ? ['answer'] : ['answer', 'body'])
      rows.push(...(await beside(what, gateway.told.url ?? '', token, quick)));
  } finally {
    await stop([gateway, bare, sandbox, upstream]);
  }
  return rows;
}
