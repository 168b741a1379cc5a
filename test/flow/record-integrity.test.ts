import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { codeOf, type Rig, startRig } from './rig.ts';
import { type OddUpstream, oddUpstream, type Second, startSecond } from './second-gateway.ts';

let rig: Rig;
let upstream: OddUpstream;
/** What somebody with a hand in the server's database does to its answers. */
let hand: (text: string, path: string) => string | undefined = (text) => text;

/** The FHIR server of the rig, with a hand in it. */
const relay = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const path = (request.url ?? '').replace(/^\/fhir/, '');
  const headers = new Headers();
  for (const name of ['accept', 'content-type', 'if-match', 'prefer'])
    if (typeof request.headers[name] === 'string') headers.set(name, request.headers[name]);
  const answer = await fetch(`${rig.demo.fhir.url}${path}`, {
    method: request.method ?? 'GET',
    headers,
    ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
  });
  const told = Object.fromEntries(
    ['content-type', 'etag', 'location', 'last-modified'].flatMap((name) => {
      const value = answer.headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
  const text = hand(await answer.text(), path);
  if (text === undefined)
    response.writeHead(404, { 'content-type': 'application/fhir+json' }).end('{"resourceType":"OperationOutcome"}');
  else response.writeHead(answer.status, told).end(text);
};

beforeAll(async () => {
  rig = await startRig();
  upstream = await oddUpstream((request, response) => void relay(request, response));
}, 60_000);
afterAll(async () => {
  await upstream.close();
  await rig.close();
});

const behind = (altered: 'flag' | 'refuse', data?: string): Promise<Second> => {
  const { config } = rig.demo;
  return startSecond(rig, {
    config: {
      upstream: { ...config.upstream, url: upstream.url },
      ledger: { ...config.ledger, records: { check: true, altered } },
      ...(data === undefined ? {} : { data }),
    },
  });
};
const using = async (second: Promise<Second>, work: (second: Second) => Promise<void>): Promise<void> => {
  const started = await second;
  try {
    await work(started);
  } finally {
    hand = (text) => text;
    await started.close();
  }
};

const forge = (text: string): string => text.replace(/("family":\s*)"[^"]*"/g, `$1"Forged"`);
const EXTENSION = 'urn:consentry:record-integrity';
interface Entry {
  readonly extension?: readonly { readonly url: string; readonly valueCode: string }[];
  readonly resource: { readonly id: string; readonly meta: { readonly versionId: string } };
}

describe('a record that is read', () => {
  it('is a baseline from first sight on, with the same ETag, and says so in a 304 too', () =>
    using(behind('flag'), async (second) => {
      const first = await second.get('/Patient/patient-ada', 'clinician').expect(200);
      const again = await second.get('/Patient/patient-ada', 'clinician').expect(200);
      expect([first.headers['x-record-integrity'], again.headers['x-record-integrity']]).toEqual([
        'baseline',
        'baseline',
      ]);
      expect(again.headers.etag).toBe(first.headers.etag);
      expect(again.text).toBe(first.text);
      const known = await second
        .get('/Patient/patient-ada', 'clinician')
        .set('if-none-match', first.headers.etag ?? '');
      expect([known.status, known.headers['x-record-integrity']]).toEqual([304, 'baseline']);
    }));

  it('is verified from the write on that made it, as an entry of a search too', async () => {
    const read = await rig.get('/Observation?patient=patient-ada&_count=2', 'clinician').expect(200);
    const { resource } = (read.body as { entry: Entry[] }).entry[0] as Entry;
    const alone = await rig.get(`/Observation/${resource.id}`, 'clinician').expect(200);
    const written = await rig
      .send(
        'put',
        `/Observation/${resource.id}`,
        'clinician',
        { ...(alone.body as object), note: [{ text: 'seen' }] },
        {
          'if-match': alone.headers.etag ?? '',
        },
      )
      .expect(200);
    expect(written.headers['x-record-integrity']).toBe('verified');
    await rig.demo.gateway.records?.settled();
    const after = await rig.get(`/Observation/${resource.id}`, 'clinician').expect(200);
    expect(after.headers['x-record-integrity']).toBe('verified');
    const bundle = await rig.get('/Observation?patient=patient-ada', 'clinician').expect(200);
    const states = (bundle.body as { entry: Entry[] }).entry.map(({ extension, resource: { id } }) => [
      id,
      extension?.find(({ url }) => url === EXTENSION)?.valueCode,
    ]);
    expect(new Set(states.map(([, state]) => state))).toEqual(new Set(['baseline', 'verified']));
    expect(Object.fromEntries(states)[resource.id]).toBe('verified');
    expect(bundle.headers['x-record-integrity']).toBe('baseline');
  });

  it('is flagged when it was changed behind the back of its version, once raises the alarm, and is whole again when it is put right', () =>
    using(behind('flag'), async (second) => {
      await second.get('/Patient/patient-ada', 'clinician').expect(200);
      await second.gateway.records?.settled();
      hand = forge;
      for (let reads = 0; reads < 2; reads++) {
        const forged = await second.get('/Patient/patient-ada', 'clinician').expect(200);
        expect(forged.headers['x-record-integrity']).toBe('altered');
        expect(forged.text).toContain('Forged');
      }
      const found = await second.get('/Patient?_id=patient-ada', 'clinician').expect(200);
      expect((found.body as { entry: Entry[] }).entry[0]?.extension).toEqual([
        { url: EXTENSION, valueCode: 'altered' },
      ]);
      const { ledger } = second.gateway;
      const alarms = await ledger.query({ kinds: ['record'], decision: 'deny', limit: 9 });
      expect(alarms).toHaveLength(1);
      expect((await ledger.open(alarms[0] ?? -1))?.entry).toMatchObject({
        code: 'record-altered',
        patients: ['patient-ada'],
      });
      expect(await second.gateway.telemetry.metrics()).toContain('part="record-integrity",error="RecordAltered"} 1');
      hand = (text) => text;
      const whole = await second.get('/Patient/patient-ada', 'clinician').expect(200);
      expect(whole.headers['x-record-integrity']).toBe('baseline');
    }));

  it('is held back when the operator wants that, and nobody without a right to it learns of the alteration', () =>
    using(behind('refuse'), async (second) => {
      await second.get('/Patient/patient-ada', 'clinician').expect(200);
      await second.gateway.records?.settled();
      const before = await second.get('/Patient/patient-noor', 'clinician').expect(403);
      hand = forge;
      const refused = await second.get('/Patient/patient-ada', 'clinician').expect(502);
      expect(codeOf(refused)).toBe('record-altered');
      expect(refused.text).not.toContain('Forged');
      const found = await second.get('/Patient?_id=patient-ada', 'clinician').expect(200);
      expect((found.body as { entry?: Entry[] }).entry).toBeUndefined();
      const other = await second.get('/Patient/patient-noor', 'clinician').expect(403);
      expect(other.headers['x-record-integrity']).toBeUndefined();
      expect(other.text).toBe(before.text);
    }));

  it('raises the alarm when it has vanished, and the caller is told no more than before', () =>
    using(behind('flag'), async (second) => {
      await second.get('/Patient/patient-ada', 'clinician').expect(200);
      await second.gateway.records?.settled();
      const never = await second.get('/Patient/patient-ada-2', 'clinician');
      hand = (text, path) => (path.startsWith('/Patient/') ? undefined : text);
      const gone = await second.get('/Patient/patient-ada', 'clinician');
      expect(gone.headers['x-record-integrity']).toBeUndefined();
      expect([gone.status, never.status]).toEqual([404, 403]);
      const alarms = async () => second.gateway.ledger.query({ kinds: ['record'], decision: 'deny', limit: 9 });
      while ((await alarms()).length === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(await alarms()).toHaveLength(1);
    }));

  it('is compared with what was noted before a restart', async () => {
    const first = await behind('flag');
    await first.get('/Patient/patient-ada', 'clinician').expect(200);
    await first.gateway.close();
    await using(behind('flag', first.data), async (second) => {
      hand = forge;
      const forged = await second.get('/Patient/patient-ada', 'clinician').expect(200);
      expect(forged.headers['x-record-integrity']).toBe('altered');
    });
  });
});
