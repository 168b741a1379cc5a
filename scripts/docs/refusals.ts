import type { ProblemCode } from '../../src/domain/problem.ts';

/** How each refusal is met in the sandbox. `GET /x` is below `/fhir`; words in italics are personas. */
export const inTheSandbox: Readonly<Partial<Record<ProblemCode, string>>> = {
  'interaction-unsupported': '_clinician_: `GET /Patient/patient-ada/$nosuch`',
  'query-ambiguous': '_clinician_: `GET /Observation?nosuch=1`; the parameter is in `issue.expression`',
  'body-invalid': '_clinician_: `POST /Observation` with a Patient as its body',
  'body-too-large':
    '_clinician_: `POST /Observation` with lists in lists, a hundred deep, or with more than `limits.bodyBytes`',
  'media-unsupported': '_clinician_: `POST /Observation` with `Content-Type: application/fhir+xml`',
  'format-unsupported': '_clinician_: `GET /Patient/patient-ada` with `Accept: application/fhir+xml`',
  'auth-token-missing': '`GET /Patient/patient-ada` without a token',
  'auth-token-invalid': '`GET /Patient/patient-ada` with `Authorization: Bearer x`',
  'auth-token-expired':
    'a token of `npx consentry token --persona clinician --ttl 1s`, a minute later: clocks may differ by some seconds',
  'auth-unavailable': 'a configuration whose `issuers[].jwksUri` leads nowhere, and a token of that issuer',
  'scope-insufficient': '_front-desk_: `GET /Condition?patient=patient-ada`',
  'origin-foreign': 'a client that `browserApps` lists, called with `Origin: https://elsewhere.example`',
  'subject-unknown': '_clinician_: `POST /Observation` with a `subject` that has an identifier and no reference',
  'consent-not-granted': '_clinician_: `GET /Patient/patient-noor`, or any id that is nobody’s',
  'consent-unverifiable':
    'end the chain (the `anvil` process), wait for `chain.maxHeadAgeSeconds`; _clinician_: `GET /Patient/patient-ada`',
  'consent-unrepresentable': '_patient_: `POST /Consent` with a scope that is not one of privacy or research',
  'consent-signature-invalid': '_patient_: `POST /api/v1/consents` with `signed` terms that nobody signed',
  'consent-unsigned': '_clinician_: `POST /Consent` for patient-ada',
  'relay-unavailable': 'a configuration without `chain.relayerKey`; _patient_: `POST /api/v1/consents`',
  'risk-step-up': 'a score from `stepUp` of policies/risk.yaml on: lower the bounds, then act as _suspicious_',
  'risk-blocked': '_suspicious_ reads one patient after another; the demo prints the call',
  'risk-unavailable':
    'a model whose score is no number does not load, so that only a fault of the engine shows this one',
  'policy-no-rule':
    '_clinician_ with the roles clinician and front-desk: `GET /Observation?patient=patient-ada`; the strictest mask holds',
  'policy-unavailable':
    'a gateway without a valid policy set does not start; this one guards the moment in which a set in force is lost',
  'policy-invalid': '_privacy-officer_: `POST /api/v1/policies/proposals` with a file that is no policy',
  'policy-overtaken': 'an approval of a proposal that was made before the policies in force changed',
  'policy-own-approval': '_privacy-officer_ approves a proposal of their own',
  'masked-parameter': '_clinician_: `GET /Patient?identifier=http://hl7.org/fhir/sid/us-ssn|965-47-3343`',
  'write-masked':
    '_clinician_: `PUT /Patient/patient-ada` with a changed social security number and the ETag that was read',
  'precondition-required': '_clinician_: `PUT /Patient/patient-ada` without `If-Match`',
  'precondition-failed': '_clinician_: `PUT /Patient/patient-ada` with `If-Match` of an older version',
  'not-found': '_clinician_: `GET /Organization/nosuch`',
  'page-expired': 'a paging link an hour later (`limits.pageSeconds`)',
  'page-foreign': 'a paging link of _clinician_, followed by _patient_',
  'export-gone': '_researcher_: `GET /$export?_type=Patient`, `DELETE` on its status address, then `GET` on it',
  'upstream-refused': '_clinician_: `POST /Observation` for patient-ada with an element that FHIR does not have',
  'upstream-unreachable': 'a configuration whose `upstream.url` leads to a port where nothing listens',
  'upstream-timeout': 'a configuration with `upstream.timeoutMs: 1`',
  'upstream-malformed': 'an upstream that answers a read with another resource',
  'upstream-error': 'an upstream that answers 500',
  'content-unmaskable': 'an upstream that answers with HTML',
  'legal-hold': '_privacy-officer_: `POST /api/v1/legal-holds`, then `POST /api/v1/erasures` for the same patient',
  retention: '_privacy-officer_: `POST /api/v1/retention` with the origin of the log that is written to, twice',
  'record-altered': 'a record that was changed behind the gateway, with `records.altered` set to refuse',
  'ledger-unavailable': 'make the folder of the ledger read-only, or fill its disk',
  'rate-limited': '`limits.rate: {requests: 3}`, and four calls',
  'too-costly': '`bulk.fileBytes: 1024`; _researcher_ fetches a file of an export',
  'promotion-refused':
    '_privacy-officer_ puts a challenger in force before it ran in the shadow for the days that policies/risk.yaml asks for',
  'review-refused': '_privacy-officer_ reviews an access of their own',
  'stage-failed': 'only a mistake in the gateway itself shows this one; report it',
};
