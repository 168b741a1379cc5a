import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import type { DataClassifier } from '../domain/consent/classifier.ts';
import { readDocuments } from '../domain/consent/consent-documents.ts';
import { answerRequests } from '../domain/consent/decide-fhir.ts';
import type { FhirDecision } from '../domain/consent/fhir-decide.ts';
import { UsageError } from './config.ts';

export interface DecideTools {
  /** The value sets of the installed policies: they label a resource by its codes. */
  classifier(): Promise<DataClassifier>;
  /** Milliseconds; stands in for a request without a time. */
  now(): number;
}

interface DecideOptions {
  readonly consents: readonly string[];
  readonly request: string;
  readonly json?: boolean;
  readonly exitCode?: boolean;
}

const readable = (path: string): Uint8Array => {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch {
    throw new UsageError(`The file ${path} cannot be read. Check the path and the permissions.`);
  }
};

const filesOf = (path: string): readonly string[] => {
  if (path === '-' || !statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => /\.(json|ndjson)$/i.test(name))
    .toSorted()
    .map((name) => join(path, name));
};

const words = { permit: 'Permit', deny: 'Deny', 'no-consent': 'No consent' } as const;

const tell = (decision: FhirDecision): string =>
  [
    `${words[decision.decision]}.`,
    ...decision.reasons.map(({ rule, text }) => `  ${text} (${rule})`),
    ...decision.obligations.map(
      ({ rule, parameters }) => `  Leave out what carries ${JSON.stringify(parameters)} (${rule})`,
    ),
  ].join('\n');

const unreadable = (fault: string): FhirDecision => ({
  decision: 'deny',
  obligations: [],
  reasons: [{ rule: 'request', text: fault }],
});

/** `consentry decide`: what FHIR Consents (R4 or R5) say to a request, without a gateway or a chain. */
export function decideCommand(tools: DecideTools): Command {
  return new Command('decide')
    .description('evaluate FHIR Consents (R4 or R5) for one request, offline')
    .requiredOption(
      '--consents <file...>',
      'Consent, Bundle, array or NDJSON; several files, or a folder; they may hold Groups, CareTeams and PractitionerRoles too',
    )
    .requiredOption(
      '--request <file>',
      '{patient, actor, roles, organization, purpose, action, resource, time}, or an array of such; - reads standard input',
    )
    .option('--json', 'print {decision, obligations, reasons} as one JSON object')
    .option('--exit-code', 'exit with 1 unless the decision is permit')
    .action(async (options: DecideOptions) => {
      const request = readable(options.request);
      const documents = readDocuments(options.consents.flatMap(filesOf).map(readable));
      const { many, answers } = answerRequests(documents, request, await tools.classifier(), tools.now());
      const faults = answers.flatMap((answer, index) =>
        answer.ok ? [] : [many ? `Request ${index + 1}: ${answer.fault}` : answer.fault],
      );
      if (faults.length > 0 && options.json !== true) throw new UsageError(faults.join('\n'));
      const decisions = answers.map((answer) => (answer.ok ? answer.decision : unreadable(answer.fault)));
      if (options.json === true) console.log(JSON.stringify(many ? decisions : decisions[0]));
      else for (const decision of decisions) console.log(tell(decision));
      if (options.exitCode === true && decisions.some(({ decision }) => decision !== 'permit')) process.exitCode = 1;
      // Who reads the JSON reads a deny; who reads the exit code sees that the request was none.
      if (faults.length > 0) {
        console.error(faults.join('\n'));
        process.exitCode = 2;
      }
    });
}
