import type { PatientId } from '../domain/fhir/interaction.ts';
import type { LedgerEntry } from '../domain/ledger/entry.ts';
import { worstOf } from '../domain/ledger/record-integrity.ts';
import { type Problem, problem, problemRow } from '../domain/problem.ts';
import type { Steps } from '../domain/steps.ts';
import type { UpstreamResponse } from '../domain/upstream.ts';
import type { BodyStream } from './answer.ts';
import { isDone } from './clear.ts';
import type { Judged } from './judge.ts';
import { emptyTally, join, type Tally } from './release/bundle.ts';
import { type Beside, type GatherParts, gathered, isWanting } from './release/gather.ts';
import { refusalOf } from './release/refusal.ts';
import { entryReplies, type Reply, replyOf } from './release/reply.ts';
import { entryOf, isValidation, type Share, type ShareParts, sharing } from './release/share.ts';
import { deny, proceed, type StageContext, type Verdict } from './stage.ts';
import { inSlices } from './steps.ts';

/** What one ledger entry says of what was released. */
export interface Disclosed {
  readonly patients: ReadonlySet<PatientId>;
  readonly resources: readonly string[];
  readonly rules: ReadonlySet<string>;
  readonly returned: number;
  readonly withheld: number;
  readonly masked: number;
  readonly consent?: NonNullable<LedgerEntry['consent']>;
}

/** The answer as it may leave, and the facts about it for the ledger and the risk engine. */
export interface Released extends Disclosed {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | BodyStream;
  /** Of an answer with more resources than one entry holds: what each entry says, in order. */
  readonly disclosures?: AsyncIterable<Disclosed>;
}

export interface Release {
  /** `response` is absent when nothing was forwarded: every entry of a batch was refused. */
  release(
    judged: Judged,
    response: UpstreamResponse | undefined,
    context: StageContext,
  ): Verdict<Released> | Promise<Verdict<Released>>;
}

export interface ReleaseParts extends ShareParts, GatherParts {}

const fhirJson = 'application/fhir+json; charset=utf-8';
const encoder = new TextEncoder();

/** One attempt at an answer, and what was counted on the way. Nothing of it is told to anybody before it is the last. */
interface Attempt {
  readonly verdict: Verdict<Released>;
  readonly tally: Tally;
}

