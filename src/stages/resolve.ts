import type { ConditionalReference, FhirInteraction, ResourceId, ResourceType } from '../domain/fhir/interaction.ts';
import { normalQuery } from '../domain/fhir/request.ts';
import type { SearchQuery } from '../domain/fhir/search.ts';
import { member, stringOf } from '../domain/json/cursor.ts';
import type { Limits } from '../domain/json/fault.ts';
import { scan } from '../domain/json/scan.ts';
import { applySplices, replaceNode } from '../domain/json/splice.ts';
import type { Tape } from '../domain/json/tape.ts';
import type { Splice } from '../domain/masking/plan.ts';
import { problem } from '../domain/problem.ts';
import type { Authenticated, Authorised, Planned } from './exchange.ts';
import { type Matches, type MatchParts, matchesOf } from './matches.ts';
import { type Denial, deny, type Pipeline, proceed, type Stage, type StageContext, type Verdict } from './stage.ts';

export interface ResolveParts extends MatchParts {
  readonly limits: Limits;
  readonly budgetMs: number;
}

type Write<Kind extends FhirInteraction['kind']> = Extract<FhirInteraction, { kind: Kind }>;

const MOST_REFERENCES = 100;

/**
 * Conditional writes and references become writes and references by id, before anything is located: the criteria are judged
 * as the search that they are, by the same stages, and range over what the caller may see of it. So what a condition tells
 * is what the search would have told; and what is forwarded names one resource, which nothing in between can change for another.
 */
