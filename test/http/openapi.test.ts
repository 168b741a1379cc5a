import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { undocumented } from '../../src/http/openapi.ts';
import { type Rig, startRig } from '../flow/rig.ts';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, object>>;
  readonly security?: readonly object[];
}

let rig: Rig;
let document: {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};
beforeAll(async () => {
  rig = await startRig();
  const answer = await supertest(rig.demo.gateway.url).get('/api/v1/openapi.json').expect(200);
  document = answer.body as typeof document;
}, 60_000);
afterAll(() => rig.close());

const operations = (): readonly (readonly [string, Operation])[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
  );

describe('the OpenAPI document', () => {
  it('describes every route of the gateway', () => {
    const todo = undocumented(rig.demo.gateway.routes).map(
      ({ method, url }) =>
        `${method} ${url}: put documented('One sentence on what it does.', { body: schemaOfItsBody }) from src/http/documented.ts between the path and the handler, where the route is.`,
    );
    expect(todo).toEqual([]);
  });

  it('describes none that is not there', () => {
    const registered = new Set(
      rig.demo.gateway.routes.map(
        ({ method, url }) => `${method} ${url.replace(/:(\w+)/g, '{$1}').replace(/\*$/, '{path}')}`,
      ),
    );
    const extra = operations().map(([line]) => line);
    expect(extra.filter((line) => !registered.has(line))).toEqual([
      'GET /fhir/.well-known/smart-configuration',
      'GET /fhir/Patient/$cohort-counts',
      'GET /fhir/metadata',
    ]);
  });

  it('is OpenAPI 3.1, with a sentence, a unique id, parameters and answers at each operation', () => {
    expect(document.openapi).toBe('3.1.0');
    const ids = operations().map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [line, operation] of operations()) {
      expect([line, operation.summary]).toEqual([line, expect.stringMatching(/^[A-Z].*\.$/)]);
      const inPath = [...line.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const described = (operation.parameters ?? []).filter((each) => each.in === 'path').map(({ name }) => name);
      expect([line, described]).toEqual([line, inPath]);
      expect(Object.keys(operation.responses)).toContain('default');
    }
  });

  it('shows the schemas that bodies are read by', () => {
    const schema = document.paths['/api/v1/decisions']?.post?.requestBody?.content['application/json']?.schema;
    expect(schema).toMatchObject({ type: 'object', required: ['call'], additionalProperties: false });
  });

  it('is a page to read as well, with every operation and no script', async () => {
    const page = await supertest(rig.demo.gateway.url).get('/api/docs').expect(200);
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(page.text).not.toMatch(/<script|https?:\/\/(?!127\.0\.0\.1)/);
    for (const [, { operationId }] of operations()) expect(page.text).toContain(`id="${operationId}"`);
    expect(page.text).toContain('Below the FHIR base, with the query.');
  });

  it('says of the routes that are open to all that they are, and only of those', async () => {
    const open = operations().filter(([, { security }]) => security?.length === 0);
    for (const [line] of open) {
      const [method = '', path = ''] = line.split(' ');
      if (method !== 'GET' || path.includes('{')) continue;
      expect([line, (await supertest(rig.demo.gateway.url).get(path)).status]).not.toEqual([line, 401]);
    }
    for (const [line] of operations().filter(([, { security }]) => security === undefined)) {
      const [method = '', path = ''] = line.split(' ');
      const call = supertest(rig.demo.gateway.url);
      const answer = await (method === 'GET' ? call.get(path) : method === 'PUT' ? call.put(path) : call.post(path));
      // Some look at the body before they ask who calls.
      expect([400, 401, 403, 404]).toContain(answer.status);
    }
  });
});
