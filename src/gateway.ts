import type { PatientId } from './domain/fhir/interaction.ts';
import type { Bases } from './domain/fhir/references.ts';
import type { Principal } from './domain/identity/principal.ts';
import { type StepUp, stepUpChallenge } from './domain/identity/step-up.ts';
import type { Instant } from './domain/instant.ts';
import type { LedgerEntry, LedgerReceipt } from './domain/ledger/entry.ts';
import { operationOutcome } from './domain/outcome.ts';
import { type Problem, problemRow } from './domain/problem.ts';
import { reaches } from './domain/risk/score.ts';
import type { Clock, Forward, Random, RiskEngine, Telemetry } from './ports.ts';
import { type Answer, closeBody } from './stages/answer.ts';
import { eventOf } from './stages/assess.ts';
import { introduce } from './stages/authenticate.ts';
import { eventsOfParts } from './stages/batch-events.ts';
import type { Bulk } from './stages/bulk.ts';
import type { Capabilities } from './stages/capabilities.ts';
import { clear } from './stages/clear.ts';
import type { Cohorts } from './stages/cohorts.ts';
import type {
  Assessed,
  Authenticated,
  Authorised,
  Classified,
  Consented,
  Located,
  Planned,
  Received,
} from './stages/exchange.ts';
import { isWrite, type Judge, type Judged, judgeEach, type Part } from './stages/judge.ts';
import type { OwnResources } from './stages/own.ts';
import type { Recorder } from './stages/record.ts';
import type { Release, Released } from './stages/release.ts';
import { type Pipeline, pipeline, runStage, type Stage, type StageContext, type Verdict } from './stages/stage.ts';

export interface Gateway {
  /** Never rejects for anything the caller, the upstream, the chain or the disk does: those are answers. */
  handle(received: Received, forward: Forward, signal: AbortSignal): Promise<Answer>;
  /** What would become of a call: it goes through the same stages and nowhere else. A problem: that could not be recorded. */
  consider(asked: AskedAbout): Promise<Considered | Problem>;
}

/** A call that is not made. */
export interface AskedAbout {
  readonly received: Received;
  /** Whose it would be. */
  readonly principal: Principal;
  /** Who asks. */
  readonly asker: Principal | 'operator';
  readonly signal: AbortSignal;
}

export interface Considered {
  readonly entry: LedgerEntry;
  readonly receipt: LedgerReceipt;
  /** Absent when the call would be refused as a whole, or answered from the gateway's own records. */
  readonly judged?: Judged;
}

export interface Stages {
  readonly classify: Stage<Received, Classified>;
  readonly authenticate: Stage<Classified, Authenticated>;
  readonly admit: Stage<Authenticated, Authenticated>;
  readonly authorise: Stage<Authenticated, Authorised>;
  /** Given how a search is judged: by that, criteria of a write are. */
  readonly resolve: (search: Pipeline<Authenticated, Planned>) => Stage<Authorised, Authorised>;
  readonly locate: Stage<Authorised, Located>;
  readonly consent: Stage<Located, Consented>;
  readonly assess: Stage<Consented, Assessed>;
  readonly plan: Stage<Assessed, Planned>;
  readonly release: Release;
  readonly bulk: Bulk;
  readonly cohorts: Cohorts;
  readonly record: Recorder;
  readonly capabilities: Capabilities;
  readonly own: OwnResources;
  /** Largest `_count` that is passed on. */
  readonly pageSize: number;
  readonly bases: Bases;
  readonly stepUp: StepUp;
}

export interface GatewayPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly risk: RiskEngine;
}

/**
 * THE FLOW. Every call passes here, top to bottom; a batch is a list of interactions through the same stages. Nothing is
 * forwarded that was not cleared, and nothing is answered before its ledger entry is durable.
 */
