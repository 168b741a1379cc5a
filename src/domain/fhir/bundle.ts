import { is, member, raw, stringOf } from '../json/cursor.ts';
import { Removals } from '../json/removals.ts';
import { mergeSplices, replaceNode } from '../json/splice.ts';
import { KIND, type Tape } from '../json/tape.ts';
import type { Splice } from '../masking/plan.ts';
import { eachAt } from './paths.ts';

/** Where something that can be withheld hangs: an element of a member's array, or the value of a member. */
interface Hold {
  /** The object that has the member. */
  readonly object: number;
  /** The array, or the key of the member. */
  readonly within: number;
  /** The element of the array; absent when the member itself goes. */
  readonly element?: number;
}

/**
 * One thing in an answer that is judged on its own.
 * - `root`: the answer is one resource
 * - `entry`: resource of a Bundle's entry; withholding takes the entry with its fullUrl, search, request and response
 * - `outcome`: OperationOutcome of an entry's response
 * - `bare`: entry without a resource, such as a deletion in a history; only its URLs tell what it was
 * - `parameter`: resource of a parameter or part; withholding takes the parameter
 * - `value`: a parameter or part with a plain value
 */
export interface Site {
  readonly place: 'root' | 'entry' | 'outcome' | 'bare' | 'parameter' | 'value';
  /** The resource; of `bare` and `value` the entry or parameter. */
  readonly node: number;
  /** resourceType; undefined when there is none, and then it MUST be withheld. */
  readonly type?: string;
  /** The nearest Bundle around it: references resolve among its entries. */
  readonly bundle?: number;
  /** The entry it hangs in. */
  readonly entry?: number;
  readonly fullUrl?: string;
  /** Bundle.entry.search.mode. */
  readonly mode?: string;
  /** Name of the parameter. */
  readonly name?: string;
  /** Absent for the root: it leaves whole or not at all. */
  readonly hold?: Hold;
}

export interface Answer {
  readonly tape: Tape;
  readonly sites: readonly Site[];
  /** Every Bundle in it, outer before inner. */
  readonly bundles: readonly number[];
}

/** Takes an answer apart into what must be judged one by one: Bundles in Bundles and Parameters are gone into. */
export const resourcesIn = (tape: Tape, root = 0): Answer => {
  const answer = { tape, sites: [] as Site[], bundles: [] as number[] };
  place(answer, { place: 'root', node: root });
  return answer;
};

type Building = { readonly tape: Tape; readonly sites: Site[]; readonly bundles: number[] };

const typeOf = (tape: Tape, node: number): string | undefined => stringOf(tape, member(tape, node, 'resourceType'));

const place = (into: Building, site: Site): void => {
  const type = typeOf(into.tape, site.node);
  if (type === 'Bundle') bundle(into, site.node);
  else if (type === 'Parameters') parameters(into, site.node, 'parameter', site.bundle);
  else into.sites.push(type === undefined ? site : { ...site, type });
};

const bundle = (into: Building, node: number): void => {
  const { tape } = into;
  into.bundles.push(node);
  const list = member(tape, node, 'entry');
  if (list < 0) return;
  if (tape.kind[list] !== KIND.array) {
    into.sites.push({ place: 'bare', node: list, bundle: node, hold: { object: node, within: list - 1 } });
    return;
  }
  const past = tape.next[list] as number;
  for (let entry = list + 1; entry < past; entry = tape.next[entry] as number) {
    const fullUrl = stringOf(tape, member(tape, entry, 'fullUrl'));
    const mode = stringOf(tape, member(tape, member(tape, entry, 'search'), 'mode'));
    const common = {
      bundle: node,
      entry,
      ...(fullUrl === undefined ? {} : { fullUrl }),
      ...(mode === undefined ? {} : { mode }),
    };
    const hold = { object: node, within: list, element: entry };
    const resource = member(tape, entry, 'resource');
    if (resource < 0) into.sites.push({ ...common, place: 'bare', node: entry, hold });
    else place(into, { ...common, place: 'entry', node: resource, hold });
    const response = member(tape, entry, 'response');
    const outcome = member(tape, response, 'outcome');
    if (outcome >= 0) {
      place(into, { ...common, place: 'outcome', node: outcome, hold: { object: response, within: outcome - 1 } });
    }
  }
};

