import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Principal } from '../domain/identity/principal.ts';
import type { Problem } from '../domain/problem.ts';
import type { Clock } from '../ports.ts';
import type { Admission, RateHeaders } from '../stages/admit.ts';

/** Thrown where a route asks who calls: the error handler answers with the row of the problem. */
export class NotAdmitted extends Error {
  override readonly name = 'NotAdmitted';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.code);
    this.problem = problem;
  }
}

/** The allowance of the FHIR API holds for the gateway's own API too: one count for both. */
export function admitRoutes(app: FastifyInstance, admitted: Admission, clock: Clock) {
  const told = new WeakMap<FastifyRequest, RateHeaders>();
  app.addHook('onSend', (request, reply, payload, done) => {
    const headers = told.get(request);
    if (headers !== undefined) reply.headers(headers);
    done(null, payload);
  });
  return (request: FastifyRequest, principal: Principal): void => {
    const { headers, problem } = admitted(principal, request.headers.origin, clock.now());
    told.set(request, headers);
    if (problem !== undefined) throw new NotAdmitted(problem);
  };
}
