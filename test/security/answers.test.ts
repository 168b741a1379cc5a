import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type House, json, startHouse } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());
afterEach(() => house.impersonate());

const MARK = 'Zzyzx-Canary';
const ask = (line: string, as = 'clinician', headers: Record<string, string> = {}) => house.ask(line, { as, headers });

describe('validators', () => {
  it('differ by role, so that a 304 never crosses masks', async () => {
    const tags = await Promise.all(
      ['clinician', 'patient', 'billing', 'front-desk'].map(
        async (as) => (await ask('GET /Patient/patient-ada', as)).headers.etag,
      ),
    );
    expect(new Set(tags).size).toBe(4);
    for (const [at, as] of ['clinician', 'patient', 'billing', 'front-desk'].entries())
      for (const [other, tag] of tags.entries())
        expect((await ask('GET /Patient/patient-ada', as, { 'if-none-match': tag ?? '' })).status).toBe(
          at === other ? 304 : 200,
        );
  });

  it('give 304 without a body for one’s own tag, strong, weak or in a list', async () => {
    const tag = (await ask('GET /Patient/patient-ada')).headers.etag ?? '';
    for (const sent of [tag, tag.replace('W/', ''), `"x", ${tag}`]) {
      const answer = await ask('GET /Patient/patient-ada', 'clinician', { 'if-none-match': sent });
      expect([answer.status, answer.text]).toEqual([304, '']);
    }
  });

  it('are never the FHIR server’s own, and do not reach it', async () => {
    house.forget();
    const answer = await ask('GET /Patient/patient-ada', 'clinician', { 'if-none-match': 'W/"1"' });
    expect(answer.status).toBe(200);
    expect(house.received[0]?.headers['if-none-match']).toBeUndefined();
  });

  it('do not tell of a record that may not be seen', async () => {
    for (const tag of ['W/"1"', '*', 'W/"1.clinician@000000000000"']) {
      const denied = await ask('GET /Patient/patient-noor', 'clinician', { 'if-none-match': tag });
      const missing = await ask('GET /Patient/patient-none', 'clinician', { 'if-none-match': tag });
      expect([denied.status, denied.text]).toEqual([403, missing.text]);
    }
  });

  it('and every answer say that nothing may be kept, and that it hangs on who asked', async () => {
    for (const path of [
      '/Patient/patient-ada',
      '/Patient/patient-noor',
      '/Observation?patient=patient-ada',
      '/nonsense',
    ]) {
      const { headers } = await ask(`GET ${path}`);
      expect(headers['cache-control']).toBe('no-store');
      expect(headers.vary).toContain('Authorization');
    }
  });

  it('of a HEAD are those of the GET, and it has no body', async () => {
    const [head, get] = [await ask('HEAD /Patient/patient-ada'), await ask('GET /Patient/patient-ada')];
    expect([head.status, head.text, head.headers.etag]).toEqual([200, '', get.headers.etag]);
    expect((await ask('HEAD /Patient/patient-noor')).status).toBe(403);
  });
});

