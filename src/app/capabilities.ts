import { hash } from 'node:crypto';
import { restrictCapability, smartConfiguration } from '../domain/fhir/capability.ts';
import type { Bases } from '../domain/fhir/references.ts';
import { operationOutcome } from '../domain/outcome.ts';
import { type ProblemCode, problem, problemRow } from '../domain/problem.ts';
import { ownRead } from '../domain/upstream.ts';
import type { UpstreamReader } from '../ports.ts';
import type { Answer } from '../stages/answer.ts';
import type { Capabilities } from '../stages/capabilities.ts';

export interface CapabilityParts {
  readonly reader: UpstreamReader;
  readonly bases: Bases;
  readonly issuers: () => Parameters<typeof smartConfiguration>[0];
}

/** The upstream's statement is asked for again after this. */
const KEPT_MS = 60_000;

/** Discovery: the upstream's CapabilityStatement less what the gateway will not do, and the SMART configuration. */
export function capabilityDocuments(parts: CapabilityParts): Capabilities {
  let kept: { readonly answer: Answer; readonly at: number } | undefined;

  async function statement(): Promise<Answer> {
    if (kept !== undefined && performance.now() - kept.at < KEPT_MS) return kept.answer;
    const response = await parts.reader.read(ownRead('/metadata'), AbortSignal.timeout(15_000));
    if (response.kind === 'fault') return refusal(response.code);
    if (response.status !== 200) return refusal('upstream-error');
    const body = restrictCapability(response.body, parts.bases);
    if (body === undefined) return refusal('upstream-malformed');
    const answer = document(body, 'application/fhir+json; charset=utf-8');
    kept = { answer, at: performance.now() };
    return answer;
  }

  return {
    answer({ method, target, headers }) {
      if (method !== 'GET' && method !== 'HEAD') return undefined;
      const path = target.split('?', 1)[0];
      if (path === '/.well-known/smart-configuration')
        return bodiless(
          method,
          document(JSON.stringify(smartConfiguration(parts.issuers(), parts.bases)), 'application/json'),
          headers['if-none-match'],
        );
      if (path !== '/metadata') return undefined;
      return statement().then((answer) => bodiless(method, answer, headers['if-none-match']));
    },
  };
}

function document(body: string | Uint8Array, type: string): Answer {
  const etag = `"${hash('sha256', body, 'base64url').slice(0, 22)}"`;
  return {
    status: 200,
    headers: { 'content-type': type, 'cache-control': 'public, max-age=60', etag, 'access-control-allow-origin': '*' },
    body,
  };
}

function bodiless(method: string, answer: Answer, known: string | string[] | undefined): Answer {
  const { body: _body, ...head } = answer;
  if (answer.status === 200 && known !== undefined && known === answer.headers['etag']) return { ...head, status: 304 };
  return method === 'HEAD' ? head : answer;
}

const refusal = (code: ProblemCode): Answer => ({
  status: problemRow(code).status,
  headers: { 'content-type': 'application/fhir+json; charset=utf-8', 'cache-control': 'no-store', 'retry-after': '5' },
  body: operationOutcome(problem(code)),
});
