import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import chromium from '@sparticuz/chromium';
import { type Browser, chromium as playwright } from 'playwright-core';

/** Chromium from its package, without a window. As a single process it would end with the first context that is closed. */
export const openBrowser = async (): Promise<Browser> =>
  playwright.launch({
    executablePath: await chromium.executablePath(),
    args: chromium.args.filter((arg) => arg !== '--single-process'),
    headless: true,
  });

export interface BrowserApp {
  readonly origin: string;
  close(): Promise<void>;
}

const library = (): string =>
  readFileSync(
    join(dirname(createRequire(import.meta.url).resolve('fhirclient/package.json')), 'build/fhir-client.min.js'),
    'utf8',
  );

/** A page on fhirclient as its documentation shows it: `/launch` starts, `/` reads the patient and shows the name. */
export const startBrowserApp = async (
  options: { readonly iss: string; readonly clientId: string; readonly scope: string },
  port = 0,
): Promise<BrowserApp> => {
  const page = (script: string): string =>
    `<!doctype html><meta charset="utf-8"><title>app</title><pre id="out"></pre><script src="/fhir-client.js"></script><script>${script}</script>`;
  const launch = `FHIR.oauth2.authorize(${JSON.stringify({ ...options, redirectUri: '/' })})`;
  const read = `
    const show = (value) => { document.getElementById('out').textContent = JSON.stringify(value) };
    FHIR.oauth2.ready().then(async (client) => {
      const patient = await client.patient.read();
      const observations = await client.patient.request('Observation?_count=3');
      show({ id: patient.id, family: patient.name?.[0]?.family, observations: observations.entry?.length, user: client.getUserId() });
    }).catch((error) => show({ error: String(error) }));`;
  const files: Readonly<Record<string, readonly [string, string]>> = {
    '/launch': ['text/html', page(launch)],
    '/': ['text/html', page(read)],
    '/fhir-client.js': ['text/javascript', library()],
  };
  const server = createServer((request, response) => {
    const [type, text] = files[new URL(request.url ?? '/', 'http://app.example').pathname] ?? ['text/plain', ''];
    response.writeHead(200, { 'content-type': type }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/** What the page of `startBrowserApp` shows after a user logged in on it. */
export const logInWithBrowser = async (
  browser: Browser,
  origin: string,
  choice: { readonly persona: string; readonly patient?: string },
): Promise<unknown> => {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`${origin}/launch`);
    await page.check(`input[value="${choice.persona}"]`);
    if (choice.patient) await page.selectOption('select[name=patient]', choice.patient);
    await page.click('button[value=allow]');
    await page.waitForFunction("document.getElementById('out')?.textContent");
    return JSON.parse((await page.textContent('#out')) ?? '');
  } finally {
    await context.close();
  }
};
