import type { Page } from 'playwright-core';
import { startWeb, type WebRig } from '../test/web/harness.ts';
import type { Row } from './main.ts';

const rounds = 7;
const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** From the address to what can be read and clicked, by way of the issuer, whose session answers without asking. */
async function opened(page: Page, url: string, shows: string): Promise<number> {
  const begun = performance.now();
  await page.goto(url, { waitUntil: 'commit' });
  await page.locator(shows).first().waitFor();
  return performance.now() - begun;
}

/** From the tap that takes a choice back to the first refusal of a clinician who reads without a pause. */
async function revoked(web: WebRig): Promise<number> {
  const { page, close } = await web.openMy('patient', { path: 'choices' });
  const card = page.getByRole('article', { name: 'Dr Amara Okafor' });
  await card.getByRole('button', { name: 'Take back' }).click();
  const sure = card.getByRole('button', { name: 'Yes, take back now' });
  await sure.waitFor();
  const begun = performance.now();
  const tap = sure.click();
  while ((await web.get('/Patient/patient-ada', 'clinician')).status === 200);
  const refused = performance.now() - begun;
  await tap;
  await close();
  return refused;
}

/** The first page of each place on the demo, as a browser sees it that has none of its files, and one that has them all. */
export async function run({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const web = await startWeb();
  try {
    for (let call = 0; call < 20; call++) await web.get('/Patient/patient-ada', 'clinician').expect(200);
    const rows: Row[] = [];
    for (const [place, persona, shows] of [
      ['console', 'privacy-officer', 'main .figure a'],
      ['my', 'patient', 'main li button'],
    ] as const) {
      const { page, close } = await (place === 'my' ? web.openMy : web.openConsole)(persona);
      const cdp = await page.context().newCDPSession(page);
      for (const cold of [true, false]) {
        await cdp.send('Network.setCacheDisabled', { cacheDisabled: cold });
        const times: number[] = [];
        for (let round = 0; round < (quick ? 3 : rounds); round++)
          times.push(await opened(page, `${web.url}/${place}/`, shows));
        const figure = middle(times);
        const name = `/${place}/ usable, ${cold ? 'nothing in the cache' : 'files in the cache'}`;
        rows.push({ name, figure, unit: 'ms', reach: 'at most 1500', ok: figure <= 1500 });
      }
      await close();
    }
    const figure = await revoked(web);
    rows.push({
      name: 'patient taps, clinician is refused',
      figure,
      unit: 'ms',
      reach: 'at most 1000',
      ok: figure <= 1000,
    });
    return rows;
  } finally {
    await web.close();
  }
}
