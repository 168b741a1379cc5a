import { scan } from '../json/scan.ts';
import { applySplices } from '../json/splice.ts';
import type { Tape } from '../json/tape.ts';
import { pathOf } from './explain.ts';
import { stripMaskLabels } from './labels.ts';
import type { MaskingContext, MaskingPlan } from './plan.ts';
import { sameTree, type Tree, treeOf, treeText } from './tree.ts';
import { markResource } from './walk.ts';
import type { Mark } from './walk-state.ts';

/** What is to be stored, or the paths at which the caller would change what the plan hides. Paths, never values. */
export type Merged =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly paths: readonly string[] };

export interface Versions {
  /** The resource as it is stored now: the version that the caller's If-Match stands for. */
  readonly current: Tape;
  readonly plan: MaskingPlan;
  /** The same as for the read that is written back. */
  readonly context: MaskingContext;
}

interface Served {
  readonly tree: Tree;
  readonly marks: readonly Mark[];
}

const withoutLabels = (bytes: Uint8Array): Tree | undefined => {
  const scanned = scan(bytes);
  if (!scanned.ok) return undefined;
  const stripped = applySplices(bytes, stripMaskLabels(scanned.tape, 0));
  const again = scan(stripped);
  return again.ok ? treeOf(again.tape, 0) : undefined;
};

const serve = (tape: Tape, plan: MaskingPlan, context: MaskingContext): Served | undefined => {
  const { result, marks } = markResource(tape, 0, plan, context);
  if (result.kind === 'unmaskable') return undefined;
  const tree = withoutLabels(applySplices(tape.bytes, result.splices));
  return tree === undefined ? undefined : { tree, marks };
};

const plainPath = (path: string): string => path.replace(/\[\d+\]/g, '');

const typeOf = (tree: Tree): string =>
  tree instanceof Map ? String(tree.get('resourceType') ?? '""').slice(1, -1) : '';

class Merge {
  readonly conflicts = new Set<string>();
  readonly #plan: MaskingPlan;
  readonly #context: MaskingContext;

  constructor(plan: MaskingPlan, context: MaskingContext) {
    this.#plan = plan;
    this.#context = context;
  }

  #conflict(path: string): undefined {
    this.conflicts.add(plainPath(path));
    return undefined;
  }

  /** `undefined`: nothing stays here. */
  node(current: Tree, served: Tree, submitted: Tree, path: string): Tree | undefined {
    if (sameTree(served, submitted)) return current;
    if (sameTree(served, current)) return submitted;
    if (current instanceof Map && served instanceof Map && submitted instanceof Map) {
      return this.#members(current, served, submitted, path);
    }
    if (Array.isArray(current) && Array.isArray(served) && Array.isArray(submitted)) {
      return this.#items(current, served, submitted, path);
    }
    return this.#conflict(path);
  }

  #members(
    current: ReadonlyMap<string, Tree>,
    served: ReadonlyMap<string, Tree>,
    submitted: ReadonlyMap<string, Tree>,
    path: string,
  ): Tree {
    const out = new Map<string, Tree>();
    for (const [name, value] of current) {
      const inner = `${path}.${name}`;
      const seen = served.get(name);
      const sent = submitted.get(name);
      if (seen === undefined) {
        // Hidden. To send it, right or wrong, would be a guess.
        if (sent !== undefined) this.#conflict(inner);
        out.set(name, value);
      } else if (sent === undefined) {
        if (!sameTree(seen, value)) this.#conflict(inner);
      } else {
        const merged = this.node(value, seen, sent, inner);
        if (merged !== undefined) out.set(name, merged);
      }
    }
    for (const [name, seen] of served) {
      // What stands for a hidden element goes neither in nor away.
      if (!current.has(name) && !sameTree(seen, submitted.get(name)))
        this.#conflict(`${path}.${name.replace(/^_/, '')}`);
    }
    for (const [name, sent] of submitted) {
      if (!current.has(name) && !served.has(name)) out.set(name, sent);
    }
    return out;
  }

  /** Items are told by what they are, then by their order; hidden ones stay after the one they followed. */
  #items(
    current: readonly Tree[],
    served: readonly Tree[],
    submitted: readonly Tree[],
    path: string,
  ): Tree | undefined {
    const pairs = this.#pairs(current, served);
    if (pairs === undefined) return this.#conflict(path);
    const used = new Set<number>();
    const matched: (number | undefined)[] = submitted.map((sent) => {
      const at = served.findIndex((seen, i) => !used.has(i) && sameTree(seen, sent));
      if (at < 0) return undefined;
      used.add(at);
      return at;
    });
    const free = served.map((_, i) => i).filter((i) => !used.has(i));
    const open = matched.map((at, i) => (at === undefined ? i : -1)).filter((i) => i >= 0);
    if (free.length === open.length)
      open.forEach((i, k) => {
        matched[i] = free[k];
      });
    else {
      for (const i of free) {
        const own = current[pairs[i] as number] as Tree;
        if (!sameTree(served[i], own)) this.#conflict(`${path}[${i}]`);
      }
    }
    const out: Tree[] = [];
    const hidden = new Set(current.map((_, i) => i).filter((i) => !pairs.includes(i)));
    const follow = (from: number): void => {
      for (let i = from; hidden.has(i); i += 1) {
        out.push(current[i] as Tree);
        hidden.delete(i);
      }
    };
    follow(0);
    submitted.forEach((sent, i) => {
      const at = matched[i];
      if (at === undefined) {
        out.push(sent);
        return;
      }
      const own = pairs[at] as number;
      const merged = this.node(current[own] as Tree, served[at] as Tree, sent, `${path}[${own}]`);
      if (merged !== undefined) out.push(merged);
      follow(own + 1);
    });
    for (const i of hidden) out.push(current[i] as Tree);
    return out;
  }

  /** For each served item the index of the one it was made of: served items are a subsequence of the current ones. */
  #pairs(current: readonly Tree[], served: readonly Tree[]): readonly number[] | undefined {
    if (current.length === served.length) return served.map((_, i) => i);
    const pairs: number[] = [];
    let from = 0;
    for (const seen of served) {
      let at = from;
      while (at < current.length && !couldBe(current[at] as Tree, seen)) at += 1;
      if (at >= current.length) return undefined;
      pairs.push(at);
      from = at + 1;
    }
    return pairs;
  }

  /** Elements of what was sent that the plan would mask and that were not there before. */
  additions(submitted: Tape, before: Served): void {
    const after = markResource(submitted, 0, this.#plan, this.#context);
    if (after.result.kind === 'unmaskable') {
      this.#conflict(typeOf(before.tree));
      return;
    }
    for (const mark of after.marks) this.#conflict(pathOf(submitted, 0, mark.node));
  }
}