export function release(parts: ReleaseParts): Release {
  const shareOf = sharing(parts);

  return {
    release(judged, response, context) {
      const begun = performance.now();
      const finish = ({ verdict, tally }: Attempt): Verdict<Released> => {
        for (const effect of tally.effects) effect();
        // An alarm for the operator: the FHIR server does not do what it is asked.
        if (tally.strayed > 0) context.telemetry.failed('upstream', 'CriterionIgnored');
        for (const reason of verdict.reasons) context.story.push({ stage: 'release', ...reason });
        context.telemetry.stage(
          'release',
          verdict.kind === 'deny' ? verdict.problem.code : 'continue',
          performance.now() - begun,
        );
        return verdict;
      };
      const completed = (first: Attempt): Verdict<Released> | Promise<Verdict<Released>> =>
        isWanting(first.tally)
          ? gathered(parts, first, (beside) => inSlices(attempt(judged, response, beside, context)), context)
              .catch((error: unknown) => failed(error, context))
              .then(finish)
          : finish(first);
      const first = inSlices(attempt(judged, response, { listings: new Map() }, context));
      return first instanceof Promise ? first.then(completed) : completed(first);
    },
  };

  function* attempt(
    judged: Judged,
    response: UpstreamResponse | undefined,
    beside: Beside,
    context: StageContext,
  ): Steps<Attempt> {
    const tally = emptyTally();
    try {
      const answer = judged.shape === 'single' ? single : batch;
      return { verdict: yield* answer(judged, response, tally, beside), tally };
    } catch (error) {
      return failed(error, context);
    }
  }

  function failed(error: unknown, context: StageContext): Attempt {
    const name = error instanceof Error ? error.name : typeof error;
    context.telemetry.failed('release', name);
    const text = `The stage release failed (${name}) and refuses.`;
    return { verdict: deny('stage-failed', { rule: 'release-failed', text }), tally: emptyTally() };
  }

  function* single(
    judged: Judged,
    response: UpstreamResponse | undefined,
    tally: Tally,
    beside: Beside,
  ): Steps<Verdict<Released>> {
    const [part] = judged.parts;
    if (part?.kind !== 'permitted') return deny('stage-failed');
    if (isDone(part.value)) return proceed({ ...told(tally, judged), status: 204, headers: {} }, nothingLeft);
    if (response === undefined) return deny('stage-failed');
    if (response.kind === 'fault')
      return deny(response.code, { rule: response.code, text: problemRow(response.code).text });
    const read = replyOf(response, parts.limits, isValidation(part.value));
    if ('code' in read) return deny(read.code, { rule: read.code, text: read.text });
    const share = yield* shareOf(part.value, read, tally, beside);
    if ('code' in share) return deny(share, { rule: share.code, text: problemRow(share.code).text });
    const headers: Record<string, string> = {};
    if (share.body !== undefined) headers['content-type'] = fhirJson;
    if (share.etag !== undefined) headers.etag = share.etag;
    if (share.location !== undefined) headers.location = share.location;
    if (share.lastModified !== undefined) headers['last-modified'] = share.lastModified;
    const integrity = worstOf(tally.integrity);
    if (integrity !== undefined) headers['x-record-integrity'] = integrity;
    const { interaction } = part.value;
    const bodiless = 'head' in interaction && interaction.head;
    return proceed(
      {
        ...told(tally, judged),
        status: share.status,
        headers,
        ...(share.body === undefined || bodiless ? {} : { body: share.body }),
      },
      { rule: part.value.plan.id, text: summary(tally) },
    );
  }

  function* batch(
    judged: Judged,
    response: UpstreamResponse | undefined,
    tally: Tally,
    beside: Beside,
  ): Steps<Verdict<Released>> {
    let replies: Reply[] = [];
    if (response !== undefined) {
      if (response.kind === 'fault')
        return deny(response.code, { rule: response.code, text: problemRow(response.code).text });
      if (response.status >= 400)
        return deny(refusalOf(response.status), {
          rule: 'upstream-status',
          text: 'The FHIR server refused the whole Bundle.',
        });
      const read = replyOf(response, parts.limits);
      if ('code' in read) return deny(read.code, { rule: read.code, text: read.text });
      replies = entryReplies(read);
    }
    const chunks: Uint8Array[] = [];
    let next = 0;
    for (const part of judged.parts) {
      const done = part.kind === 'permitted' && isDone(part.value);
      const reply = part.kind === 'permitted' && !done ? replies[next++] : undefined;
      const share: Share | Problem =
        part.kind === 'refused'
          ? part.problem
          : done
            ? { status: 204 }
            : reply === undefined
              ? problem('upstream-malformed')
              : yield* shareOf(part.value, reply, tally, beside);
      if (chunks.length > 0) chunks.push(encoder.encode(','));
      chunks.push(entryOf(share));
    }
    const type = judged.shape === 'transaction' ? 'transaction-response' : 'batch-response';
    const body = join([
      encoder.encode(`{"resourceType":"Bundle","type":"${type}","entry":[`),
      ...chunks,
      encoder.encode(']}'),
    ]);
    return proceed(
      { ...told(tally, judged), status: 200, headers: { 'content-type': fhirJson }, body },
      { rule: type, text: summary(tally) },
    );
  }
}

const nothingLeft = { rule: 'conditional-delete', text: 'Nothing meets the criteria, so nothing is deleted.' };

export function told(tally: Tally, judged: Judged) {
  const permitted = judged.parts.find((part) => part.kind === 'permitted');
  const view = permitted?.kind === 'permitted' ? permitted.value.consentView : undefined;
  return {
    patients: tally.patients,
    resources: tally.resources,
    rules: tally.rules,
    returned: tally.returned,
    withheld: tally.withheld,
    masked: tally.masked,
    ...(tally.basis === undefined || view === undefined
      ? {}
      : {
          consent: {
            basis: tally.basis,
            grants: [...tally.grants],
            contract: view.contract,
            block: view.head.number,
            blockHash: view.head.hash,
          },
        }),
  };
}

const summary = (tally: Tally): string => `${tally.returned} resources released, ${tally.masked} elements masked.`;
