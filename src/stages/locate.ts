import { ownershipOf, searchSubjects } from '../domain/fhir/compartment.ts';
import { patientId } from '../domain/fhir/ids.ts';
import type { FhirInteraction, PatientId, ResourceType } from '../domain/fhir/interaction.ts';
import { patientsInParameter } from '../domain/fhir/operation-subjects.ts';
import { findOperation, type OperationTable } from '../domain/fhir/operations.ts';
import { type Bases, parseReference, type Reference } from '../domain/fhir/references.ts';
import type { SearchCriterion, SearchQuery } from '../domain/fhir/search.ts';
import { type Resolve, type Subjects, subjectsOf, type Target } from '../domain/fhir/subjects.ts';
import { matchesGranular } from '../domain/identity/scope-release.ts';
import { member, stringOf } from '../domain/json/cursor.ts';
import type { Limits } from '../domain/json/fault.ts';
import { scan } from '../domain/json/scan.ts';
import type { Tape } from '../domain/json/tape.ts';
import type { MaskingContext } from '../domain/masking/plan.ts';
import { type Problem, problem } from '../domain/problem.ts';
import { ownRead } from '../domain/upstream.ts';
import type { UpstreamReader } from '../ports.ts';
import type { Authorised, Located, SubjectSet } from './exchange.ts';
import { deny, proceed, type Stage, type StageContext, type Verdict } from './stage.ts';
import { resolveWrite } from './write-back.ts';

export interface LocateParts {
  readonly bases: Bases;
  readonly operations: OperationTable;
  readonly reader: UpstreamReader;
  readonly limits: Limits;
  readonly budgetMs: number;
  readonly maskingContext: (now: number, patient: PatientId | undefined) => MaskingContext;
}

/** What stands at the upstream, read for the decision. */
interface Current {
  readonly tape: Tape;
  readonly versionId: string | undefined;
}