/** Whether a served item can have been made of a current one: all that it still says is said there. */
const couldBe = (current: Tree, seen: Tree): boolean => {
  if (typeof seen === 'string') return current === seen;
  if (Array.isArray(seen)) return Array.isArray(current);
  if (!(current instanceof Map)) return false;
  return [...seen].every(([name, value]) => {
    const own = current.get(name);
    return own === undefined ? name.startsWith('_') || name === 'extension' : couldBe(own, value);
  });
};

/**
 * Merges what a caller with a masked view sends back with what is stored: hidden values stay, visible changes go in, what
 * the mask put in place of values is never stored, and a change at a hidden place is a conflict that names the path.
 */
export const mergeMasked = (submitted: Tape, versions: Versions): Merged => {
  const { current, plan, context } = versions;
  const sent = withoutLabels(submitted.bytes);
  if (sent === undefined) return { ok: false, paths: [''] };
  if (plan.transparent) return { ok: true, bytes: new TextEncoder().encode(treeText(sent)) };
  const served = serve(current, plan, context);
  if (served === undefined) return { ok: false, paths: [typeOf(treeOf(current, 0))] };
  const merge = new Merge(plan, context);
  merge.additions(submitted, served);
  const result = merge.node(withLabels(current), served.tree, sent, typeOf(sent));
  if (merge.conflicts.size > 0 || result === undefined) return { ok: false, paths: [...merge.conflicts].sort() };
  const bytes = new TextEncoder().encode(treeText(result));
  const scanned = scan(bytes);
  const after = scanned.ok ? serve(scanned.tape, plan, context) : undefined;
  // Who may change what a condition looks at could open a hidden value by calling it something else.
  return after !== undefined && after.marks.length === served.marks.length
    ? { ok: true, bytes }
    : { ok: false, paths: [typeOf(sent)] };
};

/** Labels of masking that a server once stored are not carried on. */
const withLabels = (tape: Tape): Tree => withoutLabels(tape.bytes) ?? treeOf(tape, 0);

interface PatchOperation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: Tree;
}

const patchOf = (tape: Tape): readonly PatchOperation[] | undefined => {
  const tree = treeOf(tape, 0);
  if (!Array.isArray(tree)) return undefined;
  const operations: PatchOperation[] = [];
  for (const each of tree) {
    if (!(each instanceof Map)) return undefined;
    const word = (name: string): string | undefined => {
      const value = each.get(name);
      return typeof value === 'string' && value.startsWith('"') ? (JSON.parse(value) as string) : undefined;
    };
    const [op, path, from, value] = [word('op'), word('path'), word('from'), each.get('value')];
    if (op === undefined || path === undefined) return undefined;
    operations.push({ op, path, ...(from === undefined ? {} : { from }), ...(value === undefined ? {} : { value }) });
  }
  return operations;
};

const pointer = (path: string): readonly string[] | undefined =>
  path === ''
    ? []
    : path.startsWith('/')
      ? path
          .slice(1)
          .split('/')
          .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
      : undefined;

const step = (tree: Tree | undefined, name: string): Tree | undefined =>
  tree instanceof Map
    ? tree.get(name)
    : Array.isArray(tree) && /^(?:0|[1-9]\d*)$/.test(name)
      ? tree[Number(name)]
      : undefined;

