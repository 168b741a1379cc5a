import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Instant } from '../../src/domain/instant.ts';
import type { Assessment } from '../../src/domain/risk/score.ts';
import { codeOf, type Rig, startRig } from './rig.ts';
import { flakyFiles, oddUpstream, type Second, startSecond } from './second-gateway.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
}, 60_000);
afterAll(() => rig.close());

const using = async (second: Promise<Second>, work: (second: Second) => Promise<void>): Promise<void> => {
  const started = await second;
  try {
    await work(started);
  } finally {
    await started.close();
  }
};

const MARK = 'Zzyzx-Canary';

describe('a stale chain', () => {
  it('refuses what needs consent, says so as 503 with Retry-After, records it, and still lets patients see their own record', async () => {
    let ahead = 0;
    await using(startSecond(rig, { clock: { now: () => (Date.now() + ahead) as Instant } }), async (second) => {
      await second.get('/Patient/patient-ada', 'clinician').expect(200);
      ahead = 60_000;
      await second.gateway.records?.settled();
      const before = second.gateway.ledger.size();
      const refused = await second.get('/Patient/patient-ada', 'clinician').expect(503);
      expect(codeOf(refused)).toBe('consent-unverifiable');
      expect(refused.headers['retry-after']).toBe('5');
      expect(refused.text).not.toContain('Byrne');
      expect(second.gateway.ledger.size()).toBe(before + 1);
      await second.get('/Patient/patient-ada', 'patient').expect(200);
      ahead = 0;
      await second.get('/Patient/patient-ada', 'clinician').expect(200);
    });
  });
});