/** Which patients can this call touch? From path, query and body; for writes also from what stands at the upstream. */
export function locate(parts: LocateParts): Stage<Authorised, Located> {
  const { bases, operations, reader, limits, maskingContext } = parts;

  return {
    name: 'locate',
    failure: 'subject-unknown',
    budgetMs: parts.budgetMs,
    run(input, context) {
      const { interaction } = input;
      switch (interaction.kind) {
        case 'read':
        case 'vread':
          return found(input, byId(interaction.type, interaction.id), context);
        case 'history':
          return found(
            input,
            interaction.id === undefined || interaction.type === undefined
              ? discover
              : byId(interaction.type, interaction.id),
            context,
          );
        case 'search':
          return searched(input, interaction, context);
        case 'operation':
          return operated(input, interaction, context);
        case 'create':
          return created(input, interaction, context);
        case 'update':
        case 'patch':
        case 'delete':
          return changed(input, interaction, context);
        case 'graphql':
        case 'batch':
        case 'transaction':
        case 'capabilities':
          return deny('interaction-unsupported', {
            rule: interaction.kind,
            text: 'The call cannot be located as a whole.',
          });
        default:
          return interaction satisfies never;
      }
    },
  };

  function found(
    input: Authorised,
    subjects: SubjectSet,
    context: StageContext,
    more: Partial<Located> = {},
  ): Verdict<Located> {
    if (subjects.kind === 'patients') {
      for (const id of subjects.ids) context.named.add(id);
      // SMART patient/ scopes: every patient of the call is the one of the launch.
      const { patientOnly } = input;
      if (patientOnly !== undefined && subjects.ids.some((id) => id !== patientOnly)) {
        return deny('consent-not-granted', {
          rule: 'scope:patient',
          text: 'The scopes hold for the patient of the launch only.',
        });
      }
    }
    return proceed({ ...input, ...more, subjects }, { rule: subjects.kind, text: located[subjects.kind] });
  }

  function searched(
    input: Authorised,
    interaction: Extract<FhirInteraction, { kind: 'search' }>,
    context: StageContext,
  ): Verdict<Located> {
    const named = namedBySearch(interaction, bases);
    if (named !== undefined) return found(input, named, context);
    const { type } = interaction;
    if (type !== undefined && isUniversal(type)) return found(input, universal, context);
    const { patientOnly } = input;
    const constraint = patientOnly === undefined || type === undefined ? undefined : constraintFor(type, patientOnly);
    if (constraint === undefined || patientOnly === undefined) return found(input, discover, context);
    return found(input, { kind: 'patients', ids: [patientOnly], every: true }, context, { constraint });
  }

  function operated(
    input: Authorised,
    interaction: Extract<FhirInteraction, { kind: 'operation' }>,
    context: StageContext,
  ): Verdict<Located> {
    const { type, id, name } = interaction;
    const operation = findOperation(operations, name, type, id !== undefined);
    const by = operation?.level.subjects;
    if (by?.by === 'parameter' && operation?.rule.parameters[by.name] !== 'text') {
      const ids = patientsInParameter(interaction, by.name, bases);
      return ids === undefined
        ? deny('subject-unknown', {
            rule: `operation:${name}`,
            text: `The parameter ${by.name} must name the patients that the operation touches.`,
          })
        : found(input, { kind: 'patients', ids, every: true }, context);
    }
    if (type !== undefined && id !== undefined) return found(input, byId(type, id), context);
    if (by?.by === 'none') return found(input, universal, context);
    if (type !== undefined && isUniversal(type)) return found(input, universal, context);
    const named = type === undefined ? undefined : namedByCriteria(type, interaction.query, bases);
    return found(input, named ?? discover, context);
  }

  function created(
    input: Authorised,
    interaction: Extract<FhirInteraction, { kind: 'create' }>,
    context: StageContext,
  ): Verdict<Located> | Promise<Verdict<Located>> {
    const resolved = resolveWrite(interaction, {
      plan: input.mask,
      context: maskingContext(context.now, undefined),
      limits,
      current: undefined,
    });
    if ('code' in resolved)
      return deny(resolved, { rule: resolved.code, text: 'The body cannot be written by this caller.' });
    const written = { interaction: resolved.interaction };
    // A new patient has nobody to ask yet: the right to write decides, and the echo is judged like any other answer.
    if (interaction.type === 'Patient')
      return found(input, { kind: 'patients', ids: linked(interaction.body, bases), every: true }, context, written);
    return whose(interaction.body, input, context).then((subjects) => owned(input, subjects, context, written));
  }

  /** What is there now must be open to the caller as well as what is to be there: else a write moves a record. */
  async function changed(
    input: Authorised,
    interaction: Extract<FhirInteraction, { kind: 'update' | 'patch' | 'delete' }>,
    context: StageContext,
  ): Promise<Verdict<Located>> {
    const { type, id } = interaction;
    // A delete by criteria that nothing meets: there is nothing to do, and nobody to ask.
    if (id === undefined) return found(input, universal, context);
    const current = await standing(type, id, context);
    if (current !== undefined && 'code' in current)
      return deny(current, { rule: current.code, text: 'What stands at the FHIR server could not be read.' });
    if (
      current !== undefined &&
      input.stored?.some((scope) => matchesGranular(current.tape, 0, type, scope)) === false
    ) {
      return deny('consent-not-granted', {
        rule: 'scope:stored',
        text: 'What stands at the FHIR server is outside the granular scopes.',
      });
    }
    if (current === undefined && interaction.kind !== 'update') {
      return type === 'Patient'
        ? found(input, byId(type, id), context)
        : deny(isUniversal(type) ? 'not-found' : 'consent-not-granted', {
            rule: 'missing',
            text: 'There is no such resource, or it may not be changed.',
          });
    }
    const meant = input.meant?.kind === 'one' ? input.meant : undefined;
    if (meant !== undefined && (current === undefined || current.versionId !== meant.versionId))
      return deny('precondition-failed', {
        rule: 'criteria',
        text: 'What met the criteria has changed in the meantime.',
      });
    const before = current === undefined ? undefined : await whose(current.tape, input, context);
    const patient = before?.kind === 'patients' ? before.ids[0] : undefined;
    const back = { plan: input.mask, context: maskingContext(context.now, patient), limits, current };
    const raised = input.raised();
    const resolved = resolveWrite(interaction, { ...back, raised });
    const underRaised =
      interaction.kind !== 'patch' || raised === undefined
        ? {}
        : {
            refusedRaised: () => {
              const again = resolveWrite({ ...interaction, headers: {} }, { ...back, plan: raised });
              return 'code' in again ? again : undefined;
            },
          };
    // A conflict is told by `plan`, after consent: to others it would tell that there is something to conflict with.
    if ('code' in resolved)
      return owned(input, before ?? (await whose(bodyOf(interaction, current), input, context)), context, {
        refusedWrite: resolved,
        ...underRaised,
      });
    const version = resolved.version ?? meant?.versionId;
    const written = {
      interaction: resolved.interaction,
      ...underRaised,
      ...(version === undefined ? {} : { version }),
    };
    const after =
      resolved.interaction.kind === 'delete' ? undefined : await whose(resolved.interaction.body, input, context);
    return owned(input, joined(before, after), context, written);
  }

  function owned(
    input: Authorised,
    subjects: Subjects,
    context: StageContext,
    more: Partial<Located> = {},
  ): Verdict<Located> {
    switch (subjects.kind) {
      case 'universal':
        return found(input, universal, context, more);
      case 'unknown':
        return deny('subject-unknown', {
          rule: 'subject',
          text: `It cannot be told whose the resource is: ${subjects.why}.`,
        });
      case 'patients':
        return found(input, { kind: 'patients', ids: subjects.ids, every: true }, context, more);
      default:
        return subjects satisfies never;
    }
  }

  /** Whose a resource is; references that own by what they point at are read from the upstream, one step. */
  async function whose(tape: Tape, input: Authorised, context: StageContext): Promise<Subjects> {
    const missing = new Map<string, Reference & { kind: 'local' }>();
    const noting: Resolve = (reference) => {
      const beside = input.resolve?.(reference);
      if (beside === undefined && reference.kind === 'local' && !isUniversal(reference.type))
        missing.set(`${reference.type}/${reference.id}`, reference);
      return beside;
    };
    const first = subjectsOf(tape, 0, bases, noting);
    if (first.kind !== 'unknown' || missing.size === 0 || missing.size > 20) return first;
    const read = new Map<string, Target>();
    for (const [key, reference] of missing) {
      const there = await standing(reference.type, reference.id, context);
      if (there !== undefined && !('code' in there))
        read.set(key, { type: reference.type, subjects: () => subjectsOf(there.tape, 0, bases) });
    }
    return subjectsOf(
      tape,
      0,
      bases,
      (reference) =>
        (reference.kind === 'local' ? read.get(`${reference.type}/${reference.id}`) : undefined) ??
        input.resolve?.(reference),
    );
  }

  async function standing(
    type: ResourceType,
    id: string,
    context: StageContext,
  ): Promise<Current | Problem | undefined> {
    const response = await reader.read(ownRead(`/${type}/${id}`), context.signal);
    if (response.kind === 'fault') return problem(response.code);
    if (response.status === 404 || response.status === 410) return undefined;
    if (response.status !== 200) return problem('upstream-error');
    const scanned = scan(response.body, limits);
    if (!scanned.ok) return problem('upstream-malformed');
    const { tape } = scanned;
    if (stringOf(tape, member(tape, 0, 'resourceType')) !== type || stringOf(tape, member(tape, 0, 'id')) !== id)
      return problem('upstream-malformed');
    return { tape, versionId: stringOf(tape, member(tape, member(tape, 0, 'meta'), 'versionId')) };
  }
}

