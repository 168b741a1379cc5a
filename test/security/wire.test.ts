import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type House, observation, startHouse } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());
beforeEach(() => house.forget());

const secret = (text: string) => /Rahman|680191|patient-noor"/.test(text);

describe('a path', () => {
  it.each([
    ['/Patient/patient-ada/../patient-noor'],
    ['/Patient/patient-ada/%2e%2e/patient-noor'],
    ['/Patient/patient-ada%2f..%2fpatient-noor'],
    ['/Patient/patient-ada%5c..%5cpatient-noor'],
    ['/Patient//patient-noor'],
    ['//Patient/patient-noor'],
    ['/Patient/patient-noor/'],
    ['/./Patient/patient-noor'],
    ['/Patient/patient-ada;/../patient-noor'],
    ['/Patient/patient-noor%00'],
    ['/Patient/patient-noor%0d%0aX:%20y'],
    ['/Patient/patient-noor#patient-ada'],
    ['/Patient/patient%2Dnoor'],
    ['/patient/patient-noor'],
    ['/Patient/patient-noor.json'],
    ['/Patient/patient-noor?_id=patient-ada'],
    ['/Patient/patient-ada/Patient/patient-noor'],
    ['/../fhir/Patient/patient-noor'],
    ['/%2e%2e/metrics'],
    ['/Patient/*'],
    ['/Patient/patient-noor/_history/../1'],
  ])('%s leads nowhere', async (path) => {
    const answer = await house.ask(`GET ${path}`, { as: 'clinician' });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).not.toBe(500);
    expect(secret(answer.text)).toBe(false);
    expect(house.received).toEqual([]);
  });

  it.each([
    ['a longer one', 'patient-adam'],
    ['a shorter one', 'patient-ad'],
    ['another case', 'Patient-ada'],
    ['a dot more', 'patient-ada.'],
    ['a number like it', '1e0'],
  ])('with an id that is almost the right one (%s) is somebody else’s', async (_title, id) => {
    const answer = await house.ask(`GET /Patient/${id}`, { as: 'clinician' });
    expect([answer.status, answer.code, house.received]).toEqual([403, 'consent-not-granted', []]);
  });

  it('beside the FHIR base does not reach the FHIR server', async () => {
    for (const path of [
      '/fhirx/Patient/patient-noor',
      '/FHIR/Patient/patient-noor',
      '/Patient/patient-noor',
      '/fhir%2fPatient%2fpatient-noor',
    ])
      expect((await fetch(house.gateway.url + path)).status).toBe(404);
    expect(house.received).toEqual([]);
  });
});

describe('bytes on a socket', () => {
  const authorization = () => `Authorization: Bearer ${house.bearer('clinician')}`;
  const lines = (...all: readonly string[]) => `${all.join('\r\n')}\r\n\r\n`;
  const smuggled = () => lines('GET /fhir/Patient/patient-noor HTTP/1.1', 'Host: x', authorization());
  const cases: readonly (readonly [string, () => string])[] = [
    [
      'Content-Length beside Transfer-Encoding',
      () =>
        lines(
          'POST /fhir/Patient/_search HTTP/1.1',
          'Host: x',
          authorization(),
          'Content-Type: application/x-www-form-urlencoded',
          'Content-Length: 6',
          'Transfer-Encoding: chunked',
        ) + `0\r\n\r\n${smuggled()}`,
    ],
    [
      'two lengths',
      () =>
        lines(
          'POST /fhir/Patient/_search HTTP/1.1',
          'Host: x',
          authorization(),
          'Content-Length: 0',
          'Content-Length: 60',
        ) + smuggled(),
    ],
    [
      'a length with a sign',
      () => lines('POST /fhir/Patient/_search HTTP/1.1', 'Host: x', authorization(), 'Content-Length: +6'),
    ],
    [
      'an encoding spelled oddly',
      () =>
        lines('POST /fhir/Patient/_search HTTP/1.1', 'Host: x', authorization(), 'Transfer-Encoding: xchunked') +
        `0\r\n\r\n${smuggled()}`,
    ],
    [
      'an encoding after a space',
      () =>
        lines('POST /fhir/Patient/_search HTTP/1.1', 'Host: x', authorization(), 'Transfer-Encoding : chunked') +
        `0\r\n\r\n${smuggled()}`,
    ],
    [
      'a folded header',
      () => lines('GET /fhir/Patient/patient-ada HTTP/1.1', 'Host: x', 'X-Fold: a', ' b', authorization()),
    ],
    ['a bare line feed', () => `GET /fhir/Patient/patient-ada HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\r\n\r\n`],
    [
      'a bad chunk size',
      () =>
        lines('POST /fhir/Patient/_search HTTP/1.1', 'Host: x', authorization(), 'Transfer-Encoding: chunked') +
        'zz\r\nx\r\n0\r\n\r\n',
    ],
    [
      'a NUL in a header',
      () => lines('GET /fhir/Patient/patient-ada HTTP/1.1', 'Host: x', `X-Nul: a\0b`, authorization()),
    ],
    [
      'two tokens',
      () =>
        lines(
          'GET /fhir/Patient/patient-ada HTTP/1.1',
          'Host: x',
          authorization(),
          'authorization: Bearer of.another.one',
        ),
    ],
    [
      'two media types',
      () =>
        lines(
          'POST /fhir/Patient/_search HTTP/1.1',
          'Host: x',
          authorization(),
          'Content-Type: application/x-www-form-urlencoded',
          'Content-Type: application/json',
          'Content-Length: 15',
        ) + '_id=patient-ada',
    ],
    ['no host', () => lines('GET /fhir/Patient/patient-ada HTTP/1.1', authorization())],
    ['a space in the target', () => lines('GET /fhir/Patient/patient-noor x HTTP/1.1', 'Host: x', authorization())],
    ['a target of another form', () => lines('OPTIONS * HTTP/1.1', 'Host: x', authorization())],
    ['a CONNECT', () => lines('CONNECT 127.0.0.1:80 HTTP/1.1', 'Host: x', authorization())],
    ['a TRACE', () => lines('TRACE /fhir/Patient/patient-noor HTTP/1.1', 'Host: x', authorization())],
    [
      'headers without end',
      () => `GET /fhir/Patient/patient-ada HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(100_000)}\r\n\r\n`,
    ],
  ];
  it.each(cases)('with %s bring nothing of anybody, and nothing of it is passed on', async (_title, bytes) => {
    const answer = await house.raw(bytes());
    expect(secret(answer)).toBe(false);
    expect(JSON.stringify(house.received)).not.toContain('patient-noor');
    expect(answer === '' || /^HTTP\/1\.1 [45]\d\d/.test(answer) || !answer.startsWith('HTTP/1.1 2')).toBe(true);
  });

  it('with an absolute target are judged by its path, not its host', async () => {
    const answer = await house.raw(
      lines(
        'GET http://elsewhere.example/fhir/Patient/patient-noor HTTP/1.1',
        'Host: x',
        'Connection: close',
        authorization(),
      ),
    );
    expect(secret(answer)).toBe(false);
    expect(house.received).toEqual([]);
  });

  it('of two calls in one are two calls, each judged', async () => {
    const answer = await house.raw(
      lines('GET /fhir/Patient/patient-ada HTTP/1.1', 'Host: x', authorization()) +
        lines('GET /fhir/Patient/patient-noor HTTP/1.1', 'Host: x', 'Connection: close', authorization()),
    );
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 403']);
    expect(house.received).toHaveLength(1);
  });
});

