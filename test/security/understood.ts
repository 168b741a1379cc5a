import { type ClassifyOptions, classify } from '../../src/domain/fhir/classify.ts';
import type { FhirInteraction } from '../../src/domain/fhir/interaction.ts';
import { toUpstream } from '../../src/domain/fhir/request.ts';

export interface Sent {
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** A string goes as it is; anything else as JSON. */
  readonly body?: unknown;
  readonly options?: Partial<ClassifyOptions>;
}

const bytesOf = (body: unknown): Uint8Array | undefined => {
  if (body === undefined || body instanceof Uint8Array) return body;
  return new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body));
};

const outcomeOf = (line: string, { headers = {}, body, options = {} }: Sent) => {
  const space = line.indexOf(' ');
  const media = body === undefined ? {} : { 'content-type': 'application/fhir+json' };
  return classify(
    {
      method: line.slice(0, space),
      target: line.slice(space + 1),
      headers: { ...media, ...headers },
      body: bytesOf(body),
    },
    options,
  );
};

/** The code of the refusal, or what the upstream would have received: a test that fails says what would have leaked. */
export const refusal = (line: string, sent: Sent = {}): string => {
  const outcome = outcomeOf(line, sent);
  if (!outcome.ok) return outcome.problem.code;
  const { method, path } = toUpstream(outcome.interaction);
  return `forwarded ${method} ${path}`;
};

/** The call in its normal form; throws when it is refused. */
export const understood = (line: string, sent: Sent = {}): FhirInteraction => {
  const outcome = outcomeOf(line, sent);
  if (!outcome.ok) throw new Error(`${line}: ${JSON.stringify(outcome.problem)}`);
  return outcome.interaction;
};

export const bundleOf = (type: string, ...entry: readonly unknown[]) => ({ resourceType: 'Bundle', type, entry });
