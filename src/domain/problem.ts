/** The one table of refusals: a row gives the HTTP status, the FHIR issue code, one plain sentence and who can mend it. */
interface Row {
  readonly status: number;
  readonly issue: string;
  readonly text: string;
  readonly fix: 'client' | 'patient' | 'privacy officer' | 'operator';
  readonly retryable?: boolean;
}

const rows = {
  'interaction-unsupported': {
    status: 405,
    issue: 'not-supported',
    text: 'This gateway does not serve this kind of call.',
    fix: 'client',
  },
  'query-ambiguous': {
    status: 400,
    issue: 'invalid',
    text: 'The request can be read in more than one way, or not at all; send it in its plain form.',
    fix: 'client',
  },
  'body-invalid': {
    status: 400,
    issue: 'structure',
    text: 'The body is not a FHIR JSON resource that fits this call.',
    fix: 'client',
  },
  'body-too-large': {
    status: 413,
    issue: 'too-long',
    text: 'The body is larger, deeper or has more entries than this gateway accepts.',
    fix: 'client',
  },
  'media-unsupported': {
    status: 415,
    issue: 'not-supported',
    text: 'Send FHIR JSON (application/fhir+json), JSON Patch (application/json-patch+json) or, to _search, a form (application/x-www-form-urlencoded).',
    fix: 'client',
  },
  'format-unsupported': {
    status: 406,
    issue: 'not-supported',
    text: 'This gateway answers in FHIR JSON only.',
    fix: 'client',
  },
  'auth-token-missing': {
    status: 401,
    issue: 'login',
    text: 'Send an access token in the Authorization header.',
    fix: 'client',
  },
  'auth-token-invalid': {
    status: 401,
    issue: 'login',
    text: 'The access token is not valid for this gateway.',
    fix: 'client',
  },
  'auth-token-expired': {
    status: 401,
    issue: 'expired',
    text: 'The access token has expired; get a new one.',
    fix: 'client',
  },
  'auth-unavailable': {
    status: 503,
    issue: 'transient',
    text: 'The keys of the token issuer cannot be had at the moment.',
    fix: 'operator',
    retryable: true,
  },
  'scope-insufficient': {
    status: 403,
    issue: 'forbidden',
    text: 'The scopes and the role of this token do not allow this call.',
    fix: 'client',
  },
  'origin-foreign': {
    status: 403,
    issue: 'forbidden',
    text: 'This app may not be called from the page that called it.',
    fix: 'operator',
  },
  'subject-unknown': {
    status: 403,
    issue: 'forbidden',
    text: 'No consent on record allows this access.',
    fix: 'patient',
  },
  'consent-not-granted': {
    status: 403,
    issue: 'forbidden',
    text: 'No consent on record allows this access.',
    fix: 'patient',
  },
  'consent-unverifiable': {
    status: 503,
    issue: 'transient',
    text: 'Consent cannot be verified at the moment; nothing was sent.',
    fix: 'operator',
    retryable: true,
  },
  'consent-unrepresentable': {
    status: 422,
    issue: 'not-supported',
    text: 'The consent cannot be held exactly on chain, so it was not taken.',
    fix: 'client',
  },
  'consent-signature-invalid': {
    status: 403,
    issue: 'forbidden',
    text: 'The signature is not that of the patient or of a delegate who may do this.',
    fix: 'client',
  },
  'consent-unsigned': {
    status: 403,
    issue: 'forbidden',
    text: 'A consent takes effect only when the patient or a delegate signs it.',
    fix: 'client',
  },
  'relay-unavailable': {
    status: 503,
    issue: 'transient',
    text: 'Signed consents cannot be brought to the chain at the moment.',
    fix: 'operator',
    retryable: true,
  },
  'risk-step-up': { status: 401, issue: 'login', text: 'This access needs a fresh, stronger log-in.', fix: 'client' },
  'risk-blocked': {
    status: 403,
    issue: 'forbidden',
    text: 'This access was stopped for review.',
    fix: 'privacy officer',
  },
  'risk-unavailable': {
    status: 503,
    issue: 'transient',
    text: 'The call cannot be assessed at the moment; nothing was sent.',
    fix: 'operator',
    retryable: true,
  },
  'review-refused': {
    status: 409,
    issue: 'business-rule',
    text: 'This decision about a case was not taken.',
    fix: 'privacy officer',
  },
  'promotion-refused': {
    status: 409,
    issue: 'business-rule',
    text: 'The risk models in use were not changed.',
    fix: 'privacy officer',
  },
  'policy-no-rule': {
    status: 403,
    issue: 'forbidden',
    text: 'No masking policy covers this role, purpose and resource type.',
    fix: 'privacy officer',
  },
  'policy-unavailable': {
    status: 503,
    issue: 'transient',
    text: 'No valid policy set is loaded; nothing was sent.',
    fix: 'operator',
    retryable: true,
  },
  'policy-invalid': {
    status: 422,
    issue: 'invalid',
    text: 'The policies do not load, or a test of theirs is red; nothing was changed.',
    fix: 'privacy officer',
  },
  'policy-overtaken': {
    status: 409,
    issue: 'conflict',
    text: 'The change is not open any more, or the policies have changed since it was proposed.',
    fix: 'privacy officer',
  },
  'policy-read-only': {
    status: 409,
    issue: 'conflict',
    text: 'The gateway may not write its policies; they are changed where their files are kept.',
    fix: 'operator',
  },
  'policy-own-approval': {
    status: 403,
    issue: 'forbidden',
    text: 'A change is approved by somebody else than its proposer, and by each person once.',
    fix: 'privacy officer',
  },
  'masked-parameter': {
    status: 403,
    issue: 'forbidden',
    text: 'A search or sort criterion uses an element that is masked for this role; leave it out, or name the system of an identifier (system|value) that is not masked.',
    fix: 'client',
  },
  'write-masked': {
    status: 422,
    issue: 'business-rule',
    text: 'The change touches an element that is masked for this role, or cannot be made on what this role sees; leave masked elements as they are, or send the update with PUT.',
    fix: 'client',
  },
  'cohort-refused': {
    status: 403,
    issue: 'suppressed',
    text: 'With what was told before, these counts would tell of too few people, or too many have been asked for.',
    fix: 'privacy officer',
  },
  'precondition-required': {
    status: 428,
    issue: 'conflict',
    text: 'Send If-Match with the ETag of the version that was read.',
    fix: 'client',
  },
  'precondition-failed': {
    status: 412,
    issue: 'conflict',
    text: 'The resource has changed since it was read, or criteria that must find one resource do not; read again.',
    fix: 'client',
  },
  'not-found': { status: 404, issue: 'not-found', text: 'There is no such resource.', fix: 'client' },
  'page-expired': { status: 410, issue: 'not-found', text: 'This page has expired; repeat the search.', fix: 'client' },
  'page-foreign': {
    status: 403,
    issue: 'forbidden',
    text: 'This link belongs to another caller or query.',
    fix: 'client',
  },
  'export-gone': {
    status: 410,
    issue: 'not-found',
    text: 'This export is over or was given up; start it again.',
    fix: 'client',
  },
  'upstream-refused': {
    status: 422,
    issue: 'processing',
    text: 'The FHIR server behind the gateway did not accept the request: a parameter that it does not know, or a value or body that does not fit; /metadata lists what it serves.',
    fix: 'client',
  },
  'upstream-unreachable': {
    status: 502,
    issue: 'transient',
    text: 'The FHIR server cannot be reached.',
    fix: 'operator',
    retryable: true,
  },
  'upstream-timeout': {
    status: 504,
    issue: 'timeout',
    text: 'The FHIR server did not answer in time.',
    fix: 'operator',
    retryable: true,
  },
  'upstream-malformed': {
    status: 502,
    issue: 'exception',
    text: 'The FHIR server sent an answer that is not FHIR JSON.',
    fix: 'operator',
  },
  'upstream-error': {
    status: 502,
    issue: 'exception',
    text: 'The FHIR server failed to answer.',
    fix: 'operator',
    retryable: true,
  },
  'content-unmaskable': {
    status: 502,
    issue: 'not-supported',
    text: 'The answer holds content that cannot be masked; nothing was sent.',
    fix: 'operator',
  },
  'legal-hold': {
    status: 409,
    issue: 'business-rule',
    text: 'A legal hold stands: what is known of this patient must be kept.',
    fix: 'privacy officer',
  },
  retention: {
    status: 409,
    issue: 'business-rule',
    text: 'This log must be kept.',
    fix: 'privacy officer',
  },
  'record-altered': {
    status: 502,
    issue: 'suppressed',
    text: 'The FHIR server holds something else than what was recorded for this version; it is held back until somebody has looked.',
    fix: 'privacy officer',
  },
  'ledger-unavailable': {
    status: 503,
    issue: 'no-store',
    text: 'The access cannot be recorded at the moment; nothing was sent.',
    fix: 'operator',
    retryable: true,
  },
  'rate-limited': {
    status: 429,
    issue: 'throttled',
    text: 'Too many calls; wait and try again.',
    fix: 'client',
    retryable: true,
  },
  'too-costly': {
    status: 403,
    issue: 'too-costly',
    text: 'The call asks for more than this gateway releases at once.',
    fix: 'client',
  },
  'stage-failed': {
    status: 500,
    issue: 'exception',
    text: 'The gateway failed to judge the call; nothing was sent.',
    fix: 'operator',
  },
} as const satisfies Record<string, Row>;

export type ProblemCode = keyof typeof rows;

/** A refusal. `expression` names only parameters or paths that the caller sent; `scope` the scope that would suffice; `retryAfter` seconds. */
export interface Problem {
  readonly code: ProblemCode;
  readonly expression?: readonly string[];
  readonly scope?: string;
  readonly retryAfter?: number;
}

export const problem = (code: ProblemCode, more: Omit<Problem, 'code'> = {}): Problem => ({ code, ...more });

export const problemRow = (code: ProblemCode): Row => rows[code];

export const problemCodes = Object.keys(rows) as readonly ProblemCode[];
