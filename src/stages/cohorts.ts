import { resourceId } from '../domain/fhir/ids.ts';
import type { ResourceType } from '../domain/fhir/interaction.ts';
import { refuseParameter } from '../domain/fhir/query-text.ts';
import type { Bases } from '../domain/fhir/references.ts';
import { toUpstream } from '../domain/fhir/request.ts';
import { is, member, stringOf, toValue } from '../domain/json/cursor.ts';
import type { Limits } from '../domain/json/fault.ts';
import { scan } from '../domain/json/scan.ts';
import { KIND } from '../domain/json/tape.ts';
import { type CohortCell, type CohortRow, cohortCells } from '../domain/masking/cohort.ts';
import { attributesOf } from '../domain/masking/cohort-attributes.ts';
import { type Counted, sameGroup, tellsOfFew } from '../domain/masking/differencing.ts';
import type { CohortPolicy } from '../domain/policy/cohort-policy.ts';
import { type Problem, problem } from '../domain/problem.ts';
import { ownRead } from '../domain/upstream.ts';
import type { CountBook, Policies, UpstreamReader } from '../ports.ts';
import type { Authenticated, Planned } from './exchange.ts';
import type { Judged } from './judge.ts';
import { emptyTally, type Tally } from './release/bundle.ts';
import { linkedPage } from './release/links.ts';
import { refusalOf } from './release/refusal.ts';
import type { ResourceReleaseParts } from './release/resource.ts';
import { type Disclosed, type Released, told } from './release.ts';
import { deny, proceed, type StageContext, type Verdict } from './stage.ts';

/** Counts of cohorts, after the judge: of patients who each let this caller look, and never of few. */
export interface Cohorts {
  serves(exchange: Authenticated): boolean;
  count(judged: Judged, context: StageContext): Promise<Verdict<Released>>;
}

export interface CohortParts {
  readonly policies: Policies;
  readonly reader: UpstreamReader;
  readonly right: ResourceReleaseParts['right'];
  readonly book: CountBook;
  /** A keyed name: the book holds no other. */
  readonly tag: (text: string) => string;
  readonly bases: Bases;
  readonly limits: Limits;
}

const PAGE = 500;
const MOST_PEOPLE = 20_000;
/** Attributes of one question: with more, nearly every cell is one person. */
const MOST_ATTRIBUTES = 3;
/** Patients that one ledger entry names. */
const PER_ENTRY = 500;