export function createGateway(stages: Stages, ports: GatewayPorts): Gateway {
  const identify = pipeline(stages.classify).step(stages.authenticate).step(stages.admit);
  const judge = pipeline(stages.locate) //     + which patients it can touch
    .step(stages.consent) //                   + their consent
    .step(stages.assess) //                    + risk score
    .step(stages.plan); //                     + masking plan
  const search = pipeline(stages.authorise)
    .step(stages.locate)
    .step(stages.consent)
    .step(stages.assess)
    .step(stages.plan);
  const settle = pipeline(stages.authorise) // + the scopes and the role allow it
    .step(stages.resolve(search)); //          + which resource the criteria of a write mean

  const entire: Judge = { settle, judge, refusesInBatch: stages.own.refusesInBatch, refused };

  async function handle(received: Received, forward: Forward, signal: AbortSignal): Promise<Answer> {
    const begun = performance.now();
    const context = begin(ports, signal);

    const known = await stages.capabilities.answer(received);
    if (known !== undefined) return known;

    const identified = await identify.run(received, context);
    if (identified.kind === 'deny') return refuse(context, received, identified, begun);

    const own = await answerOwn(identified.value, context, begun);
    if (own !== undefined) return own;

    const judged = await judgeEach(entire, identified.value, stages.bases, context);
    if (judged.kind === 'deny') return refuse(context, identified.value, judged, begun);

    if (isWrite(identified.value.interaction)) {
      const intent = await stages.record.intent(judged.value, context);
      if (intent.kind === 'deny') return refuse(context, identified.value, intent, begun);
    }

    const released = await carry(judged.value, forward, context);
    if (released.kind === 'deny') return refuse(context, identified.value, released, begun, judged.value);

    const receipt = await stages.record.disclosure(judged.value, released.value, context);
    if (receipt.kind === 'deny') {
      await closeBody(released.value.body);
      return refuse(context, identified.value, receipt, begun, judged.value);
    }

    return answer(context, judged.value, released.value, receipt.value.header, begun);
  }

  async function consider({ received, principal, asker, signal }: AskedAbout): Promise<Considered | Problem> {
    const context = begin(ports, signal);
    const classified = await runStage(stages.classify, received, context);
    const identified =
      classified.kind === 'deny' ? classified : introduce({ ...classified.value, considered: true }, principal);
    const verdict = identified.kind === 'deny' ? identified : await weigh(identified.value, context);
    const judged = verdict.kind === 'continue' && 'parts' in verdict.value ? verdict.value : undefined;
    const refusal = verdict.kind === 'deny' ? verdict.problem : undefined;
    const exchange = identified.kind === 'deny' ? { ...received, principal } : identified.value;
    const recorded = await stages.record.consideration({ exchange, asker, refusal, judged }, context);
    if (recorded.kind === 'deny') return recorded.problem;
    return { ...recorded.value, ...(judged === undefined ? {} : { judged }) };
  }

  /** The judge, and nothing after it. */
  const weigh = async (exchange: Authenticated, context: StageContext): Promise<Verdict<Authorised | Judged>> =>
    stages.own.serves(exchange.interaction)
      ? runStage(stages.authorise, exchange, context)
      : judgeEach(entire, exchange, stages.bases, context);

  /** Resources that the gateway keeps itself: Consent as the chain has it, AuditEvent as the ledger has it. */
  async function answerOwn(exchange: Authenticated, context: StageContext, begun: number): Promise<Answer | undefined> {
    if (!stages.own.serves(exchange.interaction)) return undefined;
    const authorised = await runStage(stages.authorise, exchange, context);
    if (authorised.kind === 'deny') return refuse(context, exchange, authorised, begun);
    const { interaction, principal } = authorised.value;
    const answered = await stages.own.answer({
      interaction,
      principal,
      requestId: context.requestId,
      now: context.now,
    });
    if (answered === undefined) return undefined;
    done(context, exchange, answered.status, 'own', begun);
    return { ...answered, headers: { ...common(context), ...answered.headers } };
  }

  /** Asks the upstream and releases what it answers; an export, whose answer is many steps away, and a count, which is of many answers, go their own way there. */
  async function carry(judged: Judged, forward: Forward, context: StageContext): Promise<Verdict<Released>> {
    if (stages.bulk.serves(judged.exchange)) return stages.bulk.carry(judged, forward, context);
    if (stages.cohorts.serves(judged.exchange)) return stages.cohorts.count(judged, context);
    const cleared = clear(judged, stages.pageSize);
    const response = cleared === undefined ? undefined : await forward(cleared, context.signal);
    return stages.release.release(judged, response, context);
  }

  async function refuse(
    context: StageContext,
    exchange: Received | Authenticated,
    denial: Extract<Verdict<never>, { kind: 'deny' }>,
    begun: number,
    judged?: Judged,
  ): Promise<Answer> {
    const recorded = await stages.record.denial(exchange, denial.problem, context, judged);
    const final = recorded.kind === 'deny' ? recorded.problem : denial.problem;
    const { status, retryable } = problemRow(final.code);
    const headers: Record<string, string> = {
      ...common(context),
      'content-type': 'application/fhir+json; charset=utf-8',
    };
    if (recorded.kind === 'continue') headers['x-ledger-receipt'] = recorded.value.header;
    if (retryable === true) headers['retry-after'] = String(final.retryAfter ?? 5);
    if (status === 401) headers['www-authenticate'] = challenge(final.code, stages.stepUp);
    else if (final.code === 'scope-insufficient')
      headers['www-authenticate'] =
        `Bearer error="insufficient_scope"${final.scope === undefined ? '' : `, scope="${final.scope}"`}`;
    if ('principal' in exchange) observe(context, judged, exchange, status, [...context.named], 0);
    done(context, exchange, status, final.code, begun);
    return { status, headers, body: operationOutcome(final) };
  }

  function answer(context: StageContext, judged: Judged, released: Released, receipt: string, begun: number): Answer {
    observe(context, judged, judged.exchange, released.status, [...released.patients], released.returned);
    done(context, judged.exchange, released.status, judged.parts.some(isRaised) ? 'raised' : 'released', begun);
    return {
      status: released.status,
      headers: { ...common(context), ...notice(judged), ...released.headers, 'x-ledger-receipt': receipt },
      ...(released.body === undefined ? {} : { body: released.body }),
    };
  }

  /** Who is refused one patient after another within a batch is seen by the entry that comes next. */
  function refused(entry: Authenticated, patients: readonly PatientId[], context: StageContext): void {
    try {
      const event = { ...eventOf(entry, patients, context.now), patients, results: 0, status: 403 };
      ports.risk.observe(event, context.now, entry.batch);
    } catch (error) {
      ports.telemetry.failed('observe', error instanceof Error ? error.name : typeof error);
    }
  }

  /** What came of the call becomes the history against which the next one is scored. */
  function observe(
    context: StageContext,
    judged: Judged | undefined,
    exchange: Authenticated,
    status: number,
    patients: readonly PatientId[],
    results: number,
  ): void {
    try {
      const named = [...context.named];
      const outcome = { patients, results, status };
      const events = judged === undefined ? [] : eventsOfParts(judged, named, outcome, context.now);
      if (events.length === 0) events.push({ ...eventOf(exchange, named, context.now), ...outcome });
      for (const event of events) ports.risk.observe(event, context.now);
    } catch (error) {
      // The answer stands: it was judged and recorded. The next assessment fails closed if the engine is broken.
      ports.telemetry.failed('observe', error instanceof Error ? error.name : typeof error);
    }
  }

  function done(
    context: StageContext,
    exchange: Received | Authenticated,
    status: number,
    code: string,
    begun: number,
  ): void {
    ports.telemetry.answered({
      requestId: context.requestId,
      interaction: 'interaction' in exchange ? exchange.interaction.kind : 'unknown',
      status,
      code,
      milliseconds: performance.now() - begun,
    });
  }

  return { handle, consider };
}

