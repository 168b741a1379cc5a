import type { FhirInteraction } from '../domain/fhir/interaction.ts';
import { applyPatch } from '../domain/fhir/patch-apply.ts';
import type { Limits } from '../domain/json/fault.ts';
import { scan } from '../domain/json/scan.ts';
import { applySplices } from '../domain/json/splice.ts';
import type { Tape } from '../domain/json/tape.ts';
import { stripMaskLabels } from '../domain/masking/labels.ts';
import { mergeMasked, patchMasked } from '../domain/masking/merge.ts';
import type { MaskingContext, MaskingPlan } from '../domain/masking/plan.ts';
import { maskResource } from '../domain/masking/walk.ts';
import { type Problem, problem } from '../domain/problem.ts';
import { versionOf } from './release/etag.ts';

type Write = Extract<FhirInteraction, { kind: 'create' | 'update' | 'patch' | 'delete' }>;

export interface WriteBack {
  readonly plan: MaskingPlan;
  /** What the same caller may have read under, when the risk stage asked for more masking. */
  readonly raised?: MaskingPlan | undefined;
  readonly context: MaskingContext;
  readonly limits: Limits;
  /** What stands at the upstream, or nothing. */
  readonly current: { readonly tape: Tape; readonly versionId: string | undefined } | undefined;
}

/** The write as the upstream is to get it, and the version that it must still find there. */
export interface Resolved {
  readonly interaction: Extract<FhirInteraction, { kind: 'create' | 'update' | 'delete' }>;
  readonly version: string | undefined;
}

/**
 * A caller with a masked view writes that view back: what was hidden is taken from the current version, what the caller changed from the
 * body, and a change to a hidden place is refused with its path. A patch becomes the update that it amounts to, so that what is judged
 * is what is stored. No mask and no label of ours is ever written.
 */
export function resolveWrite(interaction: Write, back: WriteBack): Resolved | Problem {
  const { plan, raised, context, current } = back;
  if (raised === undefined || raised.id === plan.id || interaction.kind === 'create')
    return resolveUnder(interaction, back);
  const tag = interaction.headers.ifMatch;
  if (tag !== undefined && versionOf(tag, raised) !== undefined)
    return resolveUnder(interaction, { ...back, plan: raised });
  const asUsual = resolveUnder(interaction, back);
  if (interaction.kind !== 'update' || current === undefined) return asUsual;
  if (tag !== undefined && versionOf(tag, plan) !== undefined) return asUsual;
  // No tag says which view is written back; a view with labels that the stored version does not have is a masked one.
  if (stripMaskLabels(interaction.body, 0).length === 0 || stripMaskLabels(current.tape, 0).length > 0) return asUsual;
  const asRaised = resolveUnder(interaction, { ...back, plan: raised });
  if (!hidesSomething(current.tape, plan, context)) return asRaised;
  if ('code' in asRaised) return asUsual;
  return 'code' in asUsual || sameBody(asUsual, asRaised) ? asRaised : problem('precondition-required');
}

function resolveUnder(interaction: Write, back: WriteBack): Resolved | Problem {
  const { plan, context, current, limits } = back;
  if (interaction.kind === 'create') {
    return {
      interaction: { ...interaction, body: plain(alone(interaction.body, limits), limits) },
      version: undefined,
    };
  }
  const version = conditionOf(interaction.headers.ifMatch, plan, current?.versionId);
  if (typeof version === 'object') return version;
  if (interaction.kind === 'delete') return { interaction, version };
  if (interaction.kind === 'update' && current === undefined) {
    return version === undefined
      ? { interaction: { ...interaction, body: plain(alone(interaction.body, limits), limits) }, version }
      : problem('precondition-failed');
  }
  if (current === undefined || interaction.id === undefined) return problem('not-found');
  if (interaction.headers.ifNoneMatch !== undefined) return problem('precondition-failed');
  const hides = hidesSomething(current.tape, plan, context);
  if (hides && version === undefined && interaction.kind === 'update') return problem('precondition-required');
  const body =
    interaction.kind === 'update'
      ? merged(alone(interaction.body, limits), current.tape, hides, back)
      : patched(interaction, current.tape, hides, back);
  if ('code' in body) return body;
  const { type, id, headers } = interaction;
  // A patch is made on the version that was read: another one in between must not be overwritten by it.
  return {
    interaction: { kind: 'update', type, id, headers, body },
    version: interaction.kind === 'patch' ? (version ?? current.versionId) : version,
  };
}