describe('a full disk', () => {
  it('refuses every call as 503 while no entry can be written, and recovers by itself', async () => {
    let full = false;
    await using(startSecond(rig, { ledgerFiles: flakyFiles(() => full) }), async (second) => {
      await second.get('/Patient/patient-ada', 'clinician').expect(200);
      full = true;
      const refused = await second.get('/Patient/patient-ada', 'clinician').expect(503);
      expect(codeOf(refused)).toBe('ledger-unavailable');
      expect(refused.text).not.toContain('Byrne');
      expect(refused.headers['x-ledger-receipt']).toBeUndefined();
      full = false;
      let status = 0;
      for (let tries = 0; status !== 200 && tries < 100; tries++) {
        status = (await second.get('/Patient/patient-ada', 'clinician')).status;
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(status).toBe(200);
    });
  });
});

const json = (response: ServerResponse, body: string | Buffer, headers: Record<string, string> = {}): void => {
  response.writeHead(200, { 'content-type': 'application/fhir+json', ...headers });
  response.end(body);
};

const emptyBundle = '{"resourceType":"Bundle","type":"searchset"}';

/** Facts are answered with nothing, so that only the call under test meets the oddity. */
const odd =
  (answer: RequestListener): RequestListener =>
  (request, response) => {
    if (request.url?.includes('_count=200') === true) json(response, emptyBundle);
    else answer(request, response);
  };

const cases: readonly {
  readonly title: string;
  readonly path: string;
  readonly status: number;
  readonly code: string;
  readonly answer: RequestListener;
}[] = [
  {
    title: 'HTML',
    path: '/Patient/patient-ada',
    status: 502,
    code: 'content-unmaskable',
    answer: (_q, r) => r.writeHead(200, { 'content-type': 'text/html' }).end(`<p>${MARK}</p>`),
  },
  {
    title: 'XML',
    path: '/Patient/patient-ada',
    status: 502,
    code: 'content-unmaskable',
    answer: (_q, r) => r.writeHead(200, { 'content-type': 'application/fhir+xml' }).end(`<Patient>${MARK}</Patient>`),
  },
  {
    title: 'torn JSON',
    path: '/Patient/patient-ada',
    status: 502,
    code: 'upstream-malformed',
    answer: (_q, r) => json(r, `{"resourceType":"Patient","id":"patient-ada","name":[{"family":"${MARK}`),
  },
  {
    title: 'a key twice',
    path: '/Patient/patient-ada',
    status: 502,
    code: 'upstream-malformed',
    answer: (_q, r) => json(r, `{"resourceType":"Patient","id":"patient-ada","id":"x","name":[{"family":"${MARK}"}]}`),
  },
  {
    title: 'another patient than asked for',
    path: '/Patient/patient-ada',
    status: 502,
    code: 'upstream-malformed',
    answer: (_q, r) => json(r, `{"resourceType":"Patient","id":"patient-noor","name":[{"family":"${MARK}"}]}`),
  },
  {
    title: 'an empty body',
    path: '/Patient/patient-ada',
    status: 502,
    code: 'upstream-malformed',
    answer: (_q, r) => json(r, ''),
  },
  {
    title: 'an unknown encoding',
    path: '/Patient/patient-ada',
    status: 502,
    code: 'upstream-malformed',
    answer: (_q, r) => json(r, MARK, { 'content-encoding': 'zstd' }),
  },
  {
    title: 'a redirect',
    path: '/Patient/patient-ada',
    status: 502,
    code: 'upstream-malformed',
    answer: (_q, r) => r.writeHead(302, { location: `http://elsewhere.example/${MARK}` }).end(),
  },
  {
    title: 'an error with a value in it',
    path: '/Patient/patient-ada',
    status: 502,
    code: 'upstream-error',
    answer: (_q, r) => r.writeHead(500).end(`MRN ${MARK} exploded`),
  },
  {
    title: 'a refusal of our credential',
    path: '/Patient/patient-ada',
    status: 502,
    code: 'upstream-error',
    answer: (_q, r) => r.writeHead(401).end(MARK),
  },
  { title: 'no answer in time', path: '/Patient/patient-ada', status: 504, code: 'upstream-timeout', answer: () => {} },
  {
    title: 'a cut connection',
    path: '/Patient/patient-ada',
    status: 502,
    code: 'upstream-unreachable',
    answer: (q) => q.socket.destroy(),
  },
  {
    title: 'a cut body',
    path: '/Patient/patient-ada',
    status: 502,
    code: 'upstream-malformed',
    answer: (_q, r) => {
      r.writeHead(200, { 'content-type': 'application/fhir+json', 'content-length': '1000' });
      r.write(`{"resourceType":"Patient","name":"${MARK}`, () => r.destroy());
    },
  },
];

describe('an upstream that is odd', () => {
  it.each(cases)(
    'is answered with $code for $title, and nothing of it leaks',
    async ({ path, status, code, answer }) => {
      const upstream = await oddUpstream(odd(answer));
      await using(startSecond(rig, { config: { upstream: { url: upstream.url, timeoutMs: 300 } } }), async (second) => {
        const response = await second.get(path, 'clinician').expect(status);
        expect(codeOf(response)).toBe(code);
        expect(JSON.stringify(response.headers) + response.text).not.toContain(MARK);
        expect(response.headers['x-ledger-receipt']).toBeDefined();
      });
      await upstream.close();
    },
  );

  it('is read when it compresses although it was asked not to', async () => {
    const upstream = await oddUpstream(
      odd((_request, response) =>
        json(response, gzipSync('{"resourceType":"Patient","id":"patient-ada"}'), { 'content-encoding': 'gzip' }),
      ),
    );
    await using(startSecond(rig, { config: { upstream: { url: upstream.url, timeoutMs: 3000 } } }), async (second) => {
      const response = await second.get('/Patient/patient-ada', 'clinician').expect(200);
      expect(response.body.id).toBe('patient-ada');
    });
    await upstream.close();
  });

  it('leaks nothing when it ignores the patient criterion and answers with others', async () => {
    const observation = (id: string, patient: string) => ({
      fullUrl: `http://x/fhir/Observation/${id}`,
      resource: {
        resourceType: 'Observation',
        id,
        status: 'final',
        code: { text: 'x' },
        subject: { reference: `Patient/${patient}`, display: MARK },
      },
    });
    const upstream = await oddUpstream(
      odd((_request, response) =>
        json(
          response,
          JSON.stringify({
            resourceType: 'Bundle',
            type: 'searchset',
            total: 2,
            entry: [observation('a', 'patient-noor'), observation('b', 'patient-ada')],
          }),
        ),
      ),
    );
    await using(startSecond(rig, { config: { upstream: { url: upstream.url, timeoutMs: 3000 } } }), async (second) => {
      const response = await second.get('/Observation?patient=patient-ada', 'clinician').expect(200);
      expect(response.body.total).toBe(1);
      expect(response.text).not.toContain('patient-noor');
    });
    await upstream.close();
  });

  it('gets nothing at all of a call that is refused', async () => {
    const upstream = await oddUpstream(odd((_request, response) => json(response, '{}')));
    await using(startSecond(rig, { config: { upstream: { url: upstream.url, timeoutMs: 3000 } } }), async (second) => {
      const before = upstream.received.length;
      await second.get('/Patient/patient-noor', 'clinician').expect(403);
      await second.get('/Observation?patient=patient-noor', 'clinician').expect(403);
      await second.get('/Patient?family=x', 'researcher').expect(403);
      await second.get('/Patient/patient-ada;x=1', 'clinician').expect(400);
      expect(upstream.received.length).toBe(before);
    });
    await upstream.close();
  });

  it('that is down is a 502, and the gateway serves again when it is back', async () => {
    const upstream = await oddUpstream(odd((_request, response) => json(response, '{}')));
    await upstream.close();
    await using(startSecond(rig, { config: { upstream: { url: upstream.url, timeoutMs: 1000 } } }), async (second) => {
      const response = await second.get('/Patient/patient-ada', 'clinician').expect(502);
      expect(codeOf(response)).toBe('upstream-unreachable');
      expect(response.text).not.toContain('127.0.0.1');
    });
  });
});

describe('a risk engine that is broken', () => {
  const engines: readonly { readonly title: string; readonly assess: () => Assessment }[] = [
    {
      title: 'gives NaN',
      assess: () => ({ score: Number.NaN as never, action: 'allow', reasons: [], explained: false, model: 'm' }),
    },
    {
      title: 'gives 2',
      assess: () => ({ score: 2 as never, action: 'allow', reasons: [], explained: false, model: 'm' }),
    },
    { title: 'gives nothing', assess: () => undefined as never },
    {
      title: 'throws',
      assess: () => {
        throw new RangeError(MARK);
      },
    },
  ];
  it.each(engines)('refuses when it $title', async ({ assess }) => {
    await using(startSecond(rig, { risk: { assess, observe: () => {} } }), async (second) => {
      const response = await second.get('/Patient/patient-ada', 'clinician').expect(503);
      expect(codeOf(response)).toBe('risk-unavailable');
      expect(response.text).not.toContain(MARK);
    });
  });
});

describe('files that are broken', () => {
  const folder = mkdtempSync(join(tmpdir(), 'consentry-policies-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('keep the gateway from starting: a policy, with file and line', async () => {
    cpSync('policies', folder, { recursive: true });
    writeFileSync(join(folder, 'roles.yaml'), 'kind: roles\nroles:\n  clinician:\n    purposess: [TREAT]\n');
    await expect(startSecond(rig, { config: { policies: folder } })).rejects.toThrow(
      /roles\.yaml:4:\d+: error: .*Did you mean `purposes`/,
    );
  });

  it('keep the gateway from starting: a model', async () => {
    const model = join(folder, 'model.json');
    writeFileSync(model, '{"format":"consentry-risk-model/1"}');
    await expect(startSecond(rig, { config: { riskModel: model } })).rejects.toThrow(/does not load/);
  });

  it('leave the last good policy set in force when they break later', async () => {
    const good = mkdtempSync(join(tmpdir(), 'consentry-good-'));
    cpSync('policies', good, { recursive: true });
    await using(startSecond(rig, { config: { policies: good } }), async (second) => {
      const hash = second.gateway.policies.current()?.hash;
      writeFileSync(join(good, 'roles.yaml'), 'kind: roles\nroles: nothing\n');
      second.gateway.policies.reload();
      expect(second.gateway.policies.current()?.hash).toBe(hash);
      await second.get('/Patient/patient-ada', 'clinician').expect(200);
    });
    rmSync(good, { recursive: true, force: true });
  });
});

describe('a chain that is gone', () => {
  it('closes what needs consent when its last block has become too old, and the ledger goes on', async () => {
    let ahead = 0;
    await using(startSecond(rig, { clock: { now: () => (Date.now() + ahead) as Instant } }), async (second) => {
      await second.get('/Patient/patient-ada', 'clinician').expect(200);
      // The last of this file: nothing else needs the chain after it.
      await rig.demo.chain.stop();
      ahead = 20_000;
      const refused = await second.get('/Patient/patient-ada', 'clinician').expect(503);
      expect(codeOf(refused)).toBe('consent-unverifiable');
      expect(refused.headers['x-ledger-receipt']).toBeDefined();
      await second.get('/Patient/patient-ada', 'patient').expect(200);
    });
  });
});
