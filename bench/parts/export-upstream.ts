/** A FHIR server whose exports are done at once: files of Observations of as many megabytes as their name says. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';

const line = (at: number): string =>
  `${JSON.stringify({
    resourceType: 'Observation',
    id: `o-${at}`,
    meta: { versionId: '1', lastUpdated: '2026-01-01T00:00:00.000Z' },
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '2339-0', display: 'Glucose [Mass/volume] in Blood' }] },
    subject: { reference: 'Patient/patient-ada' },
    effectiveDateTime: '2026-01-01T08:00:00Z',
    valueQuantity: { value: 5.4, unit: 'mmol/L', system: 'http://unitsofmeasure.org', code: 'mmol/L' },
    note: [{ text: `Measured before breakfast. ${'x'.repeat(400)}` }],
  })}\n`;

/** A hundred lines at a time. */
function* linesOf(megabytes: number): Generator<string> {
  for (let at = 0, sent = 0; sent < megabytes * 1e6; at += 100) {
    const text = Array.from({ length: 100 }, (_, i) => line(at + i)).join('');
    sent += text.length;
    yield text;
  }
}

const server = createServer((request, response) => {
  const url = request.url ?? '';
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`;
  const size = /files\/(\d+)/.exec(url)?.[1];
  if (size !== undefined) {
    response.writeHead(200, { 'content-type': 'application/fhir+ndjson' });
    pipeline(Readable.from(linesOf(Number(size))), response, () => undefined);
  } else if (url.includes('$export')) response.writeHead(202, { 'content-location': `${base}/jobs/1` }).end();
  else if (url.endsWith('/jobs/1')) {
    const output = [25, 250].map((each) => ({ type: 'Observation', url: `${base}/files/${each}` }));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ transactionTime: '2026-01-01T00:00:00Z', output, error: [] }));
  } else {
    response.writeHead(200, { 'content-type': 'application/fhir+json' });
    response.end('{"resourceType":"Bundle","type":"searchset","total":0}');
  }
});
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir` });
});
process.on('disconnect', () => process.exit(0));
