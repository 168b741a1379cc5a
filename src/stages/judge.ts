import { bundleReferences } from '../domain/fhir/bundle-references.ts';
import type { FhirInteraction } from '../domain/fhir/interaction.ts';
import type { Bases } from '../domain/fhir/references.ts';
import { type Problem, problem } from '../domain/problem.ts';
import type { Authenticated, Planned } from './exchange.ts';
import { type Pipeline, proceed, type StageContext, type Verdict } from './stage.ts';

/** One interaction after the stages: cleared to go, or refused. */
export type Part =
  | { readonly kind: 'permitted'; readonly value: Planned }
  | { readonly kind: 'refused'; readonly problem: Problem };

/** The whole call after the stages. A single request is a list of one. */
export interface Judged {
  readonly exchange: Authenticated;
  readonly shape: 'single' | 'batch' | 'transaction';
  readonly parts: readonly Part[];
}

/** Judges each interaction of the call as if it were sent alone; a transaction is all or nothing. */
export async function judgeEach(
  stages: Pipeline<Authenticated, Planned>,
  exchange: Authenticated,
  bases: Bases,
  context: StageContext,
): Promise<Verdict<Judged>> {
  const { interaction } = exchange;
  if (interaction.kind !== 'batch' && interaction.kind !== 'transaction') {
    const verdict = await stages.run(exchange, context);
    if (verdict.kind === 'deny') return verdict;
    return proceed({ exchange, shape: 'single', parts: [{ kind: 'permitted', value: verdict.value }] });
  }
  // Servers resolve references among the entries of a transaction only.
  const resolve =
    interaction.kind === 'transaction' ? bundleReferences(interaction.body, 0, bases, 'request') : undefined;
  const parts: Part[] = [];
  for (const { index, problem: refusal } of interaction.refused ?? [])
    parts[index] = { kind: 'refused', problem: refusal };
  for (const entry of interaction.entries) {
    const verdict = await stages.run(
      {
        ...exchange,
        interaction: entry.interaction,
        ...(resolve === undefined ? {} : { resolve }),
        ...(entry.fullUrl === undefined ? {} : { fullUrl: entry.fullUrl }),
      },
      context,
    );
    if (verdict.kind === 'continue') {
      parts[entry.index] = { kind: 'permitted', value: verdict.value };
      continue;
    }
    if (interaction.kind === 'transaction') {
      return { ...verdict, problem: withEntry(verdict.problem, entry.index) };
    }
    parts[entry.index] = { kind: 'refused', problem: verdict.problem };
  }
  return proceed({ exchange, shape: interaction.kind, parts });
}

const withEntry = (refusal: Problem, index: number): Problem =>
  problem(refusal.code, {
    ...(refusal.scope === undefined ? {} : { scope: refusal.scope }),
    expression: [`Bundle.entry[${index}]`],
  });

const writes: ReadonlySet<FhirInteraction['kind']> = new Set(['create', 'update', 'patch', 'delete']);

/** Writes leave a durable intent in the ledger before the upstream sees them. */
export const isWrite = (interaction: FhirInteraction): boolean =>
  interaction.kind === 'batch' || interaction.kind === 'transaction'
    ? interaction.entries.some((entry) => isWrite(entry.interaction))
    : writes.has(interaction.kind);