describe('headers of the FHIR server', () => {
  it('do not leave: cookies, versions, locations, links and the like', async () => {
    house.impersonate(
      json({ resourceType: 'Patient', id: 'patient-ada', meta: { versionId: '1' } }, 200, {
        'set-cookie': `id=${MARK}`,
        server: MARK,
        'x-powered-by': MARK,
        location: `http://x/${MARK}`,
        'content-location': `http://x/${MARK}`,
        link: `<http://x/${MARK}>; rel=self`,
        warning: `199 - "${MARK}"`,
        'x-request-id': MARK,
        'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT',
        etag: `W/"${MARK}"`,
        'access-control-allow-origin': '*',
      }),
    );
    const answer = await ask('GET /Patient/patient-ada');
    expect(answer.status).toBe(200);
    expect(answer.all).not.toContain(MARK);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('the caller’s headers', () => {
  it('do not reach the FHIR server, but for what was judged', async () => {
    house.forget();
    await ask('GET /Patient/patient-ada', 'clinician', {
      cookie: 'session=1',
      'x-forwarded-for': '10.0.0.1',
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example',
      'x-real-ip': '10.0.0.1',
      'x-original-url': '/Patient/patient-noor',
      'x-rewrite-url': '/Patient/patient-noor',
      'x-consent': 'break-glass',
      'x-provenance': '{"resourceType":"Provenance"}',
      'x-user': 'admin',
      prefer: 'handling=lenient',
      te: 'trailers',
      range: 'bytes=0-10',
      'user-agent': MARK,
      'proxy-authorization': 'Basic x',
    });
    expect(house.received.map(({ path }) => path)).toEqual(['/fhir/Patient/patient-ada']);
    expect(Object.keys(house.received[0]?.headers ?? {}).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'prefer',
    ]);
    expect(house.received[0]?.headers.prefer).toBe('handling=strict');
  });

  it('cannot move the links of an answer to another host', async () => {
    const answer = await ask('GET /Observation?patient=patient-ada&_count=2', 'clinician', {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
    });
    expect(answer.all).not.toContain('evil.example');
  });
});

describe('an answer in another form', () => {
  const hidden = Buffer.from(
    JSON.stringify({
      resourceType: 'Patient',
      id: 'patient-ada',
      identifier: [{ system: 'http://hl7.org/fhir/sid/us-ssn', value: '965-47-3343' }],
    }),
  );
  it.each([
    ['gzip', gzipSync(hidden)],
    ['br', brotliCompressSync(hidden)],
    ['deflate', deflateSync(hidden)],
  ])('compressed with %s is masked all the same or refused', async (encoding, body) => {
    house.impersonate((_q, r) =>
      r.writeHead(200, { 'content-type': 'application/fhir+json', 'content-encoding': encoding }).end(body),
    );
    const answer = await ask('GET /Patient/patient-ada');
    expect([200, 502]).toContain(answer.status);
    expect(answer.all).not.toContain('965-47-3343');
  });

  it('that unpacks to far more than may be read is refused', async () => {
    const bomb = gzipSync(Buffer.alloc(300 * 1024 * 1024, 0x20));
    house.impersonate((_q, r) =>
      r.writeHead(200, { 'content-type': 'application/fhir+json', 'content-encoding': 'gzip' }).end(bomb),
    );
    expect((await ask('GET /Patient/patient-ada')).status).toBe(502);
    house.impersonate();
    expect((await ask('GET /Patient/patient-ada')).status).toBe(200);
  });

  it.each([
    ['a type that lies', 'application/fhir+json', `<p>${MARK}</p>`],
    [
      'UTF-16',
      'application/fhir+json; charset=utf-16',
      Buffer.from(`{"resourceType":"Patient","id":"patient-ada","language":"${MARK}"}`, 'utf16le'),
    ],
    [
      'broken UTF-8',
      'application/fhir+json',
      Buffer.concat([
        Buffer.from('{"resourceType":"Patient","id":"patient-ada","language":"'),
        Buffer.from([0xc0, 0xaf]),
        Buffer.from(`${MARK}"}`),
      ]),
    ],
    ['two documents', 'application/fhir+json', `{"resourceType":"Patient","id":"patient-ada"}{"x":"${MARK}"}`],
    [
      'a hidden second name',
      'application/fhir+json',
      `{"resourceType":"Patient","id":"patient-ada","n\\u0061me":[{"family":"${MARK}"}],"name":[]}`,
    ],
    [
      'a lone surrogate',
      'application/fhir+json',
      `{"resourceType":"Patient","id":"patient-ada","language":"\\ud800${MARK}"}`,
    ],
    ['a list', 'application/fhir+json', `[{"resourceType":"Patient","id":"patient-ada","language":"${MARK}"}]`],
    ['another type', 'application/fhir+json', `{"resourceType":"Person","id":"patient-ada","language":"${MARK}"}`],
    ['no type', 'application/fhir+json', `{"id":"patient-ada","language":"${MARK}"}`],
    [
      'a Bundle for a read',
      'application/fhir+json',
      `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"patient-ada","language":"${MARK}"}}]}`,
    ],
    [
      'an element nobody knows',
      'application/fhir+json',
      `{"resourceType":"Patient","id":"patient-ada","ssn":"${MARK}"}`,
    ],
    [
      'a prototype',
      'application/fhir+json',
      `{"resourceType":"Patient","id":"patient-ada","__proto__":{"language":"${MARK}"}}`,
    ],
  ])('(%s) leaks nothing', async (_title, type, body) => {
    house.impersonate((_q, r) => r.writeHead(200, { 'content-type': type }).end(body));
    const answer = await ask('GET /Patient/patient-ada');
    expect([200, 502]).toContain(answer.status);
    expect(answer.all).not.toContain(MARK);
  });

  it('than the one asked for is not made: XML, HTML and Turtle are refused before anything is asked', async () => {
    for (const accept of ['application/fhir+xml', 'text/html', 'text/turtle', 'application/pdf']) {
      house.forget();
      expect((await ask('GET /Patient/patient-ada', 'clinician', { accept })).status).toBe(406);
      expect(house.received).toEqual([]);
    }
    expect((await ask('GET /Patient/patient-ada?_format=xml')).status).toBeGreaterThanOrEqual(400);
  });
});

describe('an error of the FHIR server', () => {
  it.each([400, 401, 403, 404, 405, 409, 410, 412, 418, 422, 429, 500, 501, 503])(
    '%i says nothing in the server’s own words',
    async (status) => {
      house.impersonate(
        json(
          {
            resourceType: 'OperationOutcome',
            issue: [
              { severity: 'error', code: 'processing', diagnostics: `${MARK}: Patient/patient-noor, SELECT * FROM` },
            ],
          },
          status,
          { 'www-authenticate': `Basic realm="${MARK}"`, 'retry-after': '77' },
        ),
      );
      for (const line of [
        'GET /Patient/patient-ada',
        'GET /Observation?patient=patient-ada',
        'GET /Observation/observation-ada-1-bp',
      ]) {
        const answer = await ask(line);
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(answer.all).not.toMatch(/Canary|noor|SELECT|realm/);
      }
    },
  );

  it('in a success is not passed on either', async () => {
    house.impersonate(
      json({ resourceType: 'OperationOutcome', issue: [{ severity: 'warning', code: 'x', diagnostics: MARK }] }),
    );
    for (const line of ['GET /Patient/patient-ada', 'GET /Observation?patient=patient-ada'])
      expect((await ask(line)).all).not.toContain(MARK);
  });

  it('leaves every refusal with a receipt and an id to ask about', async () => {
    house.impersonate(json('', 500));
    const answer = await ask('GET /Patient/patient-ada');
    expect(answer.headers['x-ledger-receipt']).toMatch(/^\d+;leaf=/);
    expect(answer.headers['x-request-id']).toMatch(/^[\w-]{16,32}$/);
  });
});
