import { createServer, request as httpRequest, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type Rig, startRig } from '../flow/rig.ts';
import { type Second, startSecond } from '../flow/second-gateway.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The code of a refusal. */
  readonly code: string | undefined;
  /** All that left, for a look for what must not leave. */
  readonly all: string;
}

export interface Asked {
  readonly as?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: unknown;
}

export interface Call {
  readonly method: string;
  /** Path and query as the FHIR server got them. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface House {
  readonly rig: Rig;
  readonly gateway: Second['gateway'];
  /** Where the gateway under test keeps its files, and where it finds the FHIR server. */
  readonly data: string;
  readonly upstream: string;
  /** FHIR base URL of the gateway under test. */
  readonly base: string;
  /** What the FHIR server received since the last `forget`, the gateway's gathering of facts aside. */
  readonly received: readonly Call[];
  forget(): void;
  /** `GET /Patient/1` below the FHIR base, byte for byte as written. */
  ask(line: string, asked?: Asked): Promise<Answer>;
  /** Bytes on a socket of their own; resolves with all that came back until the gateway closed it. */
  raw(bytes: string): Promise<string>;
  bearer(persona: string): string;
  /** Answers in the FHIR server's place from now on; nothing: the real one again. */
  impersonate(answer?: RequestListener): void;
  /** Another gateway in the place of the one under test, on its files. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** The whole product, with a recorder between the gateway under test and the FHIR server. */
export async function startHouse(config: object = {}): Promise<House> {
  const rig = await startRig();
  const real = new URL(rig.demo.fhir.url);
  const received: Call[] = [];
  let instead: RequestListener | undefined;
  const between = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const url = incoming.url ?? '';
      const isFact = /^\/fhir\/\w+\?_count=200/.test(url);
      const body = Buffer.concat(chunks);
      if (!isFact) {
        received.push({
          method: incoming.method ?? '',
          path: url,
          headers: incoming.headers,
          body: body.toString('utf8'),
        });
        if (instead !== undefined) {
          instead(incoming, outgoing);
          return;
        }
      }
      const onward = httpRequest(
        {
          host: real.hostname,
          port: real.port,
          path: url,
          method: incoming.method,
          headers: { ...incoming.headers, host: real.host },
        },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('end', () => {
            const text = Buffer.concat(parts).toString('utf8').replaceAll(rig.demo.fhir.url, upstreamUrl());
            const { 'content-length': _length, 'transfer-encoding': _encoding, ...headers } = answer.headers;
            const place = headers['content-location'];
            if (place !== undefined) headers['content-location'] = place.replace(rig.demo.fhir.url, upstreamUrl());
            outgoing.writeHead(answer.statusCode ?? 500, headers);
            outgoing.end(text);
          });
        },
      );
      onward.on('error', () => outgoing.destroy());
      onward.end(body);
    });
  });
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
  const upstreamUrl = (): string =>
    `http://127.0.0.1:${(between.address() as AddressInfo).port}${real.pathname.replace(/\/$/, '')}`;
  const gatewayConfig = { ...config, upstream: { url: upstreamUrl(), timeoutMs: 3000 } };
  let second = await startSecond(rig, { config: gatewayConfig });
  const { port } = new URL(second.gateway.url);
  const bearer = (persona: string): string => {
    const found = rig.demo.tokens.find((each) => each.persona.name === persona);
    if (found === undefined) throw new Error(`no persona ${persona}`);
    return found.token;
  };
  return {
    rig,
    get gateway() {
      return second.gateway;
    },
    data: second.data,
    upstream: upstreamUrl(),
    base: second.gateway.fhirBase,
    received,
    forget: () => {
      received.length = 0;
    },
    ask: (line, { as, token, headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const space = line.indexOf(' ');
        const secret = token ?? (as === undefined ? undefined : bearer(as));
        const call = httpRequest(
          {
            host: '127.0.0.1',
            // A refusal may end the connection.
            agent: false,
            port,
            method: line.slice(0, space),
            path: `/fhir${line.slice(space + 1)}`,
            headers: {
              ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
              ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }),
              ...headers,
            },
          },
          (answer) => {
            const parts: Buffer[] = [];
            answer.on('data', (part: Buffer) => parts.push(part));
            answer.on('end', () => {
              const text = Buffer.concat(parts).toString('utf8');
              resolve({
                status: answer.statusCode ?? 0,
                headers: answer.headers,
                text,
                code: codeIn(text),
                all: JSON.stringify(answer.rawHeaders) + text,
              });
            });
          },
        );
        call.on('error', reject);
        call.end(
          body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
        );
      }),
    raw: (bytes) =>
      new Promise((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () => socket.write(bytes, 'latin1'));
        const parts: Buffer[] = [];
        socket.setTimeout(2000, () => socket.destroy());
        socket.on('data', (part) => parts.push(part));
        // A reset ends it like any other end.
        socket.on('error', () => socket.destroy());
        socket.on('close', () => resolve(Buffer.concat(parts).toString('latin1')));
      }),
    bearer,
    impersonate: (answer) => {
      instead = answer;
    },
    async restart() {
      const { data } = second;
      await second.gateway.close();
      second = await startSecond(rig, {
        config: { ...gatewayConfig, data, listen: { host: '127.0.0.1', port: Number(port) } },
      });
    },
    async close() {
      await second.close();
      between.closeAllConnections();
      await new Promise<void>((resolve) => between.close(() => resolve()));
      await rig.close();
    },
  };
}

function codeIn(text: string): string | undefined {
  if (!text.startsWith('{"resourceType":"OperationOutcome"')) return undefined;
  const outcome = JSON.parse(text) as { issue?: { details?: { coding?: { code?: string }[] } }[] };
  return outcome.issue?.[0]?.details?.coding?.[0]?.code;
}

/** Ids of the resources in a Bundle. */
export const idsIn = (text: string): readonly string[] =>
  ((JSON.parse(text) as { entry?: { resource?: { id?: string } }[] }).entry ?? []).map(
    ({ resource }) => resource?.id ?? '',
  );

export const json =
  (body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/fhir+json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

export const observation = (patient: string, more: object = {}) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'weight' },
  subject: { reference: `Patient/${patient}` },
  ...more,
});
