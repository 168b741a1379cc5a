import { type TObject, Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { documented, type Route, type RouteText } from './documented.ts';
import { openApiPageRoutes } from './openapi-page.ts';

/** As much of a schema as is shown. */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  /** Empty: anybody may call it. */
  readonly security?: readonly object[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
  readonly responses: Readonly<
    Record<
      string,
      { readonly $ref?: string; readonly description?: string; readonly content?: Readonly<Record<string, object>> }
    >
  >;
}

export interface OpenApi {
  readonly info: { readonly title: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Pages and the FHIR API: the one is for people, the other describes itself at `/fhir/metadata`. */
const elsewhere = ['/fhir', '/console', '/my'];

/** Routes of the gateway's own API without a description. */
export const undocumented = (routes: readonly Route[]): readonly Route[] =>
  routes.filter(
    ({ url, text }) =>
      text === undefined && !elsewhere.some((place) => url === place || url === '*' || url.startsWith(`${place}/`)),
  );

const fhirJson = 'application/fhir+json';

/** What the router does not show: FHIR calls that the gateway answers by itself. */
const discovery = (prefix: string): readonly Route[] => [
  {
    method: 'GET',
    url: `${prefix}/metadata`,
    text: {
      summary: 'The CapabilityStatement: what the FHIR server does, less what the gateway will not do.',
      answers: fhirJson,
      open: true,
    },
  },
  {
    method: 'GET',
    url: `${prefix}/.well-known/smart-configuration`,
    text: { summary: 'The SMART App Launch configuration.', open: true },
  },
  {
    method: 'GET',
    url: `${prefix}/Patient/$cohort-counts`,
    text: {
      summary:
        'How many patients who let the caller look meet the criteria (search parameters of Patient), as Parameters: groups of k at least, none that tells of few together with earlier answers.',
      query: Type.Object({
        by: Type.Optional(
          Type.String({ description: 'Up to three attributes of policies/cohorts.yaml, separated by commas.' }),
        ),
      }),
      answers: fhirJson,
    },
  },
];

/** `GET /api/v1/openapi.json`: made of what stands at the routes, so that it cannot part from them. */
export function openApiRoutes(
  app: FastifyInstance,
  parts: { readonly routes: readonly Route[]; readonly url: () => string; readonly prefix: string },
): void {
  let text: string | undefined;
  // All routes are there once anybody can call one.
  const read = () => openApiDocument([...parts.routes, ...discovery(parts.prefix)], parts.url());
  app.get('/api/v1/openapi.json', documented('This document.', { open: true }), (_request, reply) => {
    text ??= JSON.stringify(read());
    return reply.type('application/json').header('cache-control', 'public, max-age=60').send(text);
  });
  openApiPageRoutes(app, read);
}

export function openApiDocument(routes: readonly Route[], url: string) {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const { method, url: route, text } of routes) {
    if (text === undefined) continue;
    const path = pathOf(route);
    paths[path] ??= {};
    paths[path][method.toLowerCase()] = operationOf(method, path, text);
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Consentry gateway',
      version: '0.1.0',
      description: `The gateway's own API. The FHIR API is described by its CapabilityStatement. Every refusal is an OperationOutcome with a code.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url }],
    security: [{ bearer: [] }],
    paths: Object.fromEntries(Object.entries(paths).sort(([left], [right]) => (left < right ? -1 : 1))),
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'The token that the FHIR API takes.' },
      },
      schemas: { Refusal: refusal },
      responses: {
        Refusal: {
          description: 'Refused; the code is in `issue[0].details.coding[0].code`.',
          content: { [fhirJson]: { schema: { $ref: '#/components/schemas/Refusal' } } },
        },
      },
    },
  };
}

/** `/api/v1/consents/:id/fhir` -> `/api/v1/consents/{id}/fhir`; what a wildcard stands for is the rest of the path. */
const pathOf = (route: string): string => route.replace(/:(\w+)/g, '{$1}').replace(/\*$/, '{path}');

function operationOf(
  method: string,
  path: string,
  { summary, body, query, answers, status, open }: RouteText,
): Operation {
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...queryParameters(query),
  ];
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[^A-Za-z0-9]+(\w?)/g, (_, next: string) => next.toUpperCase())}`,
    tags: [path.split('/').find((part) => part !== '' && part !== 'api' && part !== 'v1') ?? 'gateway'],
    summary,
    ...(open === true ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: {
      [status ?? 200]: { description: 'Done.', content: { [answers ?? 'application/json']: {} } },
      default: { $ref: '#/components/responses/Refusal' },
    },
  };
}

const queryParameters = (query: TObject | undefined): NonNullable<Operation['parameters']> =>
  Object.entries(query?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: query?.required?.includes(name) === true,
    schema,
  }));

const refusal = Type.Object({
  resourceType: Type.Literal('OperationOutcome'),
  issue: Type.Array(
    Type.Object({
      severity: Type.Literal('error'),
      code: Type.String(),
      details: Type.Object({
        coding: Type.Array(Type.Object({ system: Type.String(), code: Type.String() })),
        text: Type.String(),
      }),
      diagnostics: Type.Optional(Type.String()),
      expression: Type.Optional(Type.Array(Type.String())),
    }),
  ),
});