const discover: SubjectSet = { kind: 'discover' };
const universal: SubjectSet = { kind: 'universal' };

const located = {
  patients: 'The call names the patients whose records it touches.',
  discover: 'Whose records the call touches is known from the answer; each resource is judged.',
  universal: 'The type belongs to no patient.',
} as const;

const bodyOf = (
  interaction: Extract<FhirInteraction, { kind: 'update' | 'patch' | 'delete' }>,
  current: Current | undefined,
): Tape =>
  interaction.kind === 'update' || current === undefined ? (interaction as { readonly body: Tape }).body : current.tape;

/** True when nothing of the type can be a patient's. */
const isUniversal = (type: ResourceType): boolean => {
  const ownership = ownershipOf(type);
  return ownership.rule === 'universal' && ownership.owners.length === 0 && ownership.via.length === 0;
};

const byId = (type: ResourceType, id: string): SubjectSet => {
  if (type === 'Patient') return { kind: 'patients', ids: [id as PatientId], every: true };
  return isUniversal(type) ? universal : discover;
};

function namedBySearch(interaction: Extract<FhirInteraction, { kind: 'search' }>, bases: Bases): Named | undefined {
  const { compartment, type, query } = interaction;
  const named = type === undefined ? undefined : namedByCriteria(type, query, bases);
  if (compartment?.type !== 'Patient') return named;
  return { kind: 'patients', ids: [compartment.id as string as PatientId, ...(named?.ids ?? [])], every: false };
}