/** True when the two versions differ at, above or below the pointer: something there is hidden from the caller. */
const isHidden = (current: Tree, served: Tree, parts: readonly string[], below: boolean): boolean => {
  let own: Tree | undefined = current;
  let seen: Tree | undefined = served;
  for (const part of parts) {
    // An index counts the same in both only while no item is hidden.
    if (Array.isArray(own) && (!Array.isArray(seen) || own.length !== seen.length)) return true;
    const nextOwn: Tree | undefined = step(own, part);
    const nextSeen: Tree | undefined = step(seen, part);
    if (nextOwn === undefined) {
      const sibling = part.startsWith('_') ? part.slice(1) : `_${part}`;
      return nextSeen !== undefined || !sameTree(step(own, sibling), step(seen, sibling));
    }
    if (nextSeen === undefined) return true;
    [own, seen] = [nextOwn, nextSeen];
  }
  if (typeof own === 'string' || typeof seen === 'string') return !sameTree(own, seen);
  return below && !sameTree(own, seen);
};

/** Applies one operation of RFC 6902 in place; false when it does not apply. */
const applyOperation = (root: { tree: Tree }, operation: PatchOperation): boolean => {
  const parts = pointer(operation.path);
  if (parts === undefined) return false;
  const at = (path: readonly string[]): Tree | undefined => path.reduce<Tree | undefined>(step, root.tree);
  const take = (path: readonly string[]): boolean => {
    const [holder, name] = [at(path.slice(0, -1)), path.at(-1)];
    if (name === undefined) return false;
    if (holder instanceof Map) return holder.delete(name);
    if (!Array.isArray(holder) || step(holder, name) === undefined) return false;
    holder.splice(Number(name), 1);
    return true;
  };
  const put = (path: readonly string[], value: Tree): boolean => {
    const name = path.at(-1);
    if (name === undefined) {
      root.tree = value;
      return true;
    }
    const holder = at(path.slice(0, -1));
    if (holder instanceof Map) {
      holder.set(name, value);
      return true;
    }
    if (!Array.isArray(holder)) return false;
    const index = name === '-' ? holder.length : /^(?:0|[1-9]\d*)$/.test(name) ? Number(name) : -1;
    if (index < 0 || index > holder.length) return false;
    holder.splice(index, 0, value);
    return true;
  };
  const from = operation.from === undefined ? undefined : pointer(operation.from);
  switch (operation.op) {
    case 'add':
      return operation.value !== undefined && put(parts, operation.value);
    case 'remove':
      return take(parts);
    case 'replace':
      return (
        operation.value !== undefined &&
        at(parts) !== undefined &&
        (parts.length === 0 || take(parts)) &&
        put(parts, operation.value)
      );
    case 'test':
      return sameTree(at(parts), operation.value);
    case 'copy':
    case 'move': {
      const value = from === undefined ? undefined : at(from);
      if (from === undefined || value === undefined) return false;
      if (operation.op === 'move' && !take(from)) return false;
      return put(parts, operation.op === 'copy' ? structuredClone(value) : value);
    }
    default:
      return false;
  }
};

export type Patched = Merged | { readonly ok: false; readonly paths: readonly string[]; readonly invalid: true };

/**
 * A JSON Patch by a caller with a masked view. Every operation that reads or changes a hidden place is refused, `test`,
 * `copy` and `move` too: each of them would tell or carry off what is there. The others are applied to the true version.
 */
export const patchMasked = (patch: Tape, versions: Versions): Patched => {
  const operations = patchOf(patch);
  if (operations === undefined) return { ok: false, paths: [], invalid: true };
  const { current, plan, context } = versions;
  const served = plan.transparent ? undefined : serve(current, plan, context);
  if (!plan.transparent && served === undefined) return { ok: false, paths: [typeOf(treeOf(current, 0))] };
  const root = { tree: withLabels(current) };
  const shown = { tree: served === undefined ? root.tree : served.tree };
  for (const operation of operations) {
    if (served !== undefined) {
      for (const path of [operation.path, ...(operation.from === undefined ? [] : [operation.from])]) {
        const parts = pointer(path);
        const below = operation.op !== 'add' || path === operation.from;
        if (parts === undefined || isHidden(root.tree, shown.tree, parts, below)) return { ok: false, paths: [path] };
      }
    }
    if (!applyOperation(root, operation)) return { ok: false, paths: [operation.path], invalid: true };
    if (served !== undefined) {
      // What was put in may itself be for hiding, or may open what was hidden by changing what a condition looks at.
      const bytes = new TextEncoder().encode(treeText(root.tree));
      const scanned = scan(bytes);
      const fresh = scanned.ok ? serve(scanned.tape, plan, context) : undefined;
      if (fresh === undefined || fresh.marks.length !== served.marks.length) {
        return { ok: false, paths: [operation.path] };
      }
      shown.tree = fresh.tree;
    }
  }
  return { ok: true, bytes: new TextEncoder().encode(treeText(root.tree)) };
};
