import { type Static, Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Principal } from '../domain/identity/principal.ts';
import { parseScopes } from '../domain/identity/scope.ts';
import { callerExplanation, explanation } from '../domain/ledger/explanation.ts';
import { maskingTold } from '../domain/masking/would-mask.ts';
import { problemRow } from '../domain/problem.ts';
import type { Considered, Gateway } from '../gateway.ts';
import { readBody } from './consent-words.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';
import { outcomeOf } from './reasons.ts';

export interface DecisionParts {
  readonly gateway: Pick<Gateway, 'consider'>;
  readonly asker: (request: FastifyRequest) => Promise<'operator' | Principal | undefined>;
  /** Roles that may ask on behalf of others. */
  readonly overseers: Pick<ReadonlySet<string>, 'has'>;
  /** Base path of the FHIR API. */
  readonly prefix: string;
}

const strict = { additionalProperties: false } as const;
const text = (description: string) => Type.String({ minLength: 1, maxLength: 500, description });

export const decisionBody = Type.Object(
  {
    call: Type.Object(
      {
        method: Type.Union(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].map((method) => Type.Literal(method))),
        path: Type.String({
          minLength: 1,
          maxLength: 16_384,
          pattern: '^/',
          description: 'Below the FHIR base, with the query.',
        }),
        headers: Type.Optional(
          Type.Record(Type.String(), Type.String(), { description: 'If-Match, Prefer and the like.' }),
        ),
        body: Type.Optional(Type.Unknown({ description: 'A resource, or the text of another body.' })),
      },
      strict,
    ),
    actor: Type.Optional(
      Type.Object(
        {
          user: Type.Optional(text('Whoever it may be, when left out.')),
          client: text('Client id of the app.'),
          fhirUser: Type.Optional(text('`Practitioner/p1`')),
          organisation: Type.Optional(text('`Organization/o1`')),
          roles: Type.Array(text('A role of the policies.'), { maxItems: 20 }),
          purpose: text('A code of v3-PurposeOfUse.'),
          scope: Type.String({ maxLength: 4000, description: 'SMART scopes, separated by spaces.' }),
          patient: Type.Optional(text('The patient of the launch.')),
          study: Type.Optional(text('`ResearchStudy/s1`')),
          reason: Type.Optional(text('Why the glass would be broken.')),
          acr: Type.Optional(text('How the user would have logged in.')),
          authTime: Type.Optional(Type.Integer({ description: 'When, in seconds since the epoch.' })),
        },
        { ...strict, description: 'For overseers: who would call. Without it the caller is meant.' },
      ),
    ),
  },
  strict,
);

type Body = Static<typeof decisionBody>;

/** `POST /api/v1/decisions`: would this call be allowed? It is judged as it would be and goes nowhere. */
export function decisionRoutes(app: FastifyInstance, parts: DecisionParts): void {
  app.post(
    '/api/v1/decisions',
    documented('What would become of a call: allowed or not, for whom, what would be masked, and why.', {
      body: decisionBody,
    }),
    async (request, reply) => {
      const asker = await parts.asker(request);
      if (asker === undefined) return refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
      const body = readBody(decisionBody, request.body);
      const fault = !body.ok
        ? body.fault
        : asker === 'operator' && body.value.actor === undefined
          ? 'The operator is no caller: give an `actor`.'
          : undefined;
      if (!body.ok || fault !== undefined)
        return reply
          .code(400)
          .header('cache-control', 'no-store')
          .type('application/fhir+json; charset=utf-8')
          .send(
            outcomeOf('body-invalid', [{ rule: 'body', text: `${problemRow('body-invalid').text} ${fault ?? ''}` }]),
          );
      const { actor, call } = body.value;
      const oversees = asker === 'operator' || asker.roles.some((role) => parts.overseers.has(role));
      if (actor !== undefined && !oversees) return refuse(reply, 'scope-insufficient');
      const principal = actor === undefined ? asker : principalOf(actor);
      if (principal === 'operator') return refuse(reply, 'body-invalid');
      const considered = await parts.gateway.consider({
        received: receivedOf(call, request, parts.prefix),
        principal,
        asker,
        signal: AbortSignal.timeout(30_000),
      });
      if ('code' in considered) return refuse(reply, considered.code);
      return reply.header('cache-control', 'no-store').send(told(considered, oversees));
    },
  );
}

const principalOf = (actor: NonNullable<Body['actor']>): Principal => {
  const { user = 'described', roles, scope, patient, ...rest } = actor;
  return {
    ...rest,
    user,
    issuer: 'described',
    roles,
    scopes: parseScopes(scope),
    ...(patient === undefined ? {} : { launchPatient: patient }),
  } as unknown as Principal;
};

function receivedOf({ method, path, headers = {}, body }: Body['call'], request: FastifyRequest, prefix: string) {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const { authorization: _token, ...kept } = lower;
  return {
    method,
    target: path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }),
      ...(typeof request.headers['user-agent'] === 'string' ? { 'user-agent': request.headers['user-agent'] } : {}),
      ...kept,
    },
    body: body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    ip: request.ip,
  };
}

/** To the caller no more than the refusal itself would tell; to those who oversee, the whole story. */
function told({ entry, receipt, judged }: Considered, oversees: boolean) {
  const { outcome: _outcome, ...story } = oversees ? explanation(entry, receipt) : callerExplanation(entry, receipt);
  if (judged === undefined) return story;
  const [part] = judged.parts;
  return {
    ...story,
    summary:
      'It would be sent to the FHIR server. Each record of the answer is judged by its own patients and masked before it leaves.',
    ...(judged.shape === 'single' && part?.kind === 'permitted'
      ? {
          subjects: part.value.subjects,
          ...(part.value.isRaised === true ? { raised: 'The risk of the call asks for more masking.' } : {}),
          masking: maskingTold(
            part.value.mask,
            'type' in part.value.interaction ? part.value.interaction.type : undefined,
          ),
        }
      : {
          entries: judged.parts.map((each) =>
            each.kind === 'permitted'
              ? { decision: 'permit', subjects: each.value.subjects }
              : { decision: 'deny', code: each.problem.code },
          ),
        }),
  };
}