describe('a body', () => {
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    house.ask('POST /Observation', { as: 'clinician', body, headers });
  const text = JSON.stringify(observation('patient-ada'));
  const bodies: readonly (readonly [string, string | Uint8Array])[] = [
    ['a subject twice', text.replace('"subject"', '"subject":{"reference":"Patient/patient-noor"},"subject"')],
    [
      'a subject twice, once escaped',
      text.replace('"subject"', '"\\u0073ubject":{"reference":"Patient/patient-noor"},"subject"'),
    ],
    ['a reference twice', text.replace('"reference"', '"reference":"Patient/patient-noor","reference"')],
    ['a type twice', text.replace('{', '{"resourceType":"Patient",')],
    ['something after it', `${text}${text}`],
    ['a comment', text.replace('{', '{/* x */')],
    ['a trailing comma', text.replace(/\}$/, ',}')],
    ['a byte order mark of UTF-16', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')])],
    [
      'broken UTF-8',
      Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('}')]),
    ],
    ['nothing in it', ' '],
    ['a list', `[${text}]`],
    ['a depth that is no record', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
    ['a list without end', `{"resourceType":"Observation","x":[${'0,'.repeat(3_000_000)}0]}`],
  ];
  it.each(bodies)('with %s is refused and goes nowhere', async (_title, body) => {
    const answer = await post(body);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(house.received).toEqual([]);
  });

  it('in a media type that is not FHIR JSON is refused', async () => {
    for (const type of [
      'application/fhir+xml',
      'text/plain',
      'multipart/form-data',
      'application/x-www-form-urlencoded',
      'application/json; charset=utf-16',
    ])
      expect((await post(text, { 'content-type': type })).status).toBeGreaterThanOrEqual(400);
    for (const encoding of ['gzip', 'br', 'deflate, gzip'])
      expect((await post(text, { 'content-encoding': encoding })).status).toBe(415);
    expect(house.received).toEqual([]);
  });

  it('on a call that takes none is refused', async () => {
    expect(
      (await house.ask('GET /Patient/patient-ada', { as: 'clinician', body: '{}', headers: { 'content-length': '2' } }))
        .status,
    ).toBeLessThan(500);
    for (const { path } of house.received) expect(path).toBe('/fhir/Patient/patient-ada');
  });

  it('larger than may be read is refused without reading on', async () => {
    const answer = await house
      .ask('POST /Observation', { as: 'clinician', body: Buffer.alloc(70 * 1024 * 1024, 0x20) })
      .catch(() => ({ status: 413 }));
    expect(answer.status).toBe(413);
    expect(house.received).toEqual([]);
  });
});

describe('too much of one thing', () => {
  it.each([
    ['parameters', `/Observation?${'code=x&'.repeat(500)}patient=patient-ada`],
    ['values', `/Observation?patient=patient-ada&code=${'x,'.repeat(3000)}x`],
    ['hops', `/Observation?${'has-member.'.repeat(12)}code=x`],
    ['reverse hops', `/Patient?${'_has:Observation:patient:'.repeat(9)}code=x`],
    ['includes', `/Observation?patient=patient-ada&${'_include=Observation:subject&'.repeat(300)}`],
    ['target', `/Observation?code=${'x'.repeat(30_000)}`],
  ])('(%s) is refused with little work, and asks nothing', async (_title, path) => {
    const before = process.cpuUsage();
    const answer = await house.ask(`GET ${path}`, { as: 'clinician' });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    const { user, system } = process.cpuUsage(before);
    // Of the processor, in microseconds: what other processes do does not count.
    expect(user + system).toBeLessThan(2_000_000);
    expect(house.received).toEqual([]);
  });

  it('a count without bound is bounded', async () => {
    await house.ask('GET /Observation?patient=patient-ada&_count=999999', { as: 'clinician' });
    expect(Number(/_count=(\d+)/.exec(house.received[0]?.path ?? '')?.[1])).toBeLessThanOrEqual(1000);
  });
});
