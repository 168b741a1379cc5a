import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../src/domain/instant.ts';
import type { LedgerEntry } from '../../src/domain/ledger/entry.ts';
import { axe, screenshot, startWeb, type WebRig } from './harness.ts';

const HOSTILE = '<img src=x onerror="document.title=1">';
let web: WebRig;
/** Entry numbers of what the tests look at. */
let read = -1;
let hostile = -1;

const entry = (requestId: string, more: Partial<LedgerEntry>): LedgerEntry => ({
  kind: 'read',
  at: Date.now() as Instant,
  requestId,
  decision: 'permit',
  purpose: 'TREAT',
  interaction: { kind: 'read', type: 'Observation', id: 'o1' },
  patients: [],
  resources: [],
  outcome: { status: 200, returned: 1, withheld: 0, masked: 0 },
  story: [],
  height: 0,
  ...more,
});

beforeAll(async () => {
  web = await startWeb();
  const { ledger } = web.demo.gateway;
  const start = Date.now() - 3 * 86_400_000;
  await Promise.all(
    Array.from({ length: 400 }, (_, i) =>
      ledger.append(
        entry(`filler-${i}`, {
          at: (start + i * 600_000) as Instant,
          decision: i % 9 === 0 ? 'deny' : 'permit',
          actor: { user: `user-${i % 12}`, issuer: 'i', client: `app-${i % 3}`, roles: ['clinician'] },
        }),
      ),
    ),
  );
  hostile = (
    await ledger.append(
      entry('hostile', {
        actor: { user: HOSTILE, issuer: HOSTILE, client: HOSTILE, roles: [HOSTILE], organisation: HOSTILE },
        patients: [HOSTILE as PatientId],
        resources: [HOSTILE],
        reason: HOSTILE,
        story: [{ stage: HOSTILE, rule: HOSTILE, text: HOSTILE }],
      }),
    )
  ).index;
  const answer = await web.get('/Patient/patient-ada', 'clinician').expect(200);
  read = Number.parseInt(answer.headers['x-ledger-receipt'] ?? '', 10);
}, 120_000);
afterAll(() => web.close());

const stateOf = (page: Page, step: string): Promise<string | null> =>
  page.getAttribute(`[data-step=${step}]`, 'data-state');
const verifyAgain = (page: Page): Promise<void> => page.getByRole('button', { name: 'Verify' }).click();

describe('the list', () => {
  it('filters, counts and pictures the entries, with nothing that the browser complains about', async () => {
    const { page, complaints, close } = await web.openConsole('privacy-officer', { path: 'audit' });
    await page.getByRole('row').nth(5).waitFor();
    await page.locator('.heat tbody tr').first().waitFor();
    await screenshot(page, 'audit-list');
    await page.locator('.recharts-bar-rectangle path').first().waitFor();
    expect(await page.getByText('As a table').count()).toBe(1);
    await page.getByLabel('Outcome').selectOption('deny');
    await page.getByLabel('Application').fill('app-0');
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByText(/^45 shown/).waitFor();
    expect(new URL(page.url()).search).toBe('?client=app-0&outcome=deny');
    expect(await page.locator('.entries table').textContent()).not.toContain('app-1');
    await page.getByRole('link', { name: 'user-0', exact: true }).click();
    await page.getByText(/^12 shown/).waitFor();
    expect(new URL(page.url()).search).toContain('user=user-0');
    expect(complaints).toEqual([]);
    await close();
  });

  it.each(['light', 'dark'] as const)('has nothing that axe finds in %s', async (scheme) => {
    const path = 'audit?user=user-0&outcome=deny';
    const { page, close } = await web.openConsole('privacy-officer', { path, scheme });
    await page.getByText(/^12 shown/).waitFor();
    await page.locator('.heat tbody tr').first().waitFor();
    expect(await axe(page)).toEqual([]);
    await close();
  });

  it('keeps few rows in the document, however far one scrolls', async () => {
    const { page, close } = await web.openConsole('auditor', { path: 'audit' });
    const list = page.locator('.entries');
    await page.getByRole('row').nth(5).waitFor();
    for (let shown = ''; !/^(?:4\d\d|[5-9]\d\d) shown/.test(shown); ) {
      await list.evaluate((element) => {
        const box = element as unknown as { scrollTop: number; scrollHeight: number };
        box.scrollTop = box.scrollHeight;
      });
      shown = (await page.locator('[role=status]').first().textContent()) ?? '';
      expect(await page.getByRole('row').count()).toBeLessThan(80);
    }
    await close();
  });

  it('exports what the filter shows, with proofs', async () => {
    const { page, close } = await web.openConsole('auditor', { path: 'audit?client=app-0&outcome=deny' });
    await page.getByRole('row').nth(1).waitFor();
    const waiting = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export with proofs' }).click();
    const file = await (await waiting).path();
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const first = JSON.parse(lines[0] ?? '') as { auditEvent: { resourceType: string }; proof: string };
    expect([first.auditEvent.resourceType, first.proof.split('\n')[0]]).toEqual([
      'AuditEvent',
      'c2sp.org/tlog-proof@v1',
    ]);
    await close();
  });

  it('shows hostile names as the text that they are', async () => {
    const { page, complaints, close } = await web.openConsole('privacy-officer', {
      path: `audit?user=${encodeURIComponent(HOSTILE)}`,
    });
    await page.locator('.entries table').getByText(HOSTILE).first().waitFor();
    await page.goto(`${web.url}/console/audit/entry/${hostile}`);
    await page.getByText('This entry is genuine.').waitFor();
    expect(await page.locator('main').textContent()).toContain(HOSTILE);
    expect(await page.locator('main img').count()).toBe(0);
    expect(complaints).toEqual([]);
    await close();
  });
});