function begin(ports: GatewayPorts, signal: AbortSignal): StageContext {
  return {
    requestId: Buffer.from(ports.random.bytes(12)).toString('hex'),
    now: ports.clock.now() as Instant,
    signal,
    telemetry: ports.telemetry,
    story: [],
    headers: {},
    named: new Set(),
  };
}

const common = (context: StageContext): Record<string, string> => ({
  'x-request-id': context.requestId,
  'cache-control': 'no-store',
  vary: 'Authorization',
  ...context.headers,
});

const isRaised = (part: Part): boolean => part.kind === 'permitted' && part.value.isRaised === true;

/** Told to the user whose access the risk stage let pass with a notice: the same for all records, so that it says nothing of any. */
function notice({ parts }: Judged): Record<string, string> {
  const permitted = parts.flatMap((part) => (part.kind === 'permitted' ? [part.value] : []));
  if (!permitted.some(({ assessment }) => reaches(assessment.action, 'notice'))) return {};
  const unusual = 'This access is unusual; it is recorded and may be reviewed.';
  return parts.some(isRaised)
    ? { 'x-access-notice': `${unusual} More than usual is masked in this answer.`, 'x-access-masking': 'raised' }
    : { 'x-access-notice': unusual };
}

/** RFC 6750 section 3. */
function challenge(code: string, stepUp: StepUp): string {
  if (code === 'auth-token-missing') return 'Bearer';
  if (code === 'risk-step-up') return stepUpChallenge(stepUp);
  return `Bearer error="invalid_token", error_description="${problemRow(code === 'auth-token-expired' ? 'auth-token-expired' : 'auth-token-invalid').text}"`;
}
