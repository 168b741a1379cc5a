import type { FhirInteraction, PatientId } from '../domain/fhir/interaction.ts';
import type { Bases } from '../domain/fhir/references.ts';
import { requestReferences } from '../domain/fhir/request-references.ts';
import { type Problem, problem } from '../domain/problem.ts';
import type { Authenticated, Authorised, Planned } from './exchange.ts';
import type { OwnResources } from './own.ts';
import { deny, type Pipeline, proceed, type StageContext, type Verdict } from './stage.ts';
import { pacer } from './steps.ts';

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

export interface Judge {
  /** As far as it takes to know which resource each entry means: the entries of a transaction refer to each other. */
  readonly settle: Pipeline<Authenticated, Authorised>;
  readonly judge: Pipeline<Authorised, Planned>;
  readonly refusesInBatch: OwnResources['refusesInBatch'];
  /** Told of each entry of a batch that was refused, and of the patients that it named for the first time in the call. */
  readonly refused: (entry: Authenticated, patients: readonly PatientId[], context: StageContext) => void;
}

/** Judges each interaction of the call as if it were sent alone; a transaction is all or nothing. */
export async function judgeEach(
  { settle, judge, refusesInBatch, refused }: Judge,
  exchange: Authenticated,
  bases: Bases,
  context: StageContext,
): Promise<Verdict<Judged>> {
  const { interaction } = exchange;
  if (interaction.kind !== 'batch' && interaction.kind !== 'transaction') {
    const settled = await settle.run(exchange, context);
    const verdict = settled.kind === 'deny' ? settled : await judge.run(settled.value, context);
    if (verdict.kind === 'deny') return verdict;
    return proceed({ exchange, shape: 'single', parts: [{ kind: 'permitted', value: verdict.value }] });
  }
  const whole = interaction.kind === 'transaction';
  const parts: Part[] = [];
  for (const { index, problem: refusal } of interaction.refused ?? [])
    parts[index] = { kind: 'refused', problem: refusal };
  const settled = new Map<number, Authorised>();
  const pause = pacer();
  for (const { index, interaction: entry, fullUrl } of interaction.entries) {
    await pause();
    const alone = refusesInBatch(entry);
    const verdict =
      alone === undefined
        ? await settle.run(
            // Servers resolve references among the entries of a transaction only.
            {
              ...exchange,
              interaction: entry,
              batch: interaction,
              ...(fullUrl === undefined || !whole ? {} : { fullUrl }),
            },
            context,
          )
        : deny(alone, { rule: 'own', text: 'What the gateway keeps itself is asked for alone.' });
    if (verdict.kind === 'continue') settled.set(index, verdict.value);
    else if (whole) return { ...verdict, problem: withEntry(verdict.problem, index) };
    else parts[index] = { kind: 'refused', problem: verdict.problem };
  }
  const resolve = whole ? requestReferences([...settled.values()], bases) : undefined;
  for (const [index, entry] of settled) {
    await pause();
    const named = context.named.size;
    const verdict = await judge.run(resolve === undefined ? entry : { ...entry, resolve }, context);
    if (verdict.kind === 'continue') parts[index] = { kind: 'permitted', value: verdict.value };
    else if (whole) return { ...verdict, problem: withEntry(verdict.problem, index) };
    else {
      parts[index] = { kind: 'refused', problem: verdict.problem };
      // What was assessed has been counted by that.
      if (context.story.at(-1)?.stage === 'locate' || context.story.at(-1)?.stage === 'consent')
        refused(entry, [...context.named].slice(named), context);
    }
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