/**
 * The upstream's version behind an If-Match; a tag of another mask, or of another version, fails. A bare version is one that a
 * client made of meta.versionId, as R4 has it (http.html#concurrency); the merge holds against the mask in any case.
 */
function conditionOf(
  tag: string | undefined,
  plan: MaskingPlan,
  current: string | undefined,
): string | undefined | Problem {
  if (tag === undefined) return undefined;
  const bare = /^(?:W\/)?"([A-Za-z0-9.-]{1,64})"$/.exec(tag)?.[1];
  const version = tag === '*' || (bare !== undefined && bare === current) ? current : versionOf(tag, plan);
  return version === undefined || version !== current ? problem('precondition-failed') : version;
}

function hidesSomething(current: Tape, plan: MaskingPlan, context: MaskingContext): boolean {
  if (plan.transparent) return false;
  const masked = maskResource(current, 0, plan, context);
  return masked.kind === 'unmaskable' || masked.count > 0;
}

function merged(submitted: Tape, current: Tape, hides: boolean, { plan, context, limits }: WriteBack): Tape | Problem {
  if (!hides) return plain(submitted, limits);
  const result = mergeMasked(submitted, { current, plan, context });
  return result.ok ? reread(result.bytes, limits) : problem('write-masked', { expression: result.paths });
}

function patched(
  interaction: Extract<FhirInteraction, { kind: 'patch' }>,
  current: Tape,
  hides: boolean,
  { plan, context, limits }: WriteBack,
): Tape | Problem {
  if (!hides) return applyPatch(current, { format: interaction.format, body: interaction.body }, limits);
  if (interaction.format === 'fhirpath-patch') {
    // Made on what the caller sees, so that no path reaches, tests or moves what is hidden; then merged as an update is.
    const view = viewOf(current, plan, context, limits);
    const edited = view === undefined ? undefined : applyPatch(view, interaction, limits);
    return edited === undefined || 'code' in edited
      ? problem('write-masked')
      : merged(edited, current, hides, { plan, context, limits, current: undefined });
  }
  const result = patchMasked(interaction.body, { current, plan, context });
  if (result.ok) return reread(result.bytes, limits);
  return 'invalid' in result ? problem('body-invalid') : problem('write-masked', { expression: result.paths });
}

/** The version as the caller sees it. */
function viewOf(current: Tape, plan: MaskingPlan, context: MaskingContext, limits: Limits): Tape | undefined {
  const masked = maskResource(current, 0, plan, context);
  const range = { start: current.start[0] as number, end: current.end[0] as number };
  return masked.kind === 'unmaskable' ? undefined : reread(applySplices(current.bytes, masked.splices, range), limits);
}

function plain(body: Tape, limits: Limits): Tape {
  const labels = stripMaskLabels(body, 0);
  return labels.length === 0 ? body : reread(applySplices(body.bytes, labels), limits);
}

const sameBody = (a: Resolved, b: Resolved): boolean =>
  'body' in a.interaction &&
  'body' in b.interaction &&
  Buffer.from(a.interaction.body.bytes).equals(b.interaction.body.bytes);

/** The resource of an entry stands among the bytes of its Bundle; what is merged and stored is the resource. */
function alone(body: Tape, limits: Limits): Tape {
  const [start, end] = [body.start[0] as number, body.end[0] as number];
  return start === 0 && end === body.bytes.length ? body : reread(body.bytes.subarray(start, end), limits);
}

function reread(bytes: Uint8Array, limits: Limits): Tape {
  const scanned = scan(bytes, limits);
  if (!scanned.ok) throw new Error('a merged resource is not JSON');
  return scanned.tape;
}
