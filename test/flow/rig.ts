import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import supertest from 'supertest';
import { type RunningDemo, startDemo } from '../../src/app/demo.ts';
import { derivedKey } from '../../src/domain/masking/keyed.ts';
import { pseudonymOfId } from '../../src/domain/masking/pseudonym.ts';

export interface Rig {
  readonly demo: RunningDemo;
  readonly state: string;
  /** A call as a persona of the fixtures; without one, without a token. */
  get(path: string, persona?: string, headers?: Readonly<Record<string, string>>): supertest.Test;
  send(
    method: 'post' | 'put' | 'delete' | 'patch',
    path: string,
    persona: string,
    body?: object | string,
    headers?: Readonly<Record<string, string>>,
  ): supertest.Test;
  token(
    persona: string,
    changes?: Partial<{
      scope: string;
      purpose: string;
      roles: readonly string[];
      patient: string;
      client: string;
      user: string;
      fhirUser: string;
      reason: string;
      acr: string;
      authTime: number;
    }>,
  ): Promise<string>;
  close(): Promise<void>;
}

/** The whole product on loopback: a real chain, a real FHIR server with the fixtures, a real issuer, real files. */
export async function startRig(): Promise<Rig> {
  const state = mkdtempSync(join(tmpdir(), 'consentry-'));
  const demo = await startDemo({
    state,
    fresh: true,
    ports: { gateway: 0, fhir: 0, issuer: 0, chain: 0 },
    log: 'silent',
    blockTime: 0.1,
    step: () => {},
    progress: () => {},
  });
  const http = supertest(demo.gateway.url);
  const bearer = (persona: string): string => {
    const found = demo.tokens.find(({ persona: each }) => each.name === persona);
    if (found === undefined) throw new Error(`no persona ${persona}`);
    return `Bearer ${found.token}`;
  };
  return {
    demo,
    state,
    get(path, persona, headers = {}) {
      const call = http.get(`/fhir${path}`).set(headers);
      return persona === undefined ? call : call.set('authorization', bearer(persona));
    },
    send(method, path, persona, body, headers = {}) {
      const call = http[method](`/fhir${path}`)
        .set('authorization', bearer(persona))
        .set('content-type', 'application/fhir+json')
        .set(headers);
      return body === undefined ? call : call.send(typeof body === 'string' ? body : JSON.stringify(body));
    },
    async token(persona, changes = {}) {
      const found = demo.tokens.find(({ persona: each }) => each.name === persona);
      if (found === undefined) throw new Error(`no persona ${persona}`);
      return demo.issuer.mint({ ...found.persona, ...changes }, 600);
    },
    async close() {
      await demo.close();
      rmSync(state, { recursive: true, force: true });
    },
  };
}

/** The id by which the researcher of the fixtures knows what the FHIR server calls `id`, at the gateway of a data folder. */
export const pseudonymIn = (data: string, id: string): string => {
  const key = new Uint8Array(Buffer.from(readFileSync(join(data, 'masking.key'), 'utf8').trim(), 'hex'));
  return pseudonymOfId(derivedKey(key, 'pseudonym/ResearchStudy/study-heart-outcomes'), id);
};

/** The code of a refusal. */
export const codeOf = (response: supertest.Response): string | undefined =>
  (JSON.parse(response.text) as { issue?: { details?: { coding?: { code?: string }[] } }[] }).issue?.[0]?.details
    ?.coding?.[0]?.code;