export function cohorts(parts: CohortParts): Cohorts {
  return {
    serves: ({ interaction }) => interaction.kind === 'operation' && interaction.name === 'cohort-counts',
    async count(judged, context) {
      const verdict = await counted(judged, context).catch((error: unknown): Verdict<Released> => {
        const name = error instanceof Error ? error.name : typeof error;
        context.telemetry.failed('cohorts', name);
        return deny('stage-failed', { rule: 'cohorts-failed', text: `The count failed (${name}) and is refused.` });
      });
      for (const reason of verdict.reasons) context.story.push({ stage: 'release', ...reason });
      return verdict;
    },
  };

  async function counted(judged: Judged, context: StageContext): Promise<Verdict<Released>> {
    const [part] = judged.parts;
    if (part?.kind !== 'permitted' || part.value.interaction.kind !== 'operation') return deny('stage-failed');
    const policy = parts.policies.current()?.cohorts;
    if (policy === undefined)
      return deny('policy-no-rule', { rule: 'cohorts', text: 'No policy says what may be counted.' });
    const { criteria } = part.value.interaction.query;
    const by = criteria.find(({ name }) => name === 'by')?.value.split(',') ?? [];
    const open: readonly string[] = policy.attributes;
    if (by.length > MOST_ATTRIBUTES || new Set(by).size < by.length || by.some((name) => !open.includes(name)))
      return deny(refuseParameter('by'), { rule: 'cohorts', text: 'People are not counted by that.' });
    const found = await cohortOf(part.value, context.signal);
    if ('code' in found) return deny(found, { rule: found.code, text: 'The cohort could not be read as a whole.' });
    const cells = cohortCells(found.rows, by, policy, policy.sensitive);
    if (!(await mayTell(part.value, cells, policy)))
      return deny('cohort-refused', {
        rule: 'cohorts:differencing',
        text: 'With what this requester or study was told before, the counts would tell of too few people.',
      });
    const { consent: _consent, ...nobody } = told(emptyTally(), judged);
    return proceed(
      {
        ...nobody,
        returned: cells.length,
        status: 200,
        headers: { 'content-type': 'application/fhir+json; charset=utf-8' },
        body: parametersOf(cells, policy),
        disclosures: entriesOf(found.tally, cells.length, judged),
      },
      { rule: 'cohorts', text: `${cells.length} counts released.` },
    );
  }

  /** Everybody who meets the criteria and lets the caller look. Every page is read: a part of a cohort is another cohort. */
  async function cohortOf(
    part: Planned,
    signal: AbortSignal,
  ): Promise<{ readonly rows: readonly CohortRow[]; readonly tally: Tally } | Problem> {
    if (part.interaction.kind !== 'operation') return problem('stage-failed');
    const criteria = part.interaction.query.criteria.filter(({ name }) => name !== 'by');
    const query = { criteria, includes: [], sort: [], count: PAGE };
    const rows = new Map<string, CohortRow>();
    const tally = emptyTally();
    let path: string | undefined = toUpstream({ kind: 'search', type: patient, query, headers: {} }).path;
    const asked = new Set<string>();
    while (path !== undefined) {
      if (asked.has(path)) return problem('upstream-malformed');
      asked.add(path);
      const response = await parts.reader.read(ownRead(path), signal);
      if (response.kind === 'fault') return problem(response.code);
      if (response.status !== 200) return problem(refusalOf(response.status));
      const scanned = scan(response.body, parts.limits);
      if (!scanned.ok || !is(scanned.tape, member(scanned.tape, 0, 'resourceType'), 'Bundle'))
        return problem('upstream-malformed');
      const { tape } = scanned;
      const entries = member(tape, 0, 'entry');
      const past = entries >= 0 && tape.kind[entries] === KIND.array ? (tape.next[entries] as number) : 0;
      for (let entry = entries + 1; entry < past; entry = tape.next[entry] as number) {
        const node = member(tape, entry, 'resource');
        if (node < 0 || !is(tape, member(tape, node, 'resourceType'), patient)) continue;
        const id = resourceId(stringOf(tape, member(tape, node, 'id')) ?? '');
        if (id === undefined) return problem('upstream-malformed');
        const right = parts.right(tape, node, patient, part, undefined, undefined);
        if (right.kind !== 'may') {
          tally.withheld += 1;
          continue;
        }
        for (const each of right.patients) tally.patients.add(each);
        for (const grant of right.grants) tally.grants.add(grant);
        tally.basis ??= right.basis;
        const person = parts.tag(`patient|${id}`);
        const value = toValue(tape, node) as Readonly<Record<string, unknown>>;
        rows.set(person, { person, values: attributesOf(value) });
        if (rows.size > MOST_PEOPLE) return problem('too-costly');
      }
      path = linkedPage(tape, 0, parts.bases);
    }
    return { rows: [...rows.values()], tally };
  }

  /** Both the person and the study are held against what they were told: a study's people share what they learn. */
  function mayTell(
    { principal }: Planned,
    cells: readonly CohortCell[],
    { k, groups: most }: CohortPolicy,
  ): Promise<boolean> {
    const requesters = [
      parts.tag(`user|${JSON.stringify([principal.issuer, principal.user])}`),
      ...(principal.study === undefined ? [] : [parts.tag(`study|${principal.study}`)]),
    ];
    const groups: readonly Counted[] = cells.map(({ people }) => people);
    return parts.book.tell(requesters, (told) => {
      const fresh = new Set<Counted>();
      for (const requester of requesters) {
        const known = told(requester);
        const further = groups.filter((group) => !known.some((other) => sameGroup(group, other)));
        if (known.length + further.length > most || (further.length > 0 && tellsOfFew([...known, ...further], k)))
          return undefined;
        for (const group of further) fresh.add(group);
      }
      return [...fresh];
    });
  }
}

const patient = 'Patient' as ResourceType;

const parametersOf = (cells: readonly CohortCell[], { k }: CohortPolicy): string =>
  JSON.stringify({
    resourceType: 'Parameters',
    parameter: [
      { name: 'k', valueInteger: k },
      ...cells.map(({ values, people }) => ({
        name: 'cell',
        part: [
          ...Object.entries(values).map(([name, value]) => (value === '' ? { name } : { name, valueString: value })),
          { name: 'count', valueInteger: people.size },
        ],
      })),
    ],
  });

/** Whose records were read for the count: the patients are told, though no record left. */
async function* entriesOf(tally: Tally, returned: number, judged: Judged): AsyncGenerator<Disclosed> {
  const people = [...tally.patients];
  for (let from = 0; from === 0 || from < people.length; from += PER_ENTRY)
    yield {
      ...told({ ...tally, patients: new Set(people.slice(from, from + PER_ENTRY)) }, judged),
      returned: from === 0 ? returned : 0,
      withheld: from === 0 ? tally.withheld : 0,
    };
}
