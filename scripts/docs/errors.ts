import { problemSystem } from '../../src/domain/outcome.ts';
import { problemCodes, problemRow } from '../../src/domain/problem.ts';
import { inTheSandbox } from './refusals.ts';

/** Who can mend it, and what they do. */
const mending = {
  client: 'the caller: change the request, the token or the log-in',
  patient: 'the patient: grant or widen consent',
  'privacy officer': 'the privacy officer: review the case, or cover it by a policy',
  operator: 'the operator of the gateway',
} as const;

export function errorsPage(): string {
  const rows = problemCodes.map((code) => {
    const { status, issue, text, fix, retryable } = problemRow(code);
    return [
      `## ${code}`,
      '',
      text,
      '',
      `- HTTP status: ${status}`,
      `- FHIR issue code: \`${issue}\``,
      `- Who can mend it: ${mending[fix]}`,
      ...(inTheSandbox[code] === undefined ? [] : [`- In the sandbox: ${inTheSandbox[code]}`]),
      `- Trying again: ${retryable === true ? 'may help; wait for the seconds in `Retry-After`' : 'does not help by itself'}`,
      '',
    ].join('\n');
  });
  return `<!-- Written by scripts/generate-docs.ts from src/domain/problem.ts. Do not edit. -->

# Errors

Every refusal is a FHIR \`OperationOutcome\` with one issue. \`issue.details.coding\` holds one of the codes below, of the code system
\`${problemSystem}\` ([as a FHIR resource](codesystem-problem.json)); \`issue.expression\` names parameters or paths
that the caller sent, and never a value of a record. The number of the request is in the \`X-Request-Id\` header, not in the body: two refusals
for different patients are equal byte for byte. For the reasons behind a refusal, stage by stage:

\`\`\`
npx consentry explain REQUEST_ID
\`\`\`

Every one can be met in the sandbox ([sandbox.md](sandbox.md)): calls are below \`/fhir\`, and words in italics are personas.

| code | status | what it says |
| --- | --- | --- |
${problemCodes.map((code) => `| [${code}](#${code}) | ${problemRow(code).status} | ${problemRow(code).text} |`).join('\n')}

${rows.join('\n')}`;
}

/** The code system that the codings of the refusals name, for terminology servers and code generators. */
export function problemCodeSystem() {
  return {
    resourceType: 'CodeSystem',
    id: 'problem',
    url: problemSystem,
    version: '0.1.0',
    name: 'ConsentryProblem',
    title: 'Refusals of the Consentry gateway',
    status: 'active',
    experimental: false,
    caseSensitive: true,
    content: 'complete',
    count: problemCodes.length,
    property: [
      { code: 'http-status', description: 'Status of the HTTP answer.', type: 'integer' },
      { code: 'issue', description: 'Code of OperationOutcome.issue.', type: 'code' },
      { code: 'mended-by', description: 'Who can mend it.', type: 'string' },
      { code: 'retryable', description: 'Whether the same request may succeed later.', type: 'boolean' },
    ],
    concept: problemCodes.map((code) => {
      const { status, issue, text, fix, retryable } = problemRow(code);
      return {
        code,
        display: text,
        property: [
          { code: 'http-status', valueInteger: status },
          { code: 'issue', valueCode: issue },
          { code: 'mended-by', valueString: fix },
          { code: 'retryable', valueBoolean: retryable === true },
        ],
      };
    }),
  };
}
