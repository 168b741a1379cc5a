/** Asks for one answer of 20 MB, or sends one body of 15 MB, after the other, and tells how many came through. */
import { request } from 'node:http';

const [what = '', base = '', token = ''] = process.argv.slice(2);

const observation = (i: number) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '2339-0', display: 'Glucose [Mass/volume] in Blood' }] },
  subject: { reference: 'Patient/patient-ada' },
  effectiveDateTime: '2026-01-01T08:00:00Z',
  component: Array.from({ length: 100 }, (_, at) => ({
    code: { coding: [{ system: 'http://loinc.org', code: `${at}-${i % 10}`, display: 'Glucose, one of a series' }] },
    valueQuantity: { value: 5.4, unit: 'mmol/L', system: 'http://unitsofmeasure.org', code: 'mmol/L' },
  })),
});

const body =
  what === 'body'
    ? Buffer.from(
        JSON.stringify({
          resourceType: 'Bundle',
          type: 'batch',
          entry: Array.from({ length: 600 }, (_, i) => ({
            resource: observation(i),
            request: { method: 'POST', url: 'Observation' },
          })),
        }),
      )
    : undefined;

const once = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const call = request(
      body === undefined ? `${base}/Patient/patient-ada/$everything` : base,
      {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/fhir+json',
          ...(body === undefined ? {} : { 'content-type': 'application/fhir+json', 'content-length': body.length }),
        },
      },
      (answer) => {
        let size = 0;
        answer.on('data', (chunk: Buffer) => {
          size += chunk.length;
        });
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(size);
          else reject(new Error(`the large call was answered ${answer.statusCode}`));
        });
      },
    );
    call.on('error', reject);
    call.end(body);
  });

let done = 0;
let stopped = false;
process.on('disconnect', () => process.exit(0));
process.on('message', () => {
  stopped = true;
});
const bytes = await once();
process.send?.({ bytes: String(body?.length ?? bytes) });
while (!stopped) {
  await once();
  done += 1;
}
process.send?.({ done });