type Named = Extract<SubjectSet, { kind: 'patients' }>;

/** Patients that plain criteria name: `_id` of Patient, `patient`, `subject` and the like; not through chains. */
function namedByCriteria(type: ResourceType, query: SearchQuery, bases: Bases): Named | undefined {
  const ids = new Set<PatientId>();
  const parameters = searchSubjects(type);
  let only = false;
  for (const { code, modifier, chain, has, values } of query.criteria) {
    if (chain.length > 0 || has.length > 0) continue;
    const byId = type === 'Patient' && code === '_id';
    const parameter = byId ? undefined : parameters.find((each) => each.code === code && each.role === 'owner');
    if (!byId && parameter === undefined) continue;
    if (modifier !== undefined && (byId || modifier !== 'Patient')) continue;
    const bare = byId || parameter?.patientOnly === true || modifier === 'Patient';
    const named = values.map((value) => patientIn(value, bare, bases));
    for (const id of named) if (id !== undefined) ids.add(id);
    only ||= !named.includes(undefined);
  }
  return ids.size === 0 ? undefined : { kind: 'patients', ids: [...ids], every: false, ...(only ? { only } : {}) };
}

function patientIn(value: string, bare: boolean, bases: Bases): PatientId | undefined {
  if (!value.includes('/')) return bare ? patientId(value) : undefined;
  const reference = parseReference(value, bases);
  return reference.kind === 'local' && reference.type === 'Patient' ? patientId(reference.id) : undefined;
}

function pushId(ids: PatientId[], value: string): void {
  const id = patientId(value);
  if (id !== undefined) ids.push(id);
}

/** The criterion that bounds a search of the type to one patient, where the type has one. */
function constraintFor(type: ResourceType, patient: PatientId): SearchCriterion | undefined {
  if (type === 'Patient') return criterion('_id', patient);
  const owner =
    searchSubjects(type).find((parameter) => parameter.role === 'owner' && parameter.code === 'patient') ??
    searchSubjects(type).find((parameter) => parameter.role === 'owner');
  return owner === undefined ? undefined : criterion(owner.code, `Patient/${patient}`);
}

const criterion = (code: string, value: string): SearchCriterion => ({
  code,
  chain: [],
  has: [],
  values: [value],
  name: code,
  value,
});

/** Patients that a new Patient resource claims to be the same person as. */
function linked(body: Tape, bases: Bases): readonly PatientId[] {
  const ids: PatientId[] = [];
  const links = member(body, 0, 'link');
  if (links < 0) return ids;
  for (let link = links + 1; link < (body.next[links] as number); link = body.next[link] as number) {
    const text = stringOf(body, member(body, member(body, link, 'other'), 'reference'));
    const reference = text === undefined ? undefined : parseReference(text, bases);
    if (reference?.kind === 'local' && reference.type === 'Patient') pushId(ids, reference.id);
  }
  return ids;
}

/** A change touches everybody that the resource names before or after it. */
function joined(before: Subjects | undefined, after: Subjects | undefined): Subjects {
  if (before === undefined) return after ?? { kind: 'unknown', why: 'there is nothing to judge' };
  if (after === undefined || before.kind === 'unknown') return before;
  if (after.kind === 'unknown') return after;
  if (before.kind === 'universal') return after;
  if (after.kind === 'universal') return before;
  return { kind: 'patients', ids: [...new Set([...before.ids, ...after.ids])] };
}
