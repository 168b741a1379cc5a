import { readdirSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { nodeFileSystem } from '../../src/adapters/store/file-system.ts';
import { below, exported, fileOf, kickOff, linesOf } from '../flow/bulk-rig.ts';
import { type Second, startSecond } from '../flow/second-gateway.ts';
import { type House, observation, startHouse } from './house.ts';

const MARK = 'Zzyzx-Canary';

let house: House;
let service: string;
beforeAll(async () => {
  house = await startHouse();
  service = await house.rig.token('researcher', { scope: 'system/*.rs' });
}, 90_000);
afterAll(() => house.close());

interface Odd {
  readonly type: string;
  readonly lines: string | Buffer | RequestListener;
  readonly headers?: Readonly<Record<string, string>>;
  readonly place?: string;
}

/** An upstream whose exports are done at once and hold these files. */
const upstreamWith =
  (files: readonly Odd[], manifest: object = {}): RequestListener =>
  (request, response) => {
    const base = `http://${request.headers.host}/fhir`;
    const url = request.url ?? '';
    if (url.includes('$export')) {
      response.writeHead(202, { 'content-location': `${base}/jobs/1` }).end();
      return;
    }
    if (url.endsWith('/jobs/1')) {
      const output = files.map(({ type, place }, at) => ({ type, url: place ?? `${base}/files/${at}`, count: 99 }));
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ transactionTime: '2026-01-01T00:00:00Z', output, error: [], ...manifest }));
      return;
    }
    const file = files[Number(url.split('/').at(-1))];
    if (typeof file?.lines === 'function') file.lines(request, response);
    else {
      response.writeHead(200, { 'content-type': 'application/fhir+ndjson', ...file?.headers });
      response.end(file?.lines);
    }
  };