export function resolve(parts: ResolveParts, search: Pipeline<Authenticated, Planned>): Stage<Authorised, Authorised> {
  return {
    name: 'resolve',
    failure: 'upstream-error',
    budgetMs: parts.budgetMs,
    run(input, context) {
      const { interaction } = input;
      switch (interaction.kind) {
        case 'create':
        case 'update':
          return isConditional(interaction) ? written(input, interaction, context) : proceed(input);
        case 'patch':
        case 'delete':
          return interaction.id === undefined ? named(input, interaction, context) : proceed(input);
        default:
          return proceed(input);
      }
    },
  };

  /** What meets the criteria, or the refusal that the same search would get. */
  async function look(
    input: Authorised,
    type: ResourceType,
    query: SearchQuery,
    context: StageContext,
  ): Promise<Matches | Denial> {
    const { resolve: _siblings, fullUrl: _fullUrl, batch: _batch, ...exchange } = input;
    const judged = await search.run(
      { ...exchange, interaction: { kind: 'search', type, query, headers: {} } },
      context,
    );
    if (judged.kind === 'deny') return judged;
    const found = await matchesOf(judged.value, type, parts, context.signal);
    return 'code' in found
      ? deny(found, { rule: 'resolve', text: 'What meets the criteria could not be told.' })
      : found;
  }

  async function written(
    input: Authorised,
    interaction: Write<'create' | 'update'>,
    context: StageContext,
  ): Promise<Verdict<Authorised>> {
    const { references, ...rest } = interaction;
    const body =
      references === undefined ? interaction.body : await withReferences(input, interaction.body, references, context);
    if ('problem' in body) return body;
    const settled = { ...rest, body };
    return settled.kind === 'create' ? created(input, settled, context) : updated(input, settled, context);
  }

  /** R4 http.html#trules: a reference that is a search must find exactly one. */
  async function withReferences(
    input: Authorised,
    body: Tape,
    references: readonly ConditionalReference[],
    context: StageContext,
  ): Promise<Tape | Denial> {
    if (references.length > MOST_REFERENCES) return deny('body-too-large');
    const known = new Map<string, ResourceId>();
    const splices: Splice[] = [];
    for (const { node, type, query } of references) {
      const name = normalQuery({ kind: 'search', type, query, headers: {} });
      let id = known.get(`${type}?${name}`);
      if (id === undefined) {
        const found = await look(input, type, query, context);
        if ('kind' in found) return found;
        const [one, other] = found.visible;
        if (one === undefined || other !== undefined)
          return deny(problem('precondition-failed', { expression: ['reference'] }), {
            rule: 'conditional-reference',
            text: 'A reference by criteria must find exactly one resource that this caller may see.',
          });
        id = one.id;
        known.set(`${type}?${name}`, id);
      }
      splices.push(replaceNode(body, node, JSON.stringify(`${type}/${id}`)));
    }
    return edited(body, splices);
  }

  async function created(
    input: Authorised,
    interaction: Write<'create'>,
    context: StageContext,
  ): Promise<Verdict<Authorised>> {
    const { ifNoneExist, ...headers } = interaction.headers;
    if (ifNoneExist === undefined) return proceed({ ...input, interaction });
    const found = await look(input, interaction.type, ifNoneExist, context);
    if ('kind' in found) return found;
    const [one, other] = found.visible;
    if (other !== undefined) return many;
    if (one !== undefined)
      return proceed({
        ...input,
        interaction: { ...interaction, headers: { ...headers, ifNoneExist: byId(one.id) } },
        meant: { kind: 'one', ...one },
      });
    return proceed({
      ...input,
      interaction: guarded(input, { ...interaction, headers }, ifNoneExist, found),
      meant: none,
    });
  }

  async function updated(
    input: Authorised,
    interaction: Write<'update'>,
    context: StageContext,
  ): Promise<Verdict<Authorised>> {
    const { type, id: known, query, body, headers } = interaction;
    if (known !== undefined || query === undefined) return proceed({ ...input, interaction });
    const found = await look(input, type, query, context);
    if ('kind' in found) return found;
    const [one, other] = found.visible;
    if (other !== undefined) return many;
    const own = stringOf(body, member(body, 0, 'id')) as ResourceId | undefined;
    if (one !== undefined) {
      if (own !== undefined && own !== one.id)
        return deny(problem('body-invalid', { expression: [`${type}.id`] }), {
          rule: 'conditional-update',
          text: 'The body has another id than the resource that meets the criteria.',
        });
      const update: FhirInteraction = { kind: 'update', type, id: one.id, body: withId(body, one.id), headers };
      return proceed({ ...input, interaction: update, meant: { kind: 'one', ...one } });
    }
    if (headers.ifMatch !== undefined)
      return deny('precondition-failed', {
        rule: 'if-match',
        text: 'Nothing that this caller may see meets the criteria.',
      });
    if (own !== undefined)
      return proceed({
        ...input,
        // Update as create, R4 http.html#cond-update; what stands under the id does not meet the criteria.
        interaction: { kind: 'update', type, id: own, body, headers: { ...headers, ifNoneMatch: '*' } },
        meant: none,
      });
    const { ifNoneMatch: _unmet, ...rest } = headers;
    const create = { kind: 'create', type, body, headers: rest } as const;
    return proceed({
      ...input,
      interaction: guarded(input, create, query, found),
      meant: { kind: 'none', upsert: true },
    });
  }

  async function named(
    input: Authorised,
    interaction: Write<'patch' | 'delete'>,
    context: StageContext,
  ): Promise<Verdict<Authorised>> {
    const { query, ...rest } = interaction;
    if (query === undefined) return deny('interaction-unsupported');
    const found = await look(input, interaction.type, query, context);
    if ('kind' in found) return found;
    const [one, other] = found.visible;
    if (other !== undefined) return many;
    if (one !== undefined)
      return proceed({ ...input, interaction: { ...rest, id: one.id }, meant: { kind: 'one', ...one } });
    // R4 http.html: there is nothing to patch, while nothing is left to do for a delete.
    return interaction.kind === 'patch'
      ? deny('not-found', { rule: 'conditional-patch', text: 'Nothing that this caller may see meets the criteria.' })
      : proceed({ ...input, interaction: rest, meant: none });
  }

  /**
   * A create that another call may have made in the meantime. Where the caller may not see what meets the condition, to
   * repeat it would tell; and where others refer to the new resource, they would refer to whatever met it.
   */
  function guarded(
    input: Authorised,
    create: Write<'create'>,
    condition: SearchQuery,
    { hidden }: Matches,
  ): Write<'create'> {
    return hidden || input.fullUrl !== undefined
      ? create
      : { ...create, headers: { ...create.headers, ifNoneExist: condition } };
  }

  function edited(body: Tape, splices: readonly Splice[]): Tape {
    const range = { start: body.start[0] as number, end: body.end[0] as number };
    const scanned = scan(applySplices(body.bytes, splices, range), parts.limits);
    if (!scanned.ok) throw new Error('a resolved body is not JSON');
    return scanned.tape;
  }

  /** An update names its resource in the body too (R4 http.html#update). */
  function withId(body: Tape, id: ResourceId): Tape {
    if (member(body, 0, 'id') >= 0) return body;
    const start = (body.start[0] as number) + 1;
    return edited(body, [{ start, end: start, text: `"id":${JSON.stringify(id)},` }]);
  }
}

const isConditional = (interaction: Write<'create' | 'update'>): boolean =>
  interaction.references !== undefined ||
  (interaction.kind === 'create' ? interaction.headers.ifNoneExist !== undefined : interaction.id === undefined);

const none = { kind: 'none' } as const;

const many = deny('precondition-failed', {
  rule: 'criteria',
  text: 'More than one resource that this caller may see meets the criteria.',
});

const byId = (id: string): SearchQuery => ({
  criteria: [{ code: '_id', chain: [], has: [], values: [id], name: '_id', value: id }],
  includes: [],
  sort: [],
});