const parameters = (into: Building, node: number, listName: 'parameter' | 'part', around: number | undefined): void => {
  const { tape } = into;
  const list = member(tape, node, listName);
  if (list < 0) return;
  const common = around === undefined ? {} : { bundle: around };
  if (tape.kind[list] !== KIND.array) {
    into.sites.push({ ...common, place: 'value', node: list, hold: { object: node, within: list - 1 } });
    return;
  }
  const past = tape.next[list] as number;
  for (let parameter = list + 1; parameter < past; parameter = tape.next[parameter] as number) {
    const name = stringOf(tape, member(tape, parameter, 'name'));
    const hold = { object: node, within: list, element: parameter };
    const named = name === undefined ? { ...common, hold } : { ...common, name, hold };
    const resource = member(tape, parameter, 'resource');
    if (resource >= 0) place(into, { ...named, place: 'parameter', node: resource });
    if (holdsValue(tape, parameter)) into.sites.push({ ...named, place: 'value', node: parameter });
    parameters(into, parameter, 'part', around);
  }
};

/** Anything beside name, resource and parts, extensions too. */
const holdsValue = (tape: Tape, parameter: number): boolean => {
  if (tape.kind[parameter] !== KIND.object) return true;
  const past = tape.next[parameter] as number;
  for (let key = parameter + 1; key < past; key = tape.next[key] as number) {
    if (!is(tape, key, 'name') && !is(tape, key, 'resource') && !is(tape, key, 'part')) return true;
  }
  return false;
};

/**
 * The splices that take sites out of an answer without a trace: no stub, fullUrl, link or count is left of them.
 * Bundle.total is judged even when nothing goes, so that it never tells whether something went: where all matches are
 * in the Bundle it is the number of those that stay, elsewhere it is left out.
 */
export const withhold = (answer: Answer, gone: ReadonlySet<Site>): readonly Splice[] => {
  const { tape } = answer;
  const removals = new Removals(tape);
  for (const { hold } of gone) {
    if (hold === undefined) throw new RangeError('the root of an answer is withheld by not sending it');
    if (hold.element === undefined) removals.member(hold.object, hold.within);
    else removals.element(hold.object, hold.within, hold.element);
  }
  const totals: Splice[] = [];
  for (const node of answer.bundles) {
    const total = member(tape, node, 'total');
    if (total < 0) continue;
    const { all, left } = matches(answer, node, gone);
    if (raw(tape, total) !== String(all) || isPaged(tape, node)) removals.member(node, total - 1);
    else if (left !== all) totals.push(replaceNode(tape, total, String(left)));
  }
  return mergeSplices(removals.splices(), totals);
};

const matches = (answer: Answer, node: number, gone: ReadonlySet<Site>): { all: number; left: number } => {
  const { tape } = answer;
  const goneEntries = new Set<number>();
  for (const { hold } of gone) if (hold?.object === node && hold.element !== undefined) goneEntries.add(hold.element);
  let all = 0;
  let left = 0;
  eachAt(tape, node, 'entry', (entry) => {
    const mode = member(tape, member(tape, entry, 'search'), 'mode');
    if (mode >= 0 && !is(tape, mode, 'match')) return;
    all += 1;
    if (!goneEntries.has(entry)) left += 1;
  });
  return { all, left };
};

const isPaged = (tape: Tape, node: number): boolean => {
  let paged = false;
  eachAt(tape, node, 'link', (link) => {
    const relation = member(tape, link, 'relation');
    if (relation >= 0 && !is(tape, relation, 'self')) paged = true;
  });
  return paged;
};
