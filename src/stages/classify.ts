import type { ClassifyOptions } from '../domain/fhir/call.ts';
import { classify as classifyCall, classifySteps } from '../domain/fhir/classify.ts';
import type { FhirInteraction } from '../domain/fhir/interaction.ts';
import { defaultLimits } from '../domain/json/fault.ts';
import type { LargeDocuments } from '../ports.ts';
import type { JobBook } from './bulk/jobs.ts';
import type { Classified, Received } from './exchange.ts';
import type { PageBook } from './release/pages.ts';
import { deny, proceed, type Stage, type StageContext, type Verdict } from './stage.ts';
import { inSlices } from './steps.ts';

/** Turns the raw request into one normal form. What cannot be understood is refused; nothing raw goes further. */
export function classify(
  options: Partial<ClassifyOptions>,
  pages: PageBook,
  jobs: Pick<JobBook, 'open'>,
  documents: LargeDocuments,
): Stage<Received, Classified> {
  const limits = options.json ?? defaultLimits;
  return {
    name: 'classify',
    failure: 'query-ambiguous',
    // Only a large body takes longer than no time; how long it may take, its reader says.
    budgetMs: 60_000,
    run(input, context) {
      const ahead = input.body === undefined ? undefined : documents.ahead(input.body, limits);
      return ahead === undefined
        ? understand(input, classifyCall(input, options), context)
        : ahead.then(
            async (body) =>
              understand({ ...input, body }, await inSlices(classifySteps({ ...input, body }, options)), context),
            (error: unknown) => {
              context.telemetry.failed('large-body', error instanceof Error ? error.name : typeof error);
              return deny('stage-failed', { rule: 'body-unread', text: 'The body could not be read.' });
            },
          );
    },
  };

  function understand(
    input: Received,
    read: ReturnType<typeof classifyCall>,
    context: StageContext,
  ): Verdict<Classified> {
    if (!read.ok)
      return deny(read.problem, {
        rule: read.problem.code,
        text: 'The request has no normal form that this gateway judges.',
      });
    const { interaction } = read;
    if (interaction.kind !== 'search' || interaction.query.page === undefined) {
      return proceed({ ...input, interaction }, { rule: interaction.kind, text: `Understood as ${interaction.kind}.` });
    }
    if (interaction.job !== undefined) {
      const job = jobs.open(interaction.query.page, context.now);
      if (job === 'expired')
        return deny('export-gone', { rule: 'export-expired', text: 'The export is older than it may be.' });
      if (job === 'unknown')
        return deny('page-foreign', { rule: 'export-unknown', text: 'The link was not made by this gateway.' });
      // The kick-off is judged again on each use, under the policy and consent of now.
      const kickOff = classifyCall({ method: 'GET', target: job.target, headers: {}, body: undefined }, options);
      return kickOff.ok
        ? proceed(
            { ...input, interaction: kickOff.interaction, job: { action: interaction.job, job } },
            { rule: `export-${job.place.kind}`, text: 'Understood as a step of a bulk export.' },
          )
        : deny(kickOff.problem, { rule: 'export-query', text: 'The export is not understood any more.' });
    }
    const page = pages.open(interaction.query.page, context.now);
    if (page === 'expired')
      return deny('page-expired', { rule: 'page-expired', text: 'The paging link is older than it may be.' });
    if (page === 'unknown')
      return deny('page-foreign', { rule: 'page-unknown', text: 'The paging link was not made by this gateway.' });
    // The first query is judged again on each page, under the policy and consent of now.
    const first = classifyCall(
      { method: 'GET', target: page.target, headers: input.headers, body: undefined },
      options,
    );
    if (!first.ok)
      return deny(first.problem, {
        rule: 'page-query',
        text: 'The query of the paging link is not understood any more.',
      });
    const { upstream, skip, caller } = page;
    const again: FhirInteraction =
      page.form && first.interaction.kind === 'search' ? { ...first.interaction, form: true } : first.interaction;
    return proceed(
      { ...input, interaction: again, page: { upstream, skip, caller } },
      { rule: 'page', text: 'Understood as a further page of a search.' },
    );
  }
}
