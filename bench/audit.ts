import type { Page } from 'playwright-core';
import type { PatientId } from '../src/domain/fhir/interaction.ts';
import type { Instant } from '../src/domain/instant.ts';
import { entryKinds, type LedgerEntry } from '../src/domain/ledger/entry.ts';
import { startWeb, type WebRig } from '../test/web/harness.ts';
import type { Row } from './main.ts';

const month = 30 * 86_400_000;

/** Thirty days of a house: 400 users, the demo's patients, three calls of a hundred refused. */
const entryOf = (i: number, count: number, patients: readonly PatientId[], now: number): LedgerEntry => {
  const denied = i % 33 === 0;
  const patient = patients[(i * 7) % patients.length];
  return {
    kind: denied ? 'denied' : (entryKinds[i % 2] ?? 'read'),
    at: Math.floor(now - month + (i * month) / count) as Instant,
    requestId: `bench-${i.toString(16)}`,
    decision: denied ? 'deny' : 'permit',
    ...(denied ? { code: 'consent-not-granted' as const, stage: 'consent' } : {}),
    actor: {
      user: `practitioner-${(i * 31) % 400}`,
      issuer: 'https://issuer.example',
      client: i % 5 === 0 ? 'lab-portal' : 'ward-app',
      roles: ['clinician'],
    },
    purpose: i % 10 === 0 ? 'HOPERAT' : 'TREAT',
    interaction: { kind: 'read', type: 'Observation', id: `o${i}` },
    patients: patient === undefined ? [] : [patient],
    resources: denied ? [] : [`Observation/o${i}/_history/1`],
    outcome: { status: denied ? 403 : 200, returned: denied ? 0 : 1, withheld: 0, masked: i % 4 },
    story: [{ stage: 'consent', rule: 'bench', text: 'The patient has granted this access.' }],
    height: 1,
  };
};

async function fill(web: WebRig, count: number): Promise<void> {
  const { ledger, vault } = web.demo.gateway;
  const patients = [...vault.patients()];
  const now = Date.now();
  const batch = 2000;
  for (let i = 0; i < count; i += batch)
    await Promise.all(
      Array.from({ length: Math.min(batch, count - i) }, (_, n) => ledger.append(entryOf(i + n, count, patients, now))),
    );
  await ledger.tally({ before: 1 }, 0);
}

const middle = (values: readonly number[], q = 0.5): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * q)] ?? Number.NaN;

/** Frames while the list is scrolled by the height of ten rows in each, as with a wheel that is turned fast. */
const scrolled = (page: Page): Promise<readonly number[]> =>
  page.evaluate(`new Promise((done) => {
    const box = document.querySelector('section.entries');
    const times = [];
    let last;
    const step = (now) => {
      if (last !== undefined) times.push(now - last);
      last = now;
      box.scrollTop += 400;
      if (times.length < 300) requestAnimationFrame(step); else done(times);
    };
    requestAnimationFrame(step);
  })`);

/** What is asked of the server, and how the browser draws it. */
export async function measure(web: WebRig, count: number): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const add = (name: string, figure: number, unit: string, most: number): void => {
    rows.push({ name, figure, unit, reach: `at most ${most}`, ok: figure <= most });
  };
  const token = await web.token('auditor');
  const ask = async (query: string): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < 7; round++) {
      const begun = performance.now();
      const answer = await fetch(`${web.url}/api/v1/audit${query}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`The gateway answered ${answer.status}.`);
      times.push(performance.now() - begun);
    }
    return middle(times);
  };
  const old = new Date(Date.now() - month / 2).toISOString();
  for (const [name, query, most] of [
    ['the newest 100 entries', '?limit=100', 100],
    ['100 entries from the middle', `?limit=100&before=${count / 2}`, 100],
    ['of one user', '?limit=100&user=practitioner-17', 250],
    ['of one patient', `?limit=100&patient=patient-ada`, 250],
    ['refused ones', '?limit=100&outcome=deny', 250],
    ['before a day two weeks ago', `?limit=100&until=${old}`, 250],
    ['of a user who is in none', '?limit=100&user=nobody', 250],
    ['pictures of the newest', '/summary?offset=0', 1000],
  ] as const)
    add(`request: ${name}`, await ask(query), 'ms', most);

  const begun = performance.now();
  const { page, close } = await web.openConsole('auditor', { path: 'audit' });
  await page.locator('section.entries tbody tr a').first().waitFor();
  add('page: log-in to first rows', performance.now() - begun, 'ms', 5000);
  const frames = await scrolled(page);
  add('scroll: median frame', middle(frames), 'ms', 20);
  add('scroll: 95 of 100 frames', middle(frames, 0.95), 'ms', 50);
  add('scroll: longest frame', Math.max(...frames), 'ms', 200);
  const rowsInPage = await page.locator('section.entries tbody tr').count();
  add('rows in the document', rowsInPage, '', 60);
  const jumped = async (label: string, value: string): Promise<number> => {
    const field = page.getByLabel(label, { exact: true });
    await field.fill(value);
    const start = performance.now();
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.locator('section.entries tbody tr a').first().waitFor();
    return performance.now() - start;
  };
  add('jump: to a day two weeks ago', await jumped('Until', old.slice(0, 16)), 'ms', 1000);
  add('filter: by user', await jumped('User', 'practitioner-17'), 'ms', 1000);
  await close();
  return rows;
}

/** The Audit page over a large ledger. */
export async function run({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const count = quick ? 50_000 : 1_000_000;
  const web = await startWeb();
  try {
    await fill(web, count);
    return await measure(web, count);
  } finally {
    await web.close();
  }
}