describe('one entry', () => {
  it('tells its story, and the browser proves it up to the transaction on chain', async () => {
    const { page, complaints, close } = await web.openConsole('auditor', { path: `audit/entry/${read}` });
    await page.getByText('This entry is genuine.').waitFor();
    for (const step of ['openings', 'leaf', 'checkpoint'])
      expect([step, await stateOf(page, step)]).toEqual([step, 'good']);
    expect(await page.locator('main').textContent()).toContain('Practitioner/practitioner-okafor');
    expect(await page.locator('.stages li').count()).toBeGreaterThan(4);
    while ((await stateOf(page, 'anchor')) !== 'good') await verifyAgain(page);
    expect(await page.locator('[data-step=anchor]').textContent()).toMatch(/Transaction 0x[0-9a-f]{64}/);
    expect(await axe(page)).toEqual([]);
    await screenshot(page, 'audit-entry');
    expect(complaints).toEqual([]);
    await close();
  }, 120_000);

  it('turns red when a byte of the log is flipped on the disk, and green again when it is put right', async () => {
    const { page, close } = await web.openConsole('auditor', { path: `audit/entry/${read}` });
    await page.getByText('This entry is genuine.').waitFor();
    const { ledger } = web.demo.gateway;
    const leaf = Buffer.from((await ledger.leaf(read)) ?? []);
    const folder = join(web.state, 'ledger', 'segments');
    const [name = '', at = -1] =
      readdirSync(folder)
        .map((each) => [each, readFileSync(join(folder, each)).indexOf(leaf)] as const)
        .find(([, found]) => found >= 0) ?? [];
    const flip = (): void => {
      const bytes = readFileSync(join(folder, name));
      bytes[at + leaf.length + 40] = (bytes[at + leaf.length + 40] ?? 0) ^ 1;
      writeFileSync(join(folder, name), bytes);
    };
    flip();
    await verifyAgain(page);
    await page.getByText('This entry does not hold. Something was changed.').waitFor();
    expect(await page.locator('main [role=alert]').textContent()).toContain(name);
    expect(await axe(page)).toEqual([]);
    await screenshot(page, 'audit-tampered');
    flip();
    await verifyAgain(page);
    await page.getByText('This entry is genuine.').waitFor();
    await close();
  });

  it.each([
    [
      'openings',
      (text: string) =>
        text.replace(/(extra )(\S+)/, (_, head: string, extra: string) => {
          const told = Buffer.from(extra, 'base64').toString().replace('practitioner-okafor', 'practitioner-nobody');
          return head + Buffer.from(told).toString('base64');
        }),
    ],
    ['leaf', (text: string) => text.replace(/^index \d+$/m, 'index 3')],
    ['checkpoint', (text: string) => text.replace(/(— \S+ \S{20})./, (_, head: string) => `${head}A`)],
  ])('turns red when the gateway lies about the %s', async (step, lie) => {
    const { page, close } = await web.openConsole('auditor', { path: 'audit' });
    await page.route('**/api/v1/audit/entries/*', async (route) => {
      const answer = await route.fetch();
      const body = (await answer.json()) as { proof: string };
      await route.fulfill({ response: answer, json: { ...body, proof: lie(body.proof) } });
    });
    await page.evaluate(
      `history.pushState(null, '', '/console/audit/entry/${read}'); dispatchEvent(new PopStateEvent('popstate'))`,
    );
    await page.getByText('This entry does not hold. Something was changed.').waitFor();
    expect(await stateOf(page, step)).toBe('bad');
    await close();
  });
});

describe('the accounting of disclosures', () => {
  it('is a page to print, in sentences', async () => {
    const { page, complaints, close } = await web.openConsole('privacy-officer', { path: 'audit/accounting' });
    await page.getByLabel('Patient id').fill('patient-ada');
    await page.getByRole('button', { name: 'Show' }).click();
    await page
      .getByText(/looked at your personal details to treat you/)
      .first()
      .waitFor();
    expect(await axe(page)).toEqual([]);
    await screenshot(page, 'audit-accounting');
    await page.emulateMedia({ media: 'print' });
    expect(await page.getByRole('button', { name: 'Print' }).count()).toBe(0);
    expect(complaints).toEqual([]);
    await close();
  });
});

describe('the check of a proof file', () => {
  it('works without the network: a good file is green, a changed one red', async () => {
    const { page, close } = await web.openConsole('auditor', { path: `audit/entry/${read}` });
    await page.getByText('This entry is genuine.').waitFor();
    const waiting = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download the proof' }).click();
    const proof = readFileSync(await (await waiting).path());
    await page.getByRole('link', { name: 'Back to the entries' }).click();
    await page.getByRole('link', { name: 'Check a proof file' }).click();
    await page.getByText('It is sent to nobody').waitFor();
    await page.context().setOffline(true);
    const check = async (bytes: Buffer): Promise<void> => {
      await page.setInputFiles('input[type=file]', { name: 'p.tlog-proof', mimeType: 'text/plain', buffer: bytes });
      await page.getByRole('button', { name: 'Check', exact: true }).click();
    };
    await check(proof);
    await page.getByText('This entry is genuine.').waitFor();
    expect(await axe(page)).toEqual([]);
    await screenshot(page, 'audit-check');
    await check(Buffer.from(proof.toString().replace(/^index \d+$/m, 'index 2')));
    await page.getByText('This entry does not hold. Something was changed.').waitFor();
    await check(Buffer.from('nothing of the kind'));
    await page.getByText('This is not a proof of an access ledger entry.').waitFor();
    await close();
  });
});

describe('whoever may not see it', () => {
  it('gets neither the page nor its data', async () => {
    const { page, close } = await web.openConsole('clinician', { path: 'audit' });
    expect(await page.locator('main h1').count()).toBe(0);
    await close();
  });
});