const ndjson = (...lines: readonly object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('');
const of = (patient: string, id: string, more: object = {}) => ({ ...observation(patient), id, ...more });

const exporting = async (files: readonly Odd[], manifest: object = {}) => {
  house.impersonate(upstreamWith(files, manifest));
  return exported(house, '/Patient/$export', service);
};

const fetchFirst = async (files: readonly Odd[]) => {
  const { manifest } = await exporting(files);
  return house.ask(`GET ${below(house, manifest.output[0]?.url)}`, { token: service });
};

/** The first time it is asked it gives a line that may leave, so that the manifest names it; then this. */
const later = (second: RequestListener): RequestListener => {
  let asked = 0;
  return (request, response) => {
    asked += 1;
    if (asked > 1) second(request, response);
    else response.writeHead(200).end(ndjson(of('patient-ada', 'a1')));
  };
};

describe('a file of an export', () => {
  it('holds the lines that may leave and no trace of the others', async () => {
    const answer = await fetchFirst([
      {
        type: 'Observation',
        lines: ndjson(
          of('patient-ada', 'a1'),
          of('patient-noor', 'n1', { note: [{ text: MARK }] }),
          of('patient-june', 'j1', { note: [{ text: MARK }] }),
          { ...of('patient-ada', 'a2'), performer: [{ reference: 'Patient/patient-noor' }] },
          { ...of('patient-ada', 'a3'), subject: { identifier: { value: MARK } } },
          { resourceType: 'Observation', id: 'o', status: 'final', code: { text: MARK } },
          { resourceType: 'Patient', id: 'patient-ada', name: [{ family: MARK }] },
          { resourceType: 'OperationOutcome', issue: [{ diagnostics: MARK }] },
          { resourceType: 'Bundle', entry: [{ resource: of('patient-ada', MARK) }] },
          of('patient-emeka', 'e1'),
        ),
      },
    ]);
    expect(answer.status).toBe(200);
    expect(linesOf(answer.text)).toHaveLength(2);
    expect(answer.all).not.toMatch(new RegExp(`${MARK}|patient-`));
    expect(answer.headers['content-length']).toBe(String(Buffer.byteLength(answer.text)));
  });

  it('holds lines that name nobody themselves, by the owners of what they are about, looked up for many at once', async () => {
    const message = (id: string, ...about: readonly string[]) => ({
      resourceType: 'Provenance',
      id,
      target: about.map((each) => ({ reference: `Observation/${each}` })),
      recorded: '2026-01-01T00:00:00Z',
      agent: [{ who: { reference: 'Practitioner/practitioner-okafor' } }],
    });
    const lines = [
      ...Array.from({ length: 60 }, (_, i) => message(`p${i}`, `of-${i % 2 === 0 ? 'ada' : 'noor'}-${i}`)),
      message('both', 'of-ada-1', 'of-noor-1'),
      message('gone', 'not-there'),
      { ...message('own'), target: [{ reference: 'Patient/patient-ada' }] },
    ];
    const asked: string[] = [];
    const files = upstreamWith([{ type: 'Provenance', lines: ndjson(...lines) }]);
    house.impersonate((request, response) => {
      const ids = new URL(request.url ?? '', 'http://x').searchParams.get('_id')?.split(',');
      if (ids === undefined) {
        files(request, response);
        return;
      }
      asked.push(...ids);
      const entry = ids
        .filter((id) => id !== 'not-there')
        .map((id) => ({ resource: of(id.startsWith('of-ada') ? 'patient-ada' : 'patient-noor', id) }));
      response.writeHead(200, { 'content-type': 'application/fhir+json' });
      response.end(JSON.stringify({ resourceType: 'Bundle', type: 'searchset', entry }));
    });
    const { manifest } = await exported(house, '/Patient/$export', service);
    house.forget();
    asked.length = 0;
    const answer = await house.ask(`GET ${below(house, fileOf(manifest, 'Provenance'))}`, { token: service });
    expect(answer.status).toBe(200);
    expect(linesOf(answer.text)).toHaveLength(31);
    expect(answer.all).not.toMatch(/noor|patient-ada/);
    expect(new Set(asked).size).toBe(asked.length);
    expect(house.received.length).toBeLessThanOrEqual(3);
  });

  it('whose every line is withheld is not in the manifest, and neither is any number', async () => {
    const { manifest } = await exporting([
      { type: 'Observation', lines: ndjson(of('patient-noor', 'n1'), of('patient-june', 'j1')) },
      { type: 'Condition', lines: '' },
      { type: 'Patient', lines: ndjson({ resourceType: 'Patient', id: 'patient-ada' }) },
    ]);
    expect(manifest.output.map(({ type }) => type)).toEqual(['Patient']);
    expect(JSON.stringify({ ...manifest, output: [], request: '' })).not.toMatch(/count|99/);
    for (const each of manifest.output) expect(Object.keys(each).sort()).toEqual(['type', 'url']);
  });

  it.each([
    ['gzip', gzipSync(ndjson(of('patient-ada', 'a1')))],
    ['none and a carriage return before each line break', ndjson(of('patient-ada', 'a1')).replace('\n', '\r\n')],
    ['none and no line break at the end', ndjson(of('patient-ada', 'a1')).trimEnd()],
  ])('in the encoding %s is read', async (encoding, lines) => {
    const headers = encoding === 'gzip' ? { 'content-encoding': 'gzip' } : {};
    const answer = await fetchFirst([{ type: 'Observation', lines, headers }]);
    expect([answer.status, linesOf(answer.text).length]).toEqual([200, 1]);
    expect(answer.headers['content-encoding']).toBeUndefined();
  });

  it.each<readonly [string, number, string, RequestListener]>([
    ['HTML', 502, 'upstream-malformed', (_q, r) => r.writeHead(200).end(`<p>${MARK}</p>`)],
    [
      'a line that is no JSON after one that is',
      502,
      'upstream-malformed',
      (_q, r) => r.writeHead(200).end(`${ndjson(of('patient-ada', 'a1'))}{"resourceType":"Observation",${MARK}`),
    ],
    [
      'a key twice',
      502,
      'upstream-malformed',
      (_q, r) => r.writeHead(200).end('{"resourceType":"Observation","resourceType":"Patient","id":"x"}\n'),
    ],
    [
      'gzip that is none',
      502,
      'upstream-malformed',
      (_q, r) => r.writeHead(200, { 'content-encoding': 'gzip' }).end(ndjson(of('patient-ada', MARK))),
    ],
    [
      'gzip that is cut',
      502,
      'upstream-malformed',
      (_q, r) =>
        r
          .writeHead(200, { 'content-encoding': 'gzip' })
          .end(gzipSync(ndjson(of('patient-ada', MARK), of('patient-ada', 'a2'))).subarray(0, -12)),
    ],
    [
      'an unknown encoding',
      502,
      'upstream-malformed',
      (_q, r) => r.writeHead(200, { 'content-encoding': 'zstd' }).end(ndjson(of('patient-ada', MARK))),
    ],
    [
      'a connection that breaks within it',
      502,
      'upstream-malformed',
      (_q, r) => {
        r.writeHead(200, { 'content-length': '100000' });
        r.write(ndjson(of('patient-ada', MARK)));
        setImmediate(() => r.destroy());
      },
    ],
    ['no end', 504, 'upstream-timeout', (_q, r) => void r.writeHead(200).write(ndjson(of('patient-ada', MARK)))],
    ['no beginning', 504, 'upstream-timeout', () => {}],
    ['an answer that it is gone', 410, 'export-gone', (_q, r) => r.writeHead(410).end(MARK)],
    ['an answer that it is not there', 410, 'export-gone', (_q, r) => r.writeHead(404).end(MARK)],
    ['an answer that something failed', 502, 'upstream-error', (_q, r) => r.writeHead(500).end(MARK)],
    ['an answer that the gateway may not have it', 502, 'upstream-error', (_q, r) => r.writeHead(403).end(MARK)],
    ['an answer that it is too much at the moment', 429, 'rate-limited', (_q, r) => r.writeHead(429).end(MARK)],
    [
      'an answer that leads elsewhere',
      502,
      'upstream-malformed',
      (_q, r) => r.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    ],
  ])('with %s gives no byte of it, and %i', async (_title, status, code, listener) => {
    const answer = await fetchFirst([{ type: 'Observation', lines: later(listener) }]);
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect(answer.all).not.toContain(MARK);
    // The next file is served: nothing is held by the one that failed.
    const next = await fetchFirst([{ type: 'Observation', lines: ndjson(of('patient-ada', 'a1')) }]);
    expect(next.status).toBe(200);
  });

  it('names in the ledger every subject and every record, however many they are, in entries of bounded size', async () => {
    const lines = ndjson(
      ...Array.from({ length: 1200 }, (_, at) => of(at % 2 === 0 ? 'patient-ada' : 'patient-noor', `o${at}`)),
      of('patient-uma', 'u1'),
    );
    const before = house.gateway.ledger.size();
    const answer = await fetchFirst([{ type: 'Observation', lines }]);
    expect(linesOf(answer.text)).toHaveLength(601);
    const { index } = (await house.gateway.ledger.find(String(answer.headers['x-request-id'])))?.receipt ?? {
      index: 0,
    };
    // Kick-off, manifest, and two entries of the file.
    expect(house.gateway.ledger.size() - before).toBe(4);
    const last = await house.gateway.ledger.find(String(answer.headers['x-request-id']));
    expect(last?.entry.patients).toEqual(['patient-ada', 'patient-uma']);
    expect(last?.entry.resources).toHaveLength(101);
    expect(index).toBe(house.gateway.ledger.size() - 1);
  });

  it('is judged when it is fetched: what was revoked since is not in it', async () => {
    const ada = house.bearer('patient');
    const { manifest } = await exporting([
      { type: 'Observation', lines: ndjson(of('patient-ada', 'a1'), of('patient-emeka', 'e1')) },
    ]);
    const line = `GET ${below(house, fileOf(manifest, 'Observation'))}`;
    expect(linesOf((await house.ask(line, { token: service })).text)).toHaveLength(2);
    const api = supertest(house.rig.demo.gateway.url);
    const listed = await api.get('/api/v1/consents').set('authorization', `Bearer ${ada}`).expect(200);
    const grants = (listed.body as { grants: { id: string; grantee: { kind: string } }[] }).grants;
    const study = grants.find(({ grantee }) => grantee.kind === 'study')?.id;
    await api.post(`/api/v1/consents/${study}/revoke`).set('authorization', `Bearer ${ada}`).send({}).expect(200);
    let left = 2;
    // The gateway under test learns of it from the chain.
    for (let tries = 0; left !== 1 && tries < 500; tries += 1)
      left = linesOf((await house.ask(line, { token: service })).text).length;
    expect(left).toBe(1);
  });

  it('leaves no name on the disk, not while it is read and not after its reader has gone', async () => {
    const spool = join(house.data, 'exports', 'spool');
    const lines = ndjson(...Array.from({ length: 4000 }, (_, at) => of('patient-emeka', `o${at}`)));
    const { manifest } = await exporting([{ type: 'Observation', lines }]);
    const path = `/fhir${below(house, fileOf(manifest, 'Observation'))}`;
    const socket = connect(Number(new URL(house.base).port), '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${service}\r\n\r\n`);
    await new Promise<void>((resolve) => socket.once('data', () => resolve()));
    expect(readdirSync(spool)).toEqual([]);
    socket.destroy();
    const answer = await house.ask(`GET ${path.slice('/fhir'.length)}`, { token: service });
    expect(linesOf(answer.text)).toHaveLength(4000);
    expect(readdirSync(spool)).toEqual([]);
  });

  it('that is not recorded is not sent', async () => {
    let full = false;
    const second = await startSecond(house.rig, {
      config: { upstream: { url: house.upstream, timeoutMs: 3000 } },
      ledgerFiles: {
        ...nodeFileSystem,
        openFile: async (path) => {
          const file = await nodeFileSystem.openFile(path);
          const write: typeof file.write = (bytes, at) =>
            full ? Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' })) : file.write(bytes, at);
          return { ...file, write };
        },
      },
    });
    house.impersonate(upstreamWith([{ type: 'Observation', lines: ndjson(of('patient-emeka', MARK)) }]));
    const { manifest } = await exported(through(second), '/Patient/$export', service);
    full = true;
    const line = `GET ${below(through(second), fileOf(manifest, 'Observation'))}`;
    const answer = await through(second).ask(line, { token: service });
    expect([answer.status, answer.code]).toEqual([503, 'ledger-unavailable']);
    expect(answer.text).not.toContain('resourceType":"Observation');
    await second.close();
  });

  it('larger than the gateway carries is refused, whatever it unpacks to', async () => {
    const second = await startSecond(house.rig, {
      config: {
        upstream: { url: house.upstream, timeoutMs: 3000 },
        bulk: { ...house.rig.demo.config.bulk, fileBytes: 20_000 },
      },
    });
    const many = gzipSync(ndjson(...Array.from({ length: 1000 }, (_, at) => of('patient-emeka', `o${at}`))));
    house.impersonate(upstreamWith([{ type: 'Observation', lines: many, headers: { 'content-encoding': 'gzip' } }]));
    const { manifest } = await exported(through(second), '/Patient/$export', service);
    const line = `GET ${below(through(second), fileOf(manifest, 'Observation'))}`;
    expect((await through(second).ask(line, { token: service })).code).toBe('too-costly');
    await second.close();
  });
});

describe('a manifest', () => {
  it.each([
    ['a file at another server', { output: [{ type: 'Patient', url: 'http://169.254.169.254/latest' }] }],
    ['a file at another port', { output: [{ type: 'Patient', url: 'http://127.0.0.1:1/fhir/files/0' }] }],
    ['a file that is no web address', { output: [{ type: 'Patient', url: 'file:///etc/passwd' }] }],
    ['a file with a password', { output: [{ type: 'Patient', url: 'http://a:b@127.0.0.1/x' }] }],
    ['a file without a type', { output: [{ url: 'x' }] }],
    ['no files', { output: undefined }],
  ])('with %s is refused, and nothing there is asked', async (_title, manifest) => {
    house.impersonate(upstreamWith([], manifest));
    const begun = await kickOff(house, '/Patient/$export', service);
    house.forget();
    const path = below(house, begun.headers['content-location'] as string);
    const answer = await house.ask(`GET ${path}`, { token: service });
    expect([answer.status, answer.code]).toEqual([502, 'upstream-malformed']);
    expect(house.received.map((call) => call.path)).toEqual(['/fhir/jobs/1']);
  });

  it('names no errors, deleted records, numbers or words of the FHIR server', async () => {
    const { manifest } = await exporting([{ type: 'Observation', lines: ndjson(of('patient-emeka', 'e1')) }], {
      request: `http://internal/${MARK}`,
      error: [{ type: 'OperationOutcome', url: `http://internal/${MARK}`, count: 3 }],
      deleted: [{ type: 'Bundle', url: `http://internal/${MARK}` }],
      extension: { note: MARK },
    });
    expect(JSON.stringify(manifest)).not.toMatch(new RegExp(`${MARK}|internal|deleted|extension|count`));
  });

  it('of files kept at an origin that is named leads there, without the gateway’s credential', async () => {
    const seen: (string | undefined)[] = [];
    const store = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end(ndjson(of('patient-emeka', 'e1')));
    });
    await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(store.address() as AddressInfo).port}`;
    const second = await startSecond(house.rig, {
      environment: { ...house.rig.demo.environment, UPSTREAM_TOKEN: 'secret-of-the-gateway' },
      config: {
        upstream: { url: house.upstream, timeoutMs: 3000, bearer: 'env:UPSTREAM_TOKEN' },
        bulk: { ...house.rig.demo.config.bulk, fileOrigins: [origin] },
      },
    });
    house.impersonate(upstreamWith([{ type: 'Observation', lines: '', place: `${origin}/bucket/1?signature=x` }]));
    const { manifest } = await exported(through(second), '/Patient/$export', service);
    const line = `GET ${below(through(second), fileOf(manifest, 'Observation'))}`;
    expect(linesOf((await through(second).ask(line, { token: service })).text)).toHaveLength(1);
    expect(seen).toEqual([undefined, undefined]);
    await second.close();
    await new Promise<void>((resolve) => store.close(() => resolve()));
  });
});

describe('the state of an export', () => {
  it.each<readonly [string, number, string, RequestListener]>([
    ['that the FHIR server has forgotten', 410, 'export-gone', (_q, r) => r.writeHead(404).end(MARK)],
    ['that failed there', 502, 'upstream-error', (_q, r) => r.writeHead(500).end(MARK)],
    ['that was asked for too often', 429, 'rate-limited', (_q, r) => r.writeHead(429).end(MARK)],
    ['that is answered in HTML', 502, 'upstream-malformed', (_q, r) => r.writeHead(200).end(`<p>${MARK}`)],
    ['that is not answered', 504, 'upstream-timeout', () => {}],
  ])('%s is told as %i', async (_title, status, code, listener) => {
    house.impersonate(upstreamWith([]));
    const begun = await kickOff(house, '/Patient/$export', service);
    house.impersonate(listener);
    const path = below(house, begun.headers['content-location'] as string);
    const answer = await house.ask(`GET ${path}`, { token: service });
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect(answer.all).not.toContain(MARK);
  });

  it.each([
    ['12 of 345 patients', 'in progress'],
    [MARK, 'in progress'],
    ['70%', '70%'],
    ['999999 %', 'in progress'],
  ])('with the progress "%s" is told as "%s"', async (progress, told) => {
    house.impersonate(upstreamWith([]));
    const begun = await kickOff(house, '/Patient/$export', service);
    house.impersonate((_q, r) => r.writeHead(202, { 'x-progress': progress, 'retry-after': '7' }).end(MARK));
    const path = below(house, begun.headers['content-location'] as string);
    const answer = await house.ask(`GET ${path}`, { token: service });
    expect([answer.status, answer.headers['x-progress'], answer.headers['retry-after'], answer.text]).toEqual([
      202,
      told,
      '7',
      '',
    ]);
  });
});

describe('a kick-off that the FHIR server', () => {
  it.each<readonly [string, number, string, RequestListener]>([
    ['refuses', 422, 'upstream-refused', (_q, r) => r.writeHead(400).end(MARK)],
    ['does not know', 422, 'upstream-refused', (_q, r) => r.writeHead(404).end(MARK)],
    ['fails at', 502, 'upstream-error', (_q, r) => r.writeHead(503).end(MARK)],
    ['has too many of', 429, 'rate-limited', (_q, r) => r.writeHead(429).end(MARK)],
    ['takes without saying where', 502, 'upstream-malformed', (_q, r) => r.writeHead(202).end(MARK)],
    [
      'takes to another server',
      502,
      'upstream-malformed',
      (_q, r) => r.writeHead(202, { 'content-location': 'http://evil.example/1' }).end(),
    ],
    ['answers at once', 502, 'upstream-malformed', (_q, r) => r.writeHead(200).end(`{"x":"${MARK}"}`)],
  ])('%s is told as %i', async (_title, status, code, listener) => {
    house.impersonate(listener);
    const answer = await kickOff(house, '/Patient/$export', service);
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect(answer.headers['content-location']).toBeUndefined();
    expect(answer.all).not.toContain(MARK);
  });
});

/** The helpers of an export, against another gateway. */
function through(second: Second): House {
  return {
    ...house,
    base: second.gateway.fhirBase,
    ask: async (line, { token } = {}) => {
      const [method = 'GET', path = ''] = line.split(' ');
      const answer = await fetch(`${second.gateway.url}/fhir${path}`, {
        method,
        headers: { authorization: `Bearer ${token}` },
      });
      const text = await answer.text();
      const code = /"code":"([a-z-]+)"\}\],"text"/.exec(text)?.[1];
      return { status: answer.status, headers: Object.fromEntries(answer.headers), text, code, all: text };
    },
  };
}
