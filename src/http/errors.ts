import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { operationOutcome } from '../domain/outcome.ts';
import { type ProblemCode, problem, problemRow } from '../domain/problem.ts';
import { NotAdmitted } from './admission.ts';

/** Fastify's own refusals as rows of our table; any other error is a programmer's and says nothing of itself. */
export function problemOf(error: { readonly code?: string; readonly statusCode?: number }): ProblemCode {
  if (error instanceof NotAdmitted) return error.problem.code;
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return 'body-too-large';
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return 'media-unsupported';
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_VALIDATION':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return 'query-ambiguous';
    default:
      return error.statusCode === 429 ? 'rate-limited' : 'stage-failed';
  }
}

/** Must be set before the proxy is mounted: a scope inherits only the handlers that stand when it is made. */
export function handleErrors(app: FastifyInstance, failed: (errorName: string) => void): void {
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const code = problemOf(error);
    if (code === 'stage-failed') failed(error.name);
    if (error instanceof NotAdmitted && error.problem.retryAfter !== undefined)
      reply.header('retry-after', String(error.problem.retryAfter));
    refuse(reply, code);
  });
  app.setNotFoundHandler((_request, reply) => refuse(reply, 'not-found'));
}

export function refuse(reply: FastifyReply, code: ProblemCode): void {
  void reply
    .code(problemRow(code).status)
    .header('cache-control', 'no-store')
    .type('application/fhir+json; charset=utf-8')
    .send(operationOutcome(problem(code)));
}
