import type { FhirInteraction } from '../domain/fhir/interaction.ts';
import { normalQuery } from '../domain/fhir/request.ts';
import type { SearchQuery } from '../domain/fhir/search.ts';
import { is, member, stringOf } from '../domain/json/cursor.ts';
import type { Limits } from '../domain/json/fault.ts';
import { scan } from '../domain/json/scan.ts';
import { ownRead } from '../domain/upstream.ts';
import type { UpstreamReader } from '../ports.ts';
import type { Planned } from './exchange.ts';
import type { ResourceReleaseParts } from './release/resource.ts';
import { deny, proceed, type Stage, type Verdict } from './stage.ts';

export interface ConditionParts {
  readonly reader: UpstreamReader;
  readonly limits: Limits;
  readonly budgetMs: number;
  readonly right: ResourceReleaseParts['right'];
}

/** Matches that are looked through: a condition that means one resource has few. */
const MOST = 100;

/**
 * If-None-Exist asks whether a resource is there, and the answer would tell of records that the caller may not see. So the
 * condition ranges over what the caller may see: one such match is named to the upstream by its id, and without any the
 * create is an ordinary one.
 */
export function condition(parts: ConditionParts): Stage<Planned, Planned> {
  return {
    name: 'condition',
    failure: 'upstream-error',
    budgetMs: parts.budgetMs,
    run(input, context) {
      const { interaction } = input;
      if (interaction.kind !== 'create' || interaction.headers.ifNoneExist === undefined) return proceed(input);
      return resolve(input, interaction, interaction.headers.ifNoneExist, context.signal);
    },
  };

  async function resolve(
    input: Planned,
    interaction: Extract<FhirInteraction, { kind: 'create' }>,
    query: SearchQuery,
    signal: AbortSignal,
  ): Promise<Verdict<Planned>> {
    const { type } = interaction;
    const search = normalQuery({ kind: 'search', type, query: { ...query, count: MOST }, headers: {} });
    const response = await parts.reader.read(ownRead(`/${type}?${search}`), signal);
    if (response.kind === 'fault') return deny(response.code);
    if (response.status !== 200) return deny(response.status < 500 ? 'upstream-refused' : 'upstream-error');
    const scanned = scan(response.body, parts.limits);
    if (!scanned.ok) return deny('upstream-malformed');
    const { tape } = scanned;
    const entries = member(tape, 0, 'entry');
    const visible: string[] = [];
    let all = 0;
    for (
      let entry = entries + 1;
      entries >= 0 && entry < (tape.next[entries] as number);
      entry = tape.next[entry] as number
    ) {
      const node = member(tape, entry, 'resource');
      if (node < 0 || !is(tape, member(tape, node, 'resourceType'), type)) continue;
      all += 1;
      const id = stringOf(tape, member(tape, node, 'id'));
      if (id !== undefined && parts.right(tape, node, type, input, undefined, undefined).kind === 'may')
        visible.push(id);
    }
    if (visible.length > 1)
      return deny('precondition-failed', {
        rule: 'if-none-exist',
        text: 'More than one resource meets the condition.',
      });
    if (all === 0) return proceed(input);
    const { ifNoneExist: _condition, ...headers } = interaction.headers;
    const [id] = visible;
    return proceed({
      ...input,
      interaction: {
        ...interaction,
        headers: id === undefined ? headers : { ...headers, ifNoneExist: byId(id) },
      },
    });
  }
}

const byId = (id: string): SearchQuery => ({
  criteria: [{ code: '_id', chain: [], has: [], values: [id], name: '_id', value: id }],
  includes: [],
  sort: [],
});
