import { hash } from 'node:crypto';
import { problem } from '../domain/problem.ts';
import type { IdentityVerifier } from '../ports.ts';
import type { Authenticated, Classified } from './exchange.ts';
import { deny, proceed, type Stage, type Verdict } from './stage.ts';

/** RFC 6750 section 2.1: the Authorization header only. A token in the query would be in every log on the way. */
const bearer = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

export function authenticate(verifier: IdentityVerifier): Stage<Classified, Authenticated> {
  return {
    name: 'authenticate',
    failure: 'auth-unavailable',
    budgetMs: 5000,
    run(input, context) {
      const { authorization } = input.headers;
      if (authorization === undefined)
        return deny('auth-token-missing', { rule: 'bearer', text: 'The call carries no access token.' });
      const token = typeof authorization === 'string' ? bearer.exec(authorization)?.[1] : undefined;
      if (token === undefined)
        return deny('auth-token-invalid', {
          rule: 'bearer',
          text: 'The Authorization header is not one bearer token.',
        });
      const settle = (result: Awaited<ReturnType<IdentityVerifier['verify']>>): Verdict<Authenticated> => {
        if ('code' in result)
          return deny(problem(result.code), { rule: result.code, text: 'The access token was not accepted.' });
        return introduce(input, result);
      };
      const verified = verifier.verify(token, context.now, context.signal);
      return verified instanceof Promise ? verified.then(settle) : settle(verified);
    },
  };
}

/** The call as this principal's: links of others are not theirs to follow. */
export function introduce(input: Classified, principal: Authenticated['principal']): Verdict<Authenticated> {
  if (input.page !== undefined && input.page.caller !== callerDigest(principal))
    return deny('page-foreign', { rule: 'page-caller', text: 'The page was made for another caller.' });
  if (input.job !== undefined && input.job.job.caller !== callerDigest(principal))
    return deny('page-foreign', { rule: 'export-caller', text: 'The export is that of another caller.' });
  return proceed({ ...input, principal });
}

/** Who a paging or export link belongs to: the same user, at the same client, for the same purpose and roles. */
export const callerDigest = ({
  issuer,
  user,
  client,
  purpose,
  launchPatient,
  roles,
}: Authenticated['principal']): string =>
  hash('sha256', [issuer, user, client, purpose, launchPatient ?? '', ...roles].join('\n'), 'base64url');
